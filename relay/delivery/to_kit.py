"""How a delivery reaches Kit."""

from relay.delivery.attempt import Attempt, Carry, MakeNote
from relay.kit.client import KitClient
from relay.mapping.event.events import KitContext
from relay.mapping.failure.lost import note_of_loss


def to_kit(kit: KitClient) -> Carry:
    """One event, one request. Kit knows a repeated event by its id."""

    async def carry(attempt: Attempt) -> bool:
        with attempt.calling():
            await kit.send(attempt.delivery.body)
        return True

    return carry


def note_maker(context: KitContext) -> MakeNote:
    """Makes what is told of a customer's message that is to be buried. Why it is, only the dead letter says."""
    return lambda delivery, _: note_of_loss(context, delivery)
