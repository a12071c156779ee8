"""What the page is told of both ends, without a browser and without a relay."""

from typing import Any

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.page.cast import CAST
from relay.sandbox.page.gauges import Reading
from relay.sandbox.page.server import Page
from relay.sandbox.page.watch import CHANGED, CONVERSATIONS, Watch
from relay.sandbox.telegram.server import TelegramLookAlike

ANNA = CAST[0]
POINT = {"type": "location", "latitude": 52.52, "longitude": 13.405}
MAP = "52.52, 13.405 https://maps.google.com/?q=52.52,13.405"


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


@pytest.mark.parametrize(
    ("item", "text", "shown"),
    [
        (POINT, "[location] 52.52, 13.405 https://maps.google.com/?q=52.52,13.405", ""),
        ({**POINT, "address": "52.52, 13.405"}, f"[location] {MAP}", ""),
        ({**POINT, "address": "Café, Oderberger Str. 1"}, f"[venue] Café, Oderberger Str. 1, {MAP}", ""),
        (POINT, f"[venue] Café, {MAP}", f"[venue] Café, {MAP}"),
        (POINT, "Here I am", "Here I am"),
        ({"type": "contact", "name": "Anna", "number": "+4930"}, "[Kontakt] Anna, +4930", ""),
        ({"type": "contact", "name": "Anna", "number": "+4930"}, "[Kontakt] Anna, +4931", "[Kontakt] Anna, +4931"),
    ],
)
def test_a_card_is_not_repeated_in_words(
    kit: KitLookAlike, watch: Watch, page: Page, item: dict[str, Any], text: str, shown: str
) -> None:
    """The relay repeats a place or a person in words for desks that draw no card; this one draws it."""
    said = event(1, "7", text)
    said["event_data"]["message"]["payload"] = [item]
    kit.ledger.record(said, 1.0)
    watch.observe_kit()
    [entry] = [value for key, value in page.entries() if key.startswith("desk/7/")]
    assert entry["text"] == shown


def test_a_side_that_was_taken_down_does_not_answer(kit: KitLookAlike, watch: Watch, page: Page) -> None:
    """The page says so in plain words; what fails otherwise keeps the relay's own reason."""
    journey = watch.journeys.begin("to_kit", "7", "1")
    reason = "Kit's answer was lost (ServerDisconnectedError)"
    line = {"event": "delivery.attempted", "direction": "to_kit", "client": "7", "outcome": "retried", "reason": reason}
    watch.reading = Reading(fresh=True, checks={"kit": {"ok": False, "reason": reason}})
    for down, said in ((False, reason), (True, "Kit does not answer")):
        kit.faults.down = down
        watch.hear(line)
        assert journey.reason == said
        assert dict(page.entries())["gauges"]["checks"]["kit"] == {"ok": False, "reason": said}
