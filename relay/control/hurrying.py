"""The operation `hurry`: what waits is tried now."""

from collections.abc import Mapping
from typing import Any

from relay.control.office import Office
from relay.store.hurrying import Hurry


async def hurry(office: Office, parameters: Mapping[str, Any]) -> dict[str, int]:
    """Make all that waits due, of one channel or of all, of one client or of everybody."""
    name = parameters.get("channel")
    channels = office.channels if name is None else [office.channel(name)]
    lanes = 0
    for channel in channels:
        lanes += await office.store.hurry(Hurry(channel.key, client=parameters.get("client"), told_to_wait=True))
        office.hurry(channel.key)
    return {"lanes": lanes}
