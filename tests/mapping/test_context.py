"""Messages in their context: what an edit, a reply, a reaction or a deletion refers to, in remembered words."""

from collections.abc import Sequence
from typing import Any

import pytest
from telegram import Update

from relay.mapping.event.clients import sender_of
from relay.mapping.event.events import KitContext, Origin
from relay.mapping.to_kit.deletions import deletion_wants, map_deletion
from relay.mapping.to_kit.updates import wants_of
from relay.model import Accepted, Address, Declined, Known, Said, Wants
from tests.mapping.mapped import TALKING, event_of, mapped, private, raw_sample

PHOTO = {"photo": [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]}
#: What agents know it by.
NAMED = "[photo] photo 1970-01-01 00.00 (3).jpg"
SILENT = {"message_id": 2, "date": 0, "chat": {"id": 7, "type": "private"}}


def remembering(*said: Said) -> Known:
    return Known(TALKING.client, {each.message_id: each for each in said})


def test_what_a_message_refers_to_stands_before_what_is_too_large() -> None:
    """An agent reads first whose it is and what it answers, then that a file cannot be had, then the words."""
    big = {"file_id": "f", "file_unique_id": "u", "file_name": "film.mkv", "file_size": 30 * 2**20}
    line = "[document] film.mkv, 30.0 MB: too large to be passed on"
    origin = {"type": "hidden_user", "sender_user_name": "Ben", "date": 1}
    forwarded = event_of(mapped(private(document=big, caption="see", forward_origin=origin)))
    assert forwarded.event_data.message.text == f"↪ from Ben\n{line}\nsee"
    changed = event_of(mapped(edited(document=big, caption="see", message_id=3)))
    assert changed.event_data.message.text == f"✏️ {line}\nsee"


def edited(**content: Any) -> dict[str, Any]:
    raw = private(edit_date=2, **content)
    return {"update_id": raw["update_id"], "edited_message": raw["message"]}


def reaction(old: Sequence[str], new: Sequence[str]) -> dict[str, Any]:
    lists = [[{"type": "emoji", "emoji": emoji} for emoji in each] for each in (old, new)]
    person = {"id": 7, "is_bot": False, "first_name": "Ann"}
    return {
        "update_id": 5,
        "message_reaction": {
            "chat": {"id": 7, "type": "private"},
            "user": person,
            "message_id": 3,
            "date": 1,
            "old_reaction": lists[0],
            "new_reaction": lists[1],
        },
    }


def text_of(raw: dict[str, Any], *said: Said, **context: Any) -> str | None:
    return event_of(mapped(raw, remembering(*said), **context)).event_data.message.text


@pytest.mark.parametrize(
    ("content", "words", "mark"),
    [
        ({"text": "hi"}, "hi", ""),
        ({"text": "hi", "forward_origin": {"type": "hidden_user", "sender_user_name": "Ben", "date": 1}}, "hi", ""),
        ({**PHOTO, "caption": "look"}, "look", "u"),
        (PHOTO, NAMED, "u"),
        ({"document": {"file_id": "f", "file_unique_id": "u", "file_name": "a.pdf"}}, "[document] a.pdf", "u"),
        ({"dice": {"emoji": "🎯", "value": 6}}, "[dice] 🎯 6", ""),
    ],
)
def test_what_a_customer_said_is_remembered(content: dict[str, Any], words: str, mark: str) -> None:
    """The message's own words, without what it refers to, else its kind; and which files it had."""
    outcome = mapped(private(**content))
    assert isinstance(outcome, Accepted)
    assert outcome.said == (Said(3, "customer", words, mark),)


@pytest.mark.parametrize(
    ("content", "old", "text"),
    [
        ({"text": "new"}, Said(3, "customer", "old"), "✏️ new\n(was: old)"),
        ({"text": "new\nlines"}, Said(3, "customer", "old\nlines"), "✏️ new\nlines\n(was: old\nlines)"),
        ({"text": "new"}, Said(4, "customer", "another message"), "✏️ new"),
        ({"text": "new"}, Said(3, "customer", "x" * 5000), f"✏️ new\n(was: {'x' * 4096}…)"),
        ({**PHOTO, "caption": "new"}, Said(3, "customer", "[photo]", "u"), "✏️ new\n(was: [photo])"),
        (PHOTO, Said(3, "customer", "old", "u"), f"✏️ {NAMED}\n(was: old)"),
        (PHOTO, Said(3, "customer", NAMED, "another"), "✏️"),
        ({**PHOTO, "caption": "same"}, Said(3, "customer", "same", "another"), "✏️ same"),
        (
            {"text": "new", "quote": {"text": "those words", "position": 0}},
            Said(3, "customer", "old"),
            "✏️ ❝those words❞\nnew\n(was: old)",
        ),
    ],
)
def test_an_edit_shows_what_it_said_before(content: dict[str, Any], old: Said, text: str) -> None:
    """The new words and the old ones, if they are remembered and other ones; and what it says is remembered anew."""
    outcome = mapped(edited(**content), remembering(old))
    assert event_of(outcome).event_data.message.text == text
    assert isinstance(outcome, Accepted)
    [new] = outcome.said
    assert new.message_id == 3
    assert (new.text, new.mark) != (old.text, old.mark)


