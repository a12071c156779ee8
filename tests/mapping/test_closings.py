"""A customer may be told that a conversation was closed, and asked for stars, once, in their language."""

import json
from typing import Any

import pytest
from telegram import CallbackQuery, Update

from relay.kit.events import CloseConversationEvent
from relay.mapping.to_telegram.closings import MOST_STARS, STAR, map_rating, rating_in
from relay.mapping.to_telegram.events import TelegramContext, map_event
from relay.model import Accepted, Address, Client, Declined, Known, Outcome, Rating
from relay.steps import EditText, SendText, Step, load_steps

ANNA = Client("7", Address(7), language="de")
TELLS, ASKS = TelegramContext("1", closing_texts=True), TelegramContext("1", ask_rating=True)
BOTH = TelegramContext("1", closing_texts=True, ask_rating=True)


def closed(context: TelegramContext, client: Client | None = ANNA, reason: str | None = None) -> Outcome:
    return map_event(CloseConversationEvent("e", "7", reason or ""), Known(client), context)


def steps_of(outcome: Outcome) -> list[Step]:
    assert isinstance(outcome, Accepted)
    return load_steps(outcome.draft.body)


@pytest.mark.parametrize(
    ("reason", "begins"),
    [
        ("CLOSED_BY_AGENT", "Unser Team hat dieses"),
        ("CLOSED_BY_BOT", "Unser virtueller Assistent"),
        ("CLOSED_BY_CLIENT_TIMEOUT", "Dieses Gespräch wurde beendet, weil"),
        ("CLOSED_BY_UNKNOWN_REASON", "Dieses Gespräch ist beendet"),
        ("CLOSED_BY_THE_MOON", "Dieses Gespräch ist beendet"),
        (None, "Dieses Gespräch ist beendet"),
    ],
)
def test_each_reason_has_its_words(reason: str | None, begins: str) -> None:
    """In the customer's language; and the conversation counts as closed."""
    outcome = closed(TELLS, reason=reason)
    (step,) = steps_of(outcome)
    assert isinstance(step, SendText)
    assert step.text.startswith(begins)
    assert isinstance(outcome, Accepted)
    assert outcome.client is not None
    assert (outcome.client.open, outcome.rating) == (False, None)


def test_stars_are_asked_for_by_buttons() -> None:
    """One to five, behind the words if there are some, under data that fits Telegram's limit and names the question."""
    outcome = closed(BOTH)
    words, question = steps_of(outcome)
    assert isinstance(words, SendText)
    assert isinstance(question, SendText)
    assert (words.reply_markup, question.text) == (None, "Wie bewerten Sie unsere Hilfe?")
    assert question.reply_markup is not None
    (buttons,) = question.reply_markup["inline_keyboard"]
    assert [button["text"] for button in buttons] == [f"{count} {STAR}" for count in range(1, MOST_STARS + 1)]
    assert all(len(button["callback_data"].encode()) <= 64 for button in buttons)
    assert isinstance(outcome, Accepted)
    assert outcome.rating is not None
    assert [rating_in(press(button["callback_data"])) for button in buttons] == [
        Rating(outcome.rating.id, stars) for stars in range(1, 6)
    ]
    assert steps_of(closed(ASKS)) == [question]


@pytest.mark.parametrize(
    "client", [Client("7", Address(7), open=False), Client("7", Address(7), unreachable="blocked"), None]
)
def test_nobody_is_told_twice_or_in_vain(client: Client | None) -> None:
    """Not when the conversation was closed already, nor when nothing reaches the customer."""
    assert isinstance(closed(BOTH, client), Declined)


def test_nothing_is_said_unless_the_operator_wants_it() -> None:
    """Both are off by default."""
    assert isinstance(closed(TelegramContext("1")), Declined)


def press(data: object, **more: Any) -> CallbackQuery:
    message = {"message_id": 5, "date": 1, "chat": {"id": 7, "type": "private"}, "text": "?"}
    user = {"id": 7, "is_bot": False, "first_name": "Anna"}
    query = {"id": "q", "from": user, "chat_instance": "1", "data": data, "message": message, **more}
    update = Update.de_json({"update_id": 1, "callback_query": query}, None)
    assert update.callback_query is not None
    return update.callback_query


@pytest.mark.parametrize("data", [None, "", "rate:", "rate:x:5", f"rate:{'a' * 32}:6", f"rate:{'a' * 32}:5x", "y"])
def test_other_buttons_are_no_rating(data: object) -> None:
    """Only what we have put there ourselves."""
    assert rating_in(press(data)) is None


MINE = Rating("a" * 32, 4)


def test_stars_are_kept_and_thanked_for_in_the_questions_place() -> None:
    """So that its buttons are gone."""
    outcome = map_rating(press(f"rate:{MINE.id}:4"), MINE, Known(ANNA, rating=Rating(MINE.id)))
    assert steps_of(outcome) == [EditText(5, f"{STAR * 4}\nVielen Dank für Ihre Bewertung!")]
    assert isinstance(outcome, Accepted)
    assert (outcome.rating, outcome.client, outcome.draft.direction) == (MINE, None, "to_telegram")
    assert json.loads(outcome.draft.body)


@pytest.mark.parametrize(
    "known",
    [Known(), Known(ANNA), Known(rating=Rating(MINE.id)), Known(ANNA, rating=Rating(MINE.id, 1))],
)
def test_only_the_asked_customer_rates_and_only_once(known: Known) -> None:
    """Whoever was not asked, and a second press, change nothing."""
    assert isinstance(map_rating(press("x"), MINE, known), Declined)
