"""The operation `hurry`: what waits is tried now."""

from collections.abc import Mapping
from typing import Any

from relay.control.operation import OperationContext
from relay.store.hurrying import Hurry


async def hurry(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, int]:
    """Make all that waits due, of one channel or of all, of one client or of everybody."""
    name = parameters.get("channel")
    channels = context.channels if name is None else [context.channel(name)]
    lanes = 0
    for channel in channels:
        lanes += await context.store.hurry(Hurry(channel.key, client=parameters.get("client"), told_to_wait=True))
        context.hurry(channel.key)
    return {"lanes": lanes}
