"""The operation `keep_link`: a campaign that is too long for a link gets a code."""

from collections.abc import Mapping
from typing import Any

from relay.control.office import Office
from relay.store.deep_links import Link


async def keep_link(office: Office, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Keep `touch` (utm and page) under `code`, for ever, in the `channel` of this name or bot id (or the only one)."""
    channel = office.channel(parameters.get("channel"))
    await office.store.keep_link(Link(channel.key, parameters["code"], parameters["touch"]))
    return {"channel": channel.label, "code": parameters["code"]}
