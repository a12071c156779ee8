"""What is told of a message that does not reach Kit: without its words to the agent, and once to the customer."""

import json
from dataclasses import replace

import pytest

from relay.kit.models import SendEvent
from relay.mapping.event.events import KitContext, make_body
from relay.mapping.failure.lost import note_of_loss
from relay.model import Accepted, Address, Client, Delivery
from relay.steps import SendText, load_steps
from tests.words.catalogues import LANGUAGES

ANNA = Client("7", Address(7), profile={"client_display_name": "Anna"}, language="de")
AT = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC
TEXT = "my secret is 4711"
PHOTO = {"type": "photo", "file_name": "holiday.jpg", "file_url": "https://relay.example/media/x/holiday.jpg"}


def context(language: str = "en") -> KitContext:
    return KitContext("777", "https://relay.example", lambda: "id", language=language)


def lost(body: str, *, number: int = 17, lease: int = 3) -> Delivery:
    return Delivery(number, "777", "to_kit", "7", None, None, "", body, 1, lease, 0, 17, 0, 0, AT)


def body(message_id: str = "5", text: str = TEXT, items: tuple[dict[str, str], ...] = ()) -> str:
    return make_body(context(), ANNA, "event", message_id, text, list(items))


def told(body: str, client: Client = ANNA, language: str = "en") -> SendEvent:
    note = note_of_loss(context(language), lost(body))(client)
    assert note is not None
    assert (note.draft.direction, note.draft.client_id, note.client) == ("to_kit", "7", None)
    event = SendEvent.model_validate_json(note.draft.body)
    assert json.loads(event.to_json()) == json.loads(note.draft.body)
    return event


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (body(), "text (17 characters)"),
        (body(text="x"), "text (1 character)"),
        (body(text="", items=(PHOTO,)), "photo"),
        (body(items=(PHOTO, PHOTO)), "photo, photo, text (17 characters)"),
        (body("5.note"), "note of the relay"),
    ],
)
def test_the_agent_reads_what_is_missing_and_not_a_word_of_it(body: str, what: str) -> None:
    """Kind, size, time and the dead letter's number: nothing that could be refused for the same."""
    event = told(body)
    text = event.event_data.message.text
    assert text == f"⚠️ Missing here: {what}, written 2026-09-21 14:13 UTC. The relay keeps it as dead letter 17."
    assert event.event_data.message.payload is None
    assert "4711" not in event.to_json()
    assert "holiday" not in event.to_json()


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_the_agents_language(language: str) -> None:
    """In each of them, with the number."""
    text = told(body(), language=language).event_data.message.text
    assert text is not None
    assert "17" in text
    assert ("Missing" in text) is (language == "en")


def test_a_lost_message_is_told_even_after_the_end_and_a_lost_note_is_not() -> None:
    """The message would have opened a conversation; a note would wake somebody for nothing."""
    closed = replace(ANNA, open=False)
    assert told(body(), closed)
    assert note_of_loss(context(), lost(body("5.note")))(closed) is None


def test_each_death_has_a_note_of_its_own() -> None:
    """Derived, so that a repetition is the same; another after a retry that failed."""
    ids = [
        SendEvent.model_validate_json(note.draft.body).event_id
        for lease in (3, 3, 4)
        if (note := note_of_loss(context(), lost(body(), lease=lease))(ANNA)) is not None
    ]
    assert ids[0] == ids[1] != ids[2]


def of_note(note: Accepted | None, client: Client = ANNA) -> Accepted | None:
    """What is told when this note is lost too."""
    assert note is not None
    return note_of_loss(context(), lost(note.draft.body, number=18))(client)


def test_when_the_note_is_lost_too_the_customer_reads_a_line_once() -> None:
    """In their language; not a second time in the conversation, and not if they cannot be reached."""
    note = note_of_loss(context(), lost(body()))(ANNA)
    line = of_note(note)
    assert line is not None
    assert line.draft.direction == "to_telegram"
    [step] = load_steps(line.draft.body)
    assert isinstance(step, SendText)
    assert step.text.startswith("Es tut uns leid")
    assert line.client == replace(ANNA, loss_told=True)
    assert of_note(note, line.client) is None
    assert of_note(note, replace(ANNA, unreachable="blocked")) is None


def test_of_a_lost_note_about_a_note_nobody_hears() -> None:
    """The customer has lost nothing."""
    assert of_note(note_of_loss(context(), lost(body("5.note")))(ANNA)) is None


@pytest.mark.parametrize("odd", ["", "null", "[]", "{}", '{"event_data": {"message": null}}'])
def test_a_body_that_is_none_is_told_without_its_kind(odd: str) -> None:
    """Whatever was to be sent: the agent hears that something is missing."""
    assert "dead letter 17" in str(told(odd).event_data.message.text)
