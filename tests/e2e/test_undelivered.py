"""What an agent's message cannot do, the agent reads, once and in words; and the customer is not left in the dark."""

import json
from pathlib import Path
from typing import Any

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.content import Content, png
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.databases import change
from tests.e2e.inside import InnerRelay, relay_inside
from tests.e2e.process import RelayProcess

ANNA = "107804195"
BLOCKED = "⚠️ Not delivered: ❝one❞ — the customer has blocked the bot"


def notes(kit: KitLookAlike) -> list[str]:
    """What the relay itself has told the agent of Anna."""
    return [text for text in kit.texts(ANNA) if text is not None and text.startswith("⚠️")]


def sends(telegram: TelegramLookAlike, chat_id: int) -> list[str]:
    """The calls that tried to send something to a chat, whether they were taken or not."""
    return [call.method for call in telegram.calls if call.chat_id == chat_id and call.method.startswith("send")]


async def test_a_blocked_customer_costs_one_call_and_one_note(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """The next replies fail at once, without a call and without a note, until the customer writes again."""
    anna = telegram.customer(int(ANNA))
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    anna.blocks_bot(announced=False)
    for text in ("one", "two", "three"):
        assert await kit.agent_says(ANNA, text) == 200
    await kit.wait_for(lambda: notes(kit))
    await inner.settled("to_telegram")
    assert await kit.agent_says(ANNA, "four") == 200
    await inner.settled("to_telegram")
    refused = [each for each in telegram.refused if each.method == "sendMessage"]
    figures = await inner.figures("to_telegram")
    assert (len(refused), notes(kit), figures.dead, figures.unaccounted) == (1, [BLOCKED], 4, 0)
    anna.unblocks_bot()
    anna.writes("I am back")
    await kit.wait_for(lambda: kit.texts(ANNA)[-1] == "I am back")
    assert await kit.agent_says(ANNA, "welcome") == 200
    await telegram.wait_for(lambda: telegram.chat(anna.id).texts == ["welcome"])


UNREACHABLE = "⚠️ Not delivered: ❝{}❞ — the customer cannot be reached until they write again"


@pytest.mark.parametrize("announced", [True, False])
async def test_a_block_is_told_once_in_each_conversation(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, *, announced: bool
) -> None:
    """An agent who begins another conversation, a minute after the end of one or later, is told anew; a bot is not."""
    anna = telegram.customer(int(ANNA))
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    if not announced:
        anna.blocks_bot(announced=False)
        assert await kit.agent_says(ANNA, "one") == 200
        await kit.wait_for(lambda: notes(kit) == [BLOCKED])
    await kit.close_conversation(ANNA)
    if announced:
        anna.blocks_bot()
        await relay.shows("relay_updates_total", 1, verdict="declined")
    assert await kit.agent_says(ANNA, "overtaken by the end of the conversation") == 200
    await relay.settled("to_telegram")
    assert notes(kit) == ([] if announced else [BLOCKED])
    await relay.stop()
    change(relay.home, "UPDATE client_link SET closed_at = closed_at - 60")
    await relay.start()
    assert await kit.agent_says(ANNA, "from a bot", sender=None) == 200
    await relay.settled("to_telegram")
    for text in ("two", "three"):
        assert await kit.agent_says(ANNA, text) == 200
    await kit.wait_for(lambda: UNREACHABLE.format("two") in notes(kit))
    await relay.settled("to_telegram")
    await relay.settled("to_kit")
    assert notes(kit) == [*([] if announced else [BLOCKED]), UNREACHABLE.format("two")]


async def test_no_note_wakes_a_closed_conversation(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """A reply that fails after the end of the conversation is a dead letter, and nothing is said about it in Kit."""
    anna = telegram.customer(int(ANNA))
    async with relay_inside(telegram, kit, tmp_path) as relay:
        anna.writes("hello")
        await kit.wait_for(lambda: kit.messages(ANNA))
        await kit.close_conversation(ANNA)
        anna.blocks_bot(announced=False)
        assert await kit.agent_says(ANNA, "one") == 200
        await relay.settled("to_telegram")
        assert (await relay.figures("to_telegram")).dead == 1
        anna.unblocks_bot()
        anna.writes("again")
        await kit.wait_for(lambda: len(kit.messages(ANNA)) >= 2)
    assert notes(kit) == []


UNUSABLE = "Kit sent it in a form that cannot be used"
ALONE = "buttons need a text above them: put it into the same message"
BUTTONS: dict[str, Any] = {
    "type": "telegram_inline_keyboard_markup",
    "inline_keyboard_markup": [[{"text": "Yes", "callback_data": "1"}, {"text": "No", "callback_data": "2"}]],
}


@pytest.mark.parametrize(
    ("message", "arrived", "note"),
    [
        (("hi", [{"type": "location", "latitude": "abc", "longitude": 1}]), ["hi"], "[location]"),
        (("hi", ["a bare word"]), ["hi"], "[document]"),
        (("hi", [{"type": "photo", "file_url": ""}, {"type": "audio"}]), ["hi"], "[photo] [audio]"),
        ((None, [{"type": "photo", "file_url": ""}]), [], "[photo]"),
        (("hi", [{"type": "sticker", "id": "7"}]), ["hi"], "[sticker]"),
        ((None, [{"type": "cmd"}, {"type": "properties", "message_type": "text"}]), [], None),
        (("hi", [{"type": "cmd"}]), ["hi"], None),
        ((None, [{"type": "properties"}, BUTTONS]), [], "[buttons] Yes, No"),
        ((" ", [BUTTONS]), [], "[buttons] Yes, No"),
        ((None, [{"type": "properties"}, {"type": "webchat_inline_buttons", "buttons": []}]), [], "[buttons]"),
        (("hi", [{"type": "webchat_inline_buttons", "buttons": []}]), ["hi"], None),
        (
            ("hi", [{"type": BUTTONS["type"], "inline_keyboard_markup": [[{"text": "Pay", "pay": True}]]}]),
            ["hi"],
            "[buttons] Pay",
        ),
        (("hi", [{"type": "location", "address": "Rua A 5"}]), ["hi", "Rua A 5"], None),
        ((None, []), [], None),
    ],
    ids=str,
)
async def test_what_nothing_can_be_made_of_is_told_once(
    telegram: TelegramLookAlike,
    kit: KitLookAlike,
    inner: InnerRelay,
    message: tuple[str | None, list[Any]],
    arrived: list[str],
    note: str | None,
) -> None:
    """The customer gets what can be used of a message; of the rest the agent reads, unless it was for others."""
    anna = telegram.customer(int(ANNA))
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    assert await kit.agent_says(ANNA, *message) == 200
    assert await kit.agent_says(ANNA, "next") == 200
    await telegram.wait_for(lambda: telegram.chat(anna.id).texts == [*arrived, "next"])
    for direction in ("to_telegram", "to_kit"):
        assert (await inner.settled(direction)).unaccounted == 0
    reason = ALONE if note in {"[buttons] Yes, No", "[buttons]"} else UNUSABLE
    assert notes(kit) == ([] if note is None else [f"⚠️ Not delivered: ❝{note}❞ — {reason}"])


async def test_an_unfit_event_is_told_once_and_only_while_the_conversation_is_open(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """The note quotes the words that were lost, however often Kit calls; a closed conversation is left alone."""
    anna = telegram.customer(int(ANNA))

    async def calls(event_id: str) -> None:
        event = {
            "client_data": {"client_id": ANNA},
            "event_id": event_id,
            "event_type": "send_message",
            "event_data": {"message": {"text": "lost words", "payload": [{"type": "x"}] * 101}},
        }
        answer = await kit.post_callback(json.dumps(event).encode(), kit.sign(event_id))
        assert answer.status == 200

    async with relay_inside(telegram, kit, tmp_path) as relay:
        anna.writes("hello")
        await kit.wait_for(lambda: kit.messages(ANNA))
        await calls("unfit-1")
        await calls("unfit-1")
        await kit.wait_for(lambda: notes(kit))
        await kit.close_conversation(ANNA)
        await calls("unfit-2")
        figures = await relay.settled("to_telegram")
        assert (figures.dead, figures.unaccounted, (await relay.settled("to_kit")).unaccounted) == (2, 0, 0)
    assert notes(kit) == [f"⚠️ Not delivered: ❝lost words❞ — {UNUSABLE}"]


async def test_a_text_does_not_die_with_its_file(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """A file that is gone: the words arrive, with an apology in the customer's language; what follows arrives too."""
    anna = telegram.customer(int(ANNA), language_code="de")
    gone = f"{kit.url}/files/gone/invoice.pdf"
    photo = kit.host_file(png(64, 64), "ok.png", "image/png")
    items = [
        {"type": "document", "file_name": "invoice.pdf", "file_url": gone},
        {"type": "photo", "file_name": "ok.png", "file_url": photo},
    ]
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    assert await kit.agent_says(ANNA, "Here is the invoice", items) == 200
    await kit.wait_for(lambda: notes(kit))
    await inner.settled("to_telegram")
    figures = await inner.figures("to_telegram")
    [text] = telegram.chat(anna.id).texts
    assert text.startswith("Here is the invoice\n\n")
    assert "invoice.pdf" in text
    assert "leid" in text
    assert sends(telegram, anna.id)[-1] == "sendPhoto"
    assert (figures.delivered, figures.dead, figures.unaccounted) == (1, 1, 0)
    told = "⚠️ The file ❝invoice.pdf❞ was not delivered — the file is not available any more."
    assert notes(kit) == [f"{told} Your words arrive without it."]


async def test_one_bad_file_of_an_album_does_not_take_the_others_along(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """The good ones arrive together, the bad one is a dead letter with one note that names it."""
    anna = telegram.customer(int(ANNA))
    good = [kit.host_file(png(64, 64), f"{number}.png", "image/png") for number in range(2)]
    urls = [good[0], f"{kit.url}/files/gone/bad.png", good[1]]
    items = [{"type": "photo", "file_name": f"photo {n}.png", "file_url": url} for n, url in enumerate(urls)]
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    assert await kit.agent_says(ANNA, None, items) == 200
    await kit.wait_for(lambda: notes(kit))
    figures = await inner.settled("to_telegram")
    assert sends(telegram, anna.id) == ["sendMediaGroup", "sendMessage"]
    [text] = telegram.chat(anna.id).texts
    assert "photo 1.png" in text
    assert (figures.delivered, figures.dead, figures.unaccounted) == (1, 1, 0)
    assert notes(kit) == ["⚠️ The file ❝photo 1.png❞ was not delivered — the file is not available any more"]


async def test_only_the_refused_picture_of_an_album_changes_its_form(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """Telegram says no to the album, not to which picture: the others stay pictures, and that one goes as a file."""
    anna = telegram.customer(int(ANNA))
    pictures = [png(width, 64) for width in range(64, 68)]
    telegram.next_answer(400, "Bad Request: IMAGE_PROCESS_FAILED", on="sendMediaGroup", times=2)
    telegram.next_answer(400, "Bad Request: IMAGE_PROCESS_FAILED", on="sendPhoto")
    items = [
        {
            "type": "photo",
            "file_name": f"{number}.png",
            "file_url": kit.host_file(content, f"{number}.png", "image/png"),
        }
        for number, content in enumerate(pictures)
    ]
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    assert await kit.agent_says(ANNA, "four", items) == 200
    figures = await inner.settled("to_telegram")
    assert (figures.delivered, figures.dead, notes(kit)) == (1, 0, [])
    arrived = telegram.chat(anna.id).messages
    assert ["document" if "document" in message else "photo" for message in arrived] == ["document", *["photo"] * 3]


async def test_what_telegram_never_takes_is_told_once(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """A text that is refused is a dead letter with Telegram's reason, and one note; the next one arrives."""
    anna = telegram.customer(int(ANNA))
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    telegram.next_answer(400, "Bad Request: MESSAGE_TOO_CLEVER", on="sendMessage")
    assert await kit.agent_says(ANNA, "a riddle") == 200
    assert await kit.agent_says(ANNA, "a plain word") == 200
    await telegram.wait_for(lambda: telegram.chat(anna.id).texts == ["a plain word"])
    await kit.wait_for(lambda: notes(kit))
    assert (await inner.figures("to_telegram")).dead == 1
    assert notes(kit) == ["⚠️ Not delivered: ❝a riddle❞ — Telegram does not accept this content"]


async def test_a_chat_that_moved_is_followed(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """The message is sent again to the new id at once, and the next ones go there without a detour."""
    anna = telegram.customer(int(ANNA))
    other = telegram.customer(42)
    async with relay_inside(telegram, kit, tmp_path):
        anna.writes("hello")
        other.writes("hello")
        await kit.wait_for(lambda: kit.messages(ANNA) and kit.messages("42"))
        telegram.next_answer(
            400, "Bad Request: group chat was upgraded to a supergroup chat", on="sendMessage",
            migrate_to_chat_id=other.id,
        )  # fmt: skip
        for text in ("first", "second"):
            assert await kit.agent_says(ANNA, text) == 200
        await telegram.wait_for(lambda: telegram.chat(other.id).texts == ["first", "second"])
    assert telegram.chat(anna.id).texts == []


@pytest.mark.parametrize("kills", [3])
async def test_a_note_is_neither_lost_nor_doubled_by_kills(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, kills: int
) -> None:
    """While Kit is down a reply fails, and the relay is killed again and again: the note arrives once."""
    anna = telegram.customer(int(ANNA))
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    kit.faults.apply({"down": True})
    anna.blocks_bot(announced=False)
    assert await kit.agent_says(ANNA, "one") == 200
    await telegram.wait_for(lambda: telegram.refused)
    await relay.settled("to_telegram")
    for _ in range(kills):
        await relay.kill()
        await relay.start()
    kit.faults.apply({"down": False})
    await kit.wait_for(lambda: notes(kit))
    await relay.settled("to_kit")
    assert notes(kit) == [BLOCKED]


async def test_a_file_that_is_too_large_is_given_as_a_link(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """What Telegram's size limit forbids is told to both; a link within this machine is given to nobody."""
    anna = telegram.customer(int(ANNA))
    url = kit.host_file(Content.of(51 * 2**20), "film.bin")
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    item = {"type": "document", "file_name": "film.bin", "file_url": url}
    assert await kit.agent_says(ANNA, None, [item]) == 200
    await kit.wait_for(lambda: notes(kit))
    await inner.settled("to_telegram")
    [text] = telegram.chat(anna.id).texts
    assert "film.bin" in text
    assert url not in text
    assert notes(kit) == ["⚠️ The file ❝film.bin❞ was not delivered — the file is too large for Telegram"]
