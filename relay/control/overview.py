"""What the operator's page shows: `status`, and each chat that waits and each dead letter."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from relay.control.operation import OperationContext
from relay.control.status import status
from relay.store.overview import Overview


async def overview(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Everything of `status`; `at` (Unix time); and for each channel `lanes`, `lanes_in_all` and `dead_letters`."""
    told = await status(context, parameters)
    looked = await asyncio.gather(*(context.store.look_over(channel.key) for channel in context.channels))
    channels = [{**channel, **_listed(over)} for channel, over in zip(told["channels"], looked, strict=True)]
    return {**told, "at": time.time(), "channels": channels}


def _listed(over: Overview) -> dict[str, Any]:
    return {
        "lanes": [
            {
                "client": lane.client_id,
                "direction": lane.direction,
                "waiting": lane.waiting,
                "oldest": lane.oldest,
                "attempts": lane.attempts,
                "due_in": lane.due_in,
                "reason": lane.reason,
            }
            for lane in over.lanes
        ],
        "lanes_in_all": over.lanes_in_all,
        "dead_letters": [
            {
                "id": letter.id,
                "direction": letter.direction,
                "client": letter.client_id,
                "age": letter.age,
                "reason": letter.reason,
            }
            for letter in over.dead
        ],
    }
