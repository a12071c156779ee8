"""What the relay says to customers on its own account, in their language."""

from typing import Any

import pytest

from relay.mapping.to_kit.answers import _NO_KEYBOARD
from relay.model import Accepted, Album, Known, Outcome, Said
from relay.steps import SendText, load_steps
from relay.words.catalogue import languages, words_for
from tests.mapping.mapped import mapped, private
from tests.mapping.test_starting import client_after, command

OWN = {"contact": {"phone_number": "+4930123456", "first_name": "Ann", "user_id": 7}}
BIG = {"file_id": "f", "file_unique_id": "u", "file_name": "film.mkv", "file_size": 30 * 2**20}


def said(outcome: Outcome) -> list[SendText]:
    """What the customer is told beside the event."""
    assert isinstance(outcome, Accepted)
    assert all((draft.direction, draft.client_id) == ("to_telegram", "7") for draft in outcome.more)
    steps = [step for draft in outcome.more for step in load_steps(draft.body)]
    assert all(isinstance(step, SendText) for step in steps)
    return [step for step in steps if isinstance(step, SendText)]


def speaking(language: str | None, raw: dict[str, Any]) -> dict[str, Any]:
    raw["message"]["from"]["language_code"] = language
    return raw


@pytest.mark.parametrize("language", languages())
def test_a_file_that_is_too_large_is_told_to_its_sender(language: str) -> None:
    """One line with name and size, in the customer's language, whatever the agents speak."""
    [line] = said(mapped(speaking(language, private(document=BIG)), language="ru"))
    assert line.text == words_for(language).say("customer.too_large", name="film.mkv", megabytes=30.0)
    assert line.reply_markup is None


def test_a_file_that_fits_is_not_spoken_of() -> None:
    """A local Bot API server raises the limit."""
    assert said(mapped(private(document=BIG), download_limit=2000 * 2**20)) == []
    assert said(mapped(private(text="hello"))) == []


@pytest.mark.parametrize(
    ("before", "lines"),
    [
        (Said(3, "customer", "see", "another"), 1),
        (Said(3, "customer", "words only"), 1),
        (Said(3, "customer", "look", "u"), 0),
        (None, 0),
    ],
)
def test_a_file_that_an_edit_brings_is_spoken_of(before: Said | None, lines: int) -> None:
    """Only if it came in the place of another or of none: of one that was there already the customer knows."""
    edited = private(message_id=3, document=BIG, caption="see", edit_date=2)
    edited["edited_message"] = edited.pop("message")
    known = Known(said={3: before} if before is not None else {})
    assert len(said(mapped(edited, known))) == lines


def test_of_an_album_it_is_said_once() -> None:
    """The first large file is named, whichever items came before it; the next album is another matter."""
    album, names = None, []
    for number, size in ((3, 1), (4, 30), (5, 40), (6, 2), (7, 50)):
        file = {**BIG, "file_unique_id": f"u{number}", "file_name": f"{number}.mkv", "file_size": size * 2**20}
        outcome = mapped(private(message_id=number, media_group_id="g", document=file), Known(album=album))
        names += [line.text.split(".mkv", maxsplit=1)[0][-1] for line in said(outcome)]
        assert isinstance(outcome, Accepted)
        album = Album(outcome.draft.parts)
    assert names == ["4"]
    assert len(said(mapped(private(message_id=8, media_group_id="h", document=BIG)))) == 1


@pytest.mark.parametrize(
    ("ask_phone", "text", "asked"),
    [
        ("off", "/start", False),
        ("off", "/phone", False),
        ("start", "/start", True),
        ("start", "/start spring", True),
        ("start", "/phone", True),
        ("start", "hello", False),
        ("command", "/start", False),
        ("command", "/phone@sandbox_bot", True),
    ],
)
def test_customers_are_asked_for_their_number_when_the_operator_wants_it(
    ask_phone: str, text: str, *, asked: bool
) -> None:
    """The question comes with a key that shares the number; the message itself goes to Kit all the same."""
    raw = command(text) if text.startswith("/") else private(text=text)
    outcome = mapped(speaking("de", raw), ask_phone=ask_phone)
    words = words_for("de")
    key = {"text": words.say("customer.share_phone_button"), "request_contact": True}
    keyboard = {"keyboard": [[key]], "resize_keyboard": True, "one_time_keyboard": True}
    expected = [SendText(words.say("customer.share_phone_prompt"), keyboard)] if asked else []
    assert said(outcome) == expected


def test_who_shared_the_number_is_thanked_and_the_key_goes() -> None:
    """Once for each new number, and only for the customer's own."""
    shared = mapped(private(**OWN), ask_phone="start")
    assert said(shared) == [SendText("Thank you, we have received your number.", _NO_KEYBOARD)]
    known = Known(client_after(shared))
    assert said(mapped(private(**OWN), known, ask_phone="start")) == []
    other = {"contact": {**OWN["contact"], "user_id": 8}}
    assert said(mapped(private(**other), ask_phone="start")) == []
    assert said(mapped(private(**OWN))) == [], "nobody asked"


def test_a_number_that_is_known_is_not_asked_for_at_start() -> None:
    """Pressing Start again does not ask again; the command does."""
    known = Known(client_after(mapped(private(**OWN), ask_phone="start")))
    assert said(mapped(command("/start"), known, ask_phone="start")) == []
    assert len(said(mapped(command("/phone"), known, ask_phone="start"))) == 1
