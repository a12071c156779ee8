"""How Kit refuses a message for good: twice, while it takes what somebody else writes in between."""

from typing import Final

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.customers import Customer
from relay.sandbox.telegram.server import TelegramLookAlike

REFUSAL: Final = "the conversation is over"
#: Who writes something that Kit takes.
WITNESS: Final = 9_999_999


async def refused_for_good(telegram: TelegramLookAlike, kit: KitLookAlike, customer: Customer, text: str) -> None:
    """Let the customer write what Kit refuses for itself. It is a dead letter about two seconds later."""
    payload = {"success": False, "result": {"error": REFUSAL, "code": 400}}
    kit.faults.answer_next(400, payload=payload, on="event", of=customer.id, times=2)
    before = len(kit.refused)
    customer.writes(text)
    await kit.wait_for(lambda: len(kit.refused) > before)
    telegram.customer(WITNESS).writes("taken")
