"""The first hello: a greeting with a line about privacy, and a Start that waits for words."""

from dataclasses import replace

import pytest

from relay.mapping.content.campaigns import pack
from relay.mapping.event.events import KitContext
from relay.model import Accepted, Address, Client, Declined, Known
from relay.steps import load_steps
from relay.words.catalogue import languages, words_for
from tests.mapping.mapped import event_of, mapped, private
from tests.mapping.test_answers import said, speaking
from tests.mapping.test_starting import SALE, command

OPEN = Known(Client("7", Address(7)))
CLOSED = Known(replace(OPEN.client or Client("7", Address(7)), open=False))


@pytest.mark.parametrize("language", languages())
def test_who_presses_start_is_greeted_in_their_language(language: str) -> None:
    """With what becomes of their words, whatever the agents speak."""
    [line] = said(mapped(speaking(language, command("/start")), language="ru", greets=True))
    words = words_for(language)
    assert line.text == f"{words.say('customer.greeting')}\n\n{words.say('customer.privacy')}"


def test_nobody_is_greeted_who_was_not_to_be() -> None:
    """By default nobody; in an open conversation nobody; of other words and other commands nobody."""
    assert said(mapped(command("/start"))) == []
    assert said(mapped(command("/start"), OPEN, greets=True)) == []
    assert said(mapped(private(text="hello"), greets=True)) == []
    assert said(mapped(command("/help"), greets=True)) == []
    assert len(said(mapped(command("/start"), CLOSED, greets=True))) == 1


def test_a_start_that_is_held_is_remembered_for_the_first_words() -> None:
    """Agents hear of it by the campaign that stands beside the words; no conversation is open before."""
    held = mapped(command(f"/start {pack(SALE)}"), holds_starts=True, greets=True)
    assert isinstance(held, Declined)
    assert held.client is not None
    assert not held.client.open
    [greeting] = (step for draft in held.more for step in load_steps(draft.body))
    assert "team" in str(greeting)
    first = mapped(private(text="hello"), Known(held.client), holds_starts=True)
    event = event_of(first)
    assert event.event_data.message.text == "hello"
    assert event.client_data.utm is not None
    assert event.client_data.utm.campaign == "spring-sale"
    assert isinstance(first, Accepted)
    assert first.client is not None
    assert first.client.open
    assert first.client.first_touch == SALE


def test_a_start_in_an_open_conversation_is_never_held() -> None:
    """Agents are there already, and want to know it; and what is no Start is never held."""
    assert isinstance(mapped(command("/start"), OPEN, holds_starts=True), Accepted)
    assert isinstance(mapped(command("/start"), CLOSED, holds_starts=True), Declined)
    assert isinstance(mapped(command("/start what is this?"), CLOSED, holds_starts=True), Accepted)
    assert isinstance(mapped(command("/help"), CLOSED, holds_starts=True), Accepted)
    assert KitContext("1", "", str).holds_starts is False
