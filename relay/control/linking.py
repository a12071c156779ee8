"""The operation `keep_link`: a campaign that is too long for a link gets a code."""

from collections.abc import Mapping
from typing import Any

from relay.control.operation import OperationContext
from relay.store.deep_links import Link


async def keep_link(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Keep `touch` (utm and page) under `code`, for ever, in the `channel` of this name or bot id (or the only one)."""
    channel = context.channel(parameters.get("channel"))
    await context.store.keep_link(Link(channel.key, parameters["code"], parameters["touch"]))
    return {"channel": channel.label, "code": parameters["code"]}
