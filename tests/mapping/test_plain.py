import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Update

from relay.mapping.event.events import STRANGER, KitContext
from relay.mapping.to_kit.plain import read_plain_text
from relay.mapping.to_kit.updates import map_update, read
from relay.model import Accepted
from relay.words.catalogue import languages
from tests.mapping.raw_updates import INTEGERS, ODD, TEXT, UPDATES

CONTEXT = KitContext("123456789", "https://relay.example", lambda: "capability")
ANNA = {"id": 7, "is_bot": False, "first_name": "Anna"}
PLAIN: dict[str, Any] = {
    "update_id": 5,
    "message": {
        "message_id": 9,
        "from": ANNA,
        "chat": {"id": 7, "type": "private", "first_name": "Anna"},
        "date": 1_800_000_000,
        "text": "hello",
    },
}


def plain_like() -> st.SearchStrategy[dict[str, Any]]:
    """Updates that are plain texts, or nearly."""
    person = st.fixed_dictionaries(
        {"id": INTEGERS | st.just(7), "is_bot": st.booleans(), "first_name": TEXT},
        optional={"last_name": TEXT | ODD, "username": TEXT | ODD, "language_code": TEXT | ODD, "is_premium": ODD},
    )
    chat = st.fixed_dictionaries(
        {"id": INTEGERS | st.just(7), "type": st.sampled_from(["private", "private", "group"])},
        optional={"first_name": TEXT, "is_forum": st.booleans()},
    )
    message = st.fixed_dictionaries(
        {"message_id": INTEGERS, "from": person, "chat": chat, "date": st.integers(1, 2**31), "text": TEXT},
        optional={"edit_date": st.integers(1, 2**31), "via_bot": person, "caption": TEXT},
    )
    return st.fixed_dictionaries({"update_id": INTEGERS, "message": message})


@given(raw=plain_like() | UPDATES, language=st.sampled_from(languages()), limits=st.booleans())
def test_the_short_way_says_what_the_long_way_says(raw: dict[str, Any], language: str, *, limits: bool) -> None:
    """Whatever the short way takes, the long way takes too, and both give the same event to the letter."""
    context = replace(CONTEXT, language=language, limits_customers=limits)
    short = read_plain_text(raw, context)
    if short is not None:
        update = Update.de_json(json.loads(json.dumps(raw)), None)
        assert short.wants == read(update, context).wants
        assert short.decide(STRANGER) == map_update(update, context)


def test_a_plain_text_takes_the_short_way() -> None:
    """The commonest update is recognised as Telegram sends it."""
    short = read_plain_text(PLAIN, CONTEXT)
    assert short is not None
    assert short.decide(STRANGER) == map_update(Update.de_json(PLAIN, None), CONTEXT)


@pytest.mark.parametrize("message_id", [0, 1, -1, 2**63 - 1, 2**63, -(2**63), 10**40])
def test_both_ways_remember_the_same(message_id: int) -> None:
    """Whatever id a plain text has: one rule says whether later messages can refer to it, and 0 is nobody's."""
    raw = {**PLAIN, "message": {**PLAIN["message"], "message_id": message_id}}
    short = read_plain_text(raw, CONTEXT)
    assert short is not None
    outcome = short.decide(STRANGER)
    assert outcome == map_update(Update.de_json(raw, None), CONTEXT)
    assert isinstance(outcome, Accepted)
    assert bool(outcome.said) == (0 < abs(message_id) < 2**63)


@pytest.mark.parametrize(
    "change",
    [
        {"reply_to_message": {}},
        {"entities": []},
        {"photo": []},
        {"new_field": 1},
        {"text": "  "},
        {"text": 5},
        {"date": 0},
        {"date": 10**12},
        {"from": {**ANNA, "is_bot": True}},
        {"from": {**ANNA, "id": 2**63}},
        {"chat": {"id": -5, "type": "group"}},
    ],
    ids=str,
)
def test_everything_else_goes_the_long_way(change: dict[str, Any]) -> None:
    """One field more, or one value that is not as usual, and python-telegram-bot reads it."""
    assert read_plain_text({**PLAIN, "message": {**PLAIN["message"], **change}}, CONTEXT) is None