def test_old_words_are_told_in_the_agents_language() -> None:
    """What stands around them, too."""
    assert text_of(edited(text="neu"), Said(3, "customer", "alt"), language="de") == "✏️ neu\n(vorher: alt)"


@pytest.mark.parametrize(
    ("content", "old"),
    [
        ({"text": "same"}, Said(3, "customer", "same")),
        ({"text": "same", "entities": [{"type": "bold", "offset": 0, "length": 4}]}, Said(3, "customer", "same")),
        ({**PHOTO, "caption": "same"}, Said(3, "customer", "same", "u")),
        (PHOTO, Said(3, "customer", NAMED, "u")),
    ],
)
def test_an_edit_that_changes_nothing_visible_is_declined(content: dict[str, Any], old: Said) -> None:
    """Formatting, previews and buttons change messages all the time: an agent hears of it only if it shows."""
    assert mapped(edited(**content), remembering(old)) == Declined("an edit that changes nothing an agent would see")


def test_the_end_of_a_live_location_is_no_edit_of_its_start() -> None:
    """It says where it ended; where it began stands above it in the conversation."""
    raw = raw_sample("location_live_end")
    number = raw["edited_message"]["message_id"]
    assert text_of(raw, Said(number, "customer", "[live location] 1, 2")) == text_of(raw)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ([], ["👍"], "👍 to ❝It is on its way❞"),
        (["👍"], ["👎"], "👎 to ❝It is on its way❞"),
        (["👍"], [], "took back 👍 from ❝It is on its way❞"),
    ],
)
def test_a_reaction_reminds_of_the_message(old: list[str], new: list[str], text: str) -> None:
    """Telegram names it by its id alone; the words, in one line, are remembered, whoever wrote them."""
    assert text_of(reaction(old, new), Said(3, "agent", "It is\non its way")) == text


@pytest.mark.parametrize("field", ["reply_to_message", "pinned_message"])
def test_what_telegram_does_not_show_any_more_is_remembered(field: str) -> None:
    """A message without its content is told in the words that it had."""
    raw = private(**{field: SILENT}, **({"text": "hi"} if field == "reply_to_message" else {}))
    assert wants_of(Update.de_json(raw, None)).messages == (2,)
    assert "❝old words❞" in (text_of(raw, Said(2, "agent", "old words")) or "")


def test_what_telegram_shows_is_not_asked_for() -> None:
    """A reply brings the message that it answers: the store is left in peace."""
    raw = private(text="hi", reply_to_message={**SILENT, "date": 1, "text": "shown"})
    assert wants_of(Update.de_json(raw, None)) == Wants("7")
    assert text_of(raw, Said(2, "agent", "old words")) == "❝shown❞\nhi"


def test_deleted_messages_are_told_in_their_words() -> None:
    """A line for each of them; those that nobody remembers share one."""
    context = KitContext("777", "https://relay.example", lambda: "id")
    ann = Update.de_json(private(text="hi"), None).message
    assert ann is not None
    assert ann.from_user is not None
    origin = Origin(5, 3, sender_of(ann.from_user), "7", Address(7))
    ids = (3, 4, 5, 6)
    assert deletion_wants("7", (*ids, 2**63)) == Wants("7", ids)
    event = event_of(
        map_deletion(origin, ids, context, remembering(Said(3, "customer", "a\nb"), Said(5, "agent", "c")))
    )
    assert event.event_data.message.message_id == "3.deleted.5"
    assert event.event_data.message.text == (
        "🗑 deleted ❝a b❞\n🗑 deleted ❝a message that cannot be read any more❞\n🗑 deleted ❝c❞"
    )
