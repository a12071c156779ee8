"""Whoever writes Kit's JSON, and however: what an agent says arrives, and a close closes."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.kit.writing import Style
from relay.sandbox.shared.content import png
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import InnerRelay, relay_inside
from tests.formats import GIF
from tests.media import voice

ANNA: Final = 107804195
#: Of each kind that JSON has, and what programs put where they have nothing.
ODD: Final[dict[str, Any]] = {
    "null": None, "nothing": "", "a name": "bot-1", "a UUID": "2f1c3a80-9d1f-4f53-8a53-9d3c1b5a7c11",
    "a data URI": "data:image/png;base64,iVBORw0KGgo=", "a fraction": 4.5, "a whole float": 1.0,
    "beyond 64 bits": 2**63, "true": True, "false": False, "a list": [], "an object": {},
}  # fmt: skip
PLACES: Final = (
    "sender_id", "sender_username", "sender_display_name", "sender_avatar", "sender_email", "sender_type", "is_bot",
    "sender_data", "message_id", "text", "payload", "file_name", "new_field", "close_reason",
)  # fmt: skip


@pytest.fixture
async def relay(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> AsyncIterator[InnerRelay]:
    fast = {"TELEGRAM_RATE_LIMIT": "0", "TELEGRAM_CHAT_RATE_LIMIT": "0"}
    async with relay_inside(telegram, kit, tmp_path, **fast) as relay:
        telegram.customer(ANNA).writes("hello")
        await kit.wait_for(lambda: kit.messages(ANNA))
        yield relay


async def post(kit: KitLookAlike, event_type: str, data: Any, event_id: str) -> None:
    document = {
        "client_data": {"client_id": str(ANNA)},
        "event_id": event_id,
        "event_type": event_type,
        "event_data": data,
    }
    answer = await kit.post_callback(json.dumps(document).encode(), kit.sign(event_id))
    assert (answer.status, answer.text) == (200, "OK")


def with_odd(place: str, odd: Any, photo: str, words: str) -> tuple[str, dict[str, Any]]:
    """An agent's message (or, of its reason, a close) in which one field is odd."""
    item = {"type": "photo", "file_name": "a.png", "file_url": photo}
    message: dict[str, Any] = {"message_id": "m", "text": words, "payload": [item]}
    sender: dict[str, Any] = {"sender_id": 1, "sender_display_name": "Jane"}
    data = {"sender_data": sender, "message": message}
    match place:
        case "close_reason":
            return "close_conversation", {"close_reason": odd, "sender_data": odd}
        case "sender_data" | "new_field":
            data[place] = odd
        case "message_id" | "text" | "payload":
            message[place] = odd
        case "file_name":
            item[place] = odd
        case _:
            sender[place] = odd
    return "send_message", data


@pytest.mark.parametrize("place", PLACES)
async def test_an_odd_field_that_nobody_needs_loses_nothing(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: InnerRelay, place: str
) -> None:
    """Every message brings its words or its photo, every close is taken; no dead letter, and Kit is told nothing."""
    photo = kit.host_file(png(8, 8), "a.png", "image/png")
    for number, odd in enumerate(ODD.values()):
        await post(kit, *with_odd(place, odd, photo, f"words {number}"), f"{place}-{number}")
    figures = await relay.settled("to_telegram")
    closes = len(ODD) if place == "close_reason" else 0
    assert (figures.dead, figures.declined, figures.unaccounted) == (0, closes, 0)
    messages = telegram.chat(ANNA).messages
    assert len(messages) == len(ODD) - closes
    if place not in {"text", "close_reason"}:
        words = [message.get("caption") or message.get("text") for message in messages]
        assert words == [f"words {number}" for number in range(len(ODD))]
    if place not in {"payload", "close_reason"}:
        assert all("photo" in message for message in messages)
    await relay.settled("to_kit")
    told = [] if place != "payload" else kit.texts(ANNA)[1:]
    assert kit.texts(ANNA) == ["hello", *told]
    assert all("[document]" in (text or "") for text in told), "a word where items should be is spoken of"


