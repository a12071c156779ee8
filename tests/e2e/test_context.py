"""What messages refer to, in a relay of its own process that remembers what was said in its database."""

import re
import time
from pathlib import Path

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.content import png
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import relay_inside
from tests.e2e.process import RelayProcess

ANNA = 107804195


async def test_edits_show_what_was_said_before(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Each edit with the words before it, after a restart too; one that changes nothing visible is declined."""
    anna = telegram.customer(ANNA)
    number = anna.writes("Where is order 5?")["message"]["message_id"]
    anna.edits(number, "Where is order 6?")
    await kit.wait_for(lambda: len(kit.messages(ANNA)) == 2)
    assert await relay.stop() == 0
    await relay.start()
    anna.edits(number, "Where is order 6?")
    anna.edits(number, "Where is order 7?")
    await kit.wait_for(lambda: len(kit.messages(ANNA)) == 3)
    assert kit.texts(ANNA) == [
        "Where is order 5?",
        "✏️ Where is order 6?\n(was: Where is order 5?)",
        "✏️ Where is order 7?\n(was: Where is order 6?)",
    ]
    figures = await relay.settled("to_kit")
    assert (figures.received, figures.delivered, figures.declined) == (4, 3, 1)


async def test_second_thoughts_are_one_message(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Eight edits and six reactions within a moment: what became of them, at once when the customer goes on."""
    anna = telegram.customer(ANNA)
    number = anna.writes("Where is order 5?")["message"]["message_id"]
    await kit.wait_for(lambda: kit.messages(ANNA))
    for attempt in range(6, 14):
        anna.edits(number, f"Where is order {attempt}?")
    for _ in range(3):
        anna.reacts(number, "👍")
        anna.reacts(number, before=["👍"])
    await telegram.wait_for(lambda: telegram.updates.pending_count == 0)
    assert len(kit.messages(ANNA)) == 1, "an edit waits for the next one"
    anna.writes("And order 8?")
    await kit.wait_for(lambda: len(kit.messages(ANNA)) == 3)
    assert kit.texts(ANNA)[1:] == ["✏️ Where is order 13?\n(was: Where is order 5?)", "And order 8?"]
    figures = await relay.settled("to_kit")
    # Of eight edits there was one delivery; each reaction was taken back before anybody could see it.
    assert (figures.received, figures.delivered, figures.declined, figures.dead) == (9, 3, 6, 0)
    assert await kit.close_conversation(ANNA) == 200
    anna.reacts(number, "👍")
    figures = await relay.settled("to_kit")
    assert (figures.received, figures.declined, len(kit.messages(ANNA))) == (10, 7, 3)


@pytest.mark.usefixtures("relay")
async def test_what_was_written_long_ago_says_so(telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
    """When, by Telegram's clock: after an outage of a night an agent must not answer as if it had just been asked."""
    anna = telegram.customer(ANNA)
    anna.writes("Is it open now?", date=int(time.time()) - 20 * 3600)
    anna.writes("Hello?")
    await kit.wait_for(lambda: len(kit.messages(ANNA)) == 2)
    first, second = kit.texts(ANNA)
    assert re.fullmatch(r"🕓 written \d{4}-\d\d-\d\d \d\d:\d\d UTC\nIs it open now\?", first or "")
    assert second == "Hello?"


@pytest.mark.parametrize(("off", "hours", "is_late"), [(86_400, 0, False), (-86_400, 20, True)])
async def test_a_clock_that_was_set_after_the_start_says_what_is_late(
    telegram: TelegramLookAlike,
    kit: KitLookAlike,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    off: int,
    hours: int,
    is_late: bool,
) -> None:
    """A machine that gets its time from the network a moment after the relay has started: due times stay by the old."""
    monkeypatch.setattr("relay.store.store.steady_clock", lambda: lambda: time.time() + off)
    async with relay_inside(telegram, kit, tmp_path):
        telegram.customer(ANNA).writes("Is it open now?", date=int(time.time()) - hours * 3600)
        await kit.wait_for(lambda: kit.messages(ANNA))
    [text] = kit.texts(ANNA)
    assert ("🕓" in (text or "")) is is_late


@pytest.mark.usefixtures("relay")
async def test_an_edited_item_of_an_album(telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
    """Its new words beside its old ones, behind the album."""
    anna = telegram.customer(ANNA)
    _, second = anna.sends_album([("photo", None, "one"), ("photo", None, "tow")])
    message = {**second["message"], "caption": "two", "edit_date": second["message"]["date"] + 1}
    anna.sends_raw(message, "edited_message")
    await kit.wait_for(lambda: len(kit.messages(ANNA)) == 2)
    album, edit = kit.messages(ANNA)
    assert (album.text, len(album.payload)) == ("one\ntow", 2)
    assert (edit.text, len(edit.payload)) == ("✏️ two\n(was: tow)", 1)


async def test_reactions_to_an_agents_messages_carry_their_words(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """A text, each part of a long one, a picture with words and one without: each by its own Telegram id."""
    anna = telegram.customer(ANNA)
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    url = kit.host_file(png(), "a.png")
    photo = {"type": "photo", "file_name": "a.png", "file_url": url}
    await kit.agent_says(ANNA, "It is on its way")
    await kit.agent_says(ANNA, "a " * 2048 + "b " * 100)
    await kit.agent_says(ANNA, "Look", [photo, photo])
    await telegram.wait_for(lambda: len(telegram.chat(ANNA).messages) == 5)
    await relay.settled("to_telegram")
    for message in telegram.chat(ANNA).messages:
        anna.reacts(message["message_id"], "👍")
    await kit.wait_for(lambda: len(kit.messages(ANNA)) == 6)
    assert kit.texts(ANNA)[1:] == [
        "👍 to ❝It is on its way❞",
        f"👍 to ❝{'a ' * 39}a…❞",
        f"👍 to ❝{'b ' * 39}b…❞",
        "👍 to ❝Look❞",
        "👍 to ❝[photo] a.png❞",
    ]


@pytest.mark.usefixtures("relay")
async def test_a_reaction_to_what_nobody_remembers_is_still_a_reaction(
    telegram: TelegramLookAlike, kit: KitLookAlike
) -> None:
    """Words are forgotten after the retention time, and what was said before the relay came it never knew."""
    anna = telegram.customer(ANNA)
    anna.writes("hello")
    anna.reacts(4, "👍")
    await kit.wait_for(lambda: len(kit.messages(ANNA)) == 2)
    assert kit.texts(ANNA)[1] == "👍 reacted to a message"
