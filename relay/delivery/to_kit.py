"""How a delivery reaches Kit."""

from relay.delivery.attempt import Attempt, Carry
from relay.kit.client import KitClient


def to_kit(kit: KitClient) -> Carry:
    """One event, one request. Kit knows a repeated event by its id."""

    async def carry(attempt: Attempt) -> bool:
        with attempt.calling():
            await kit.send(attempt.delivery.body)
        return True

    return carry
