"""What the page is told of both ends, without a browser and without a relay."""

from typing import Any

from relay.sandbox.kit import KitLookAlike
from relay.sandbox.page.cast import CAST
from relay.sandbox.page.server import Page
from relay.sandbox.page.watch import CHANGED, CONVERSATIONS, Watch
from relay.sandbox.telegram import TelegramLookAlike

ANNA = CAST[0]


def event(number: int, client: str, text: str) -> dict[str, Any]:
    return {
        "client_data": {"client_id": client},
        "event_id": f"e{number}",
        "event_type": "send_message",
        "event_data": {"message": {"message_id": str(number), "text": text}},
    }


def test_edits_and_reactions_stand_where_they_belong(telegram: TelegramLookAlike, watch: Watch, page: Page) -> None:
    """Telegram's updates say what changed; the conversation shows how it is now."""
    anna = telegram.customer(ANNA.id)
    first = anna.writes("helo")["message"]["message_id"]
    anna.edits(first, "hello")
    anna.reacts(first, "👍")
    watch.observe_telegram()
    shown = dict(page.entries())[f"phone/{ANNA.id}/{first}"]
    assert (shown["text"], shown["edited"], shown["reaction"], shown["stage"]) == ("hello", True, "👍", "sent")


def test_what_a_link_carries_is_not_shown(telegram: TelegramLookAlike, watch: Watch, page: Page) -> None:
    """As in Telegram's own clients."""
    number = telegram.customer(ANNA.id).starts("secret-campaign")["message"]["message_id"]
    watch.observe_telegram()
    assert dict(page.entries())[f"phone/{ANNA.id}/{number}"]["text"] == "/start"


def test_a_closed_conversation_is_open_again_when_the_customer_writes(
    kit: KitLookAlike, watch: Watch, page: Page
) -> None:
    """As at Kit."""

    def is_open() -> bool:
        watch.observe_kit()
        return bool(dict(page.entries())["desk/7"]["open"])

    kit.ledger.record(event(1, "7", "hello"), 1.0)
    assert is_open()
    kit.callbacks.closing("7")
    assert not is_open()
    kit.ledger.record(event(2, "7", "one more thing"), 2.0)
    assert is_open()


def test_a_load_does_not_fill_the_page(
    telegram: TelegramLookAlike, kit: KitLookAlike, watch: Watch, page: Page
) -> None:
    """Thousands of chats and messages leave the newest; what is older is forgotten."""
    telegram.backlog(3_000, 600)
    for number in range(3_000):
        kit.ledger.record(event(number, str(number % 600), f"text {number}"), float(number))
    anna = telegram.customer(ANNA.id)
    for number in range(CHANGED + 50):
        anna.edits(number, "changed")
    watch.observe_telegram()
    watch.observe_kit()
    entries = dict(page.entries())
    assert len(watch.desk) == CONVERSATIONS
    assert len(watch.edits) == CHANGED
    assert len([key for key in entries if key.startswith("lane/")]) <= 60
    assert len(entries) < 2_000
