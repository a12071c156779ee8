"""How a delivery reaches Kit."""

import time
from collections.abc import Callable

import orjson

from relay.delivery.attempt import Attempt, Carry, Later, MakeNote
from relay.delivery.pace import Pace
from relay.kit.client import KitClient
from relay.mapping.event.events import KitContext
from relay.mapping.event.lateness import dated
from relay.mapping.failure.lost import note_of_loss
from relay.model import Bury, Delivery


def to_kit(kit: KitClient, language: str, now: Callable[[], float] = time.time, *, a_minute: int = 0) -> Carry:
    """One event, one request. Kit knows a repeated event by its id. What is late says so in the agents' language.

    Of one customer so many go `a_minute`; more wait their turn. 0: no limit.
    """
    pace = Pace(a_minute / 60, a_minute)

    async def carry(attempt: Attempt) -> bool | Later:
        delivery = attempt.delivery
        if (wait := pace.delay(delivery.lane_id, time.monotonic())) > 0:
            return Later(wait)
        with attempt.calling():
            await kit.send(dated(delivery.body, delivery.written_at, now(), language))
        pace.reserve(delivery.lane_id, time.monotonic())
        return True

    return carry


def name(delivery: Delivery) -> dict[str, object]:
    """By the update that it comes from, and by the ids under which Kit gets it."""
    try:
        event = orjson.loads(delivery.body)
        names: dict[str, object] = {
            "event_id": event["event_id"],
            "message_id": event["event_data"]["message"]["message_id"],
        }
    except (orjson.JSONDecodeError, KeyError, TypeError):
        names = {}
    return names if delivery.source_id is None else {"update": delivery.source_id, **names}


def note_maker(context: KitContext) -> MakeNote:
    """Makes what is told of a customer's message that is to be buried. Why it is, only the dead letter says."""
    return lambda delivery, result: note_of_loss(context, delivery) if isinstance(result, Bury) else None