async def test_after_an_odd_close_nothing_is_written_to_kit(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: InnerRelay
) -> None:
    """A note would open the conversation again: none, whatever the close holds."""
    odd: list[Any] = [None, 5, "x", [], {}, {"close_reason": 3}, {"message": {"text": "bye"}}]
    for number, data in enumerate(odd):
        await post(kit, "close_conversation", data, f"close-{number}")
    figures = await relay.settled("to_telegram")
    assert (figures.dead, figures.declined) == (0, 7)
    telegram.customer(ANNA).writes("again")
    await kit.wait_for(lambda: len(kit.messages(ANNA)) == 2)
    assert kit.texts(ANNA) == ["hello", "again"]


async def test_items_of_unlisted_types_are_sent_as_what_their_bytes_are(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: InnerRelay
) -> None:
    """A photo, a voice message, a GIF, a document: beside words or alone."""
    hosted = {
        "photo": ("image", kit.host_file(png(8, 8), "a.png", "image/png")),
        "voice": ("voice", kit.host_file(voice(1.0), "a.ogg", "audio/ogg")),
        "animation": ("gif", kit.host_file(GIF, "a.gif", "image/gif")),
        "document": ("file", kit.host_file(b"%PDF-1.4 paper", "a.pdf", "application/pdf")),
    }
    for native, (kind, link) in hosted.items():
        assert await kit.agent_says(ANNA, f"beside {native}", [{"type": kind, "url": link}]) == 200
        assert await kit.agent_says(ANNA, None, [{"type": kind.upper(), "file_url": f" {link}\n"}]) == 200
    await relay.settled("to_telegram")
    messages = telegram.chat(ANNA).messages
    assert [native in message for message, native in zip(messages, [n for n in hosted for _ in "12"], strict=True)] == [
        True
    ] * 8
    assert [message.get("caption") for message in messages[::2]] == [f"beside {native}" for native in hosted]
    await relay.settled("to_kit")
    assert kit.texts(ANNA) == ["hello"]


async def test_a_payload_may_be_written_in_any_style(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: InnerRelay
) -> None:
    """PHP's list with gaps, JSON in a string, one item alone: the photo arrives with its words."""
    item = {"type": "photo", "file_name": "a.png", "file_url": kit.host_file(png(8, 8), "a.png", "image/png")}
    styles: list[Any] = [{"1": item}, json.dumps([item]), json.dumps(item), item, [json.dumps(item)], [None, item, ""]]
    for number, payload in enumerate(styles):
        await post(kit, "send_message", {"message": {"text": str(number), "payload": payload}}, f"style-{number}")
    await relay.settled("to_telegram")
    assert [message.get("caption") for message in telegram.chat(ANNA).messages] == [str(n) for n in range(len(styles))]
    await relay.settled("to_kit")
    assert kit.texts(ANNA) == ["hello"]


@pytest.mark.parametrize("style", ["php", "go"])
async def test_a_conversation_in_the_style_of_either_program(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: InnerRelay, style: Style
) -> None:
    """With what is unset left out, or there as "", 0 and null: words, a photo, nobody's words, a close."""
    kit.callbacks.style = style
    photo = {"type": "photo", "file_name": "a.png", "file_url": kit.host_file(png(8, 8), "a.png", "image/png")}
    assert await kit.agent_says(ANNA, "<b>5 > 4 & 3</b> / ✓") == 200
    assert await kit.agent_says(ANNA, None, [photo]) == 200
    assert await kit.agent_says(ANNA, "an automatic answer", sender=None) == 200
    assert await kit.close_conversation(ANNA) == 200
    figures = await relay.settled("to_telegram")
    assert (figures.delivered, figures.declined, figures.dead) == (3, 1, 0)
    said = [message.get("text") for message in telegram.chat(ANNA).messages]
    assert said == ["<b>5 > 4 & 3</b> / ✓", None, "an automatic answer"]
    await relay.settled("to_kit")
    assert kit.texts(ANNA) == ["hello"]
