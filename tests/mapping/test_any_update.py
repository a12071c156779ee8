"""Any update that the Bot API's types allow is an event that Kit takes, or is refused for a reason: never an exception.

`python -m tests.campaigns.fuzz tests/mapping/test_any_update.py` tries a hundred times as many.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import count
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import MessageOrigin, ReactionType, Update

from relay.errors import NotAccepted
from relay.intake.accept import Intake
from relay.intake.business_accounts import Accounts
from relay.intake.button_presses import Presses
from relay.intake.reading import read_update
from relay.mapping.event.changes import Change
from relay.mapping.event.events import KitContext
from relay.mapping.text.text import clean
from relay.mapping.to_telegram.events import TelegramContext
from relay.model import Accepted, Address, Album, BusinessConnection, Client, Declined, Known, Said, Unreadable, Wants
from relay.monitoring.metrics import Metrics
from relay.sandbox.kit.events import check_event
from relay.store.store import open_store
from tests.databases import database_for_a_moment
from tests.examples import portions
from tests.mapping.bot_api import ANY_UPDATE, IDS, customers, fields_of, kinds_of, updates
from tests.mapping.mapped import event_of
from tests.mapping.raw_updates import TEXT
from tests.mapping.test_albums import item, together

_IDS = count()
CONTEXT = KitContext("777", "https://relay.example", lambda: f"id{next(_IDS)}", ask_phone="start")
WAITING = Album(together([item(1, "words"), item(2)])[-1].draft.parts)
WORDS = TEXT.map(lambda text: clean(text).strip() or "words")
SAID = st.builds(Said, IDS, st.sampled_from(["customer", "agent"]), WORDS)
CLIENT = Client("7", Address(7), profile={"client_phone": "+49"}, first_touch={"utm": {"source": "a"}})
CONNECTION = BusinessConnection("bc", 9, 9, enabled=True, rights={"can_reply": True})
KNOWN = st.builds(
    Known,
    st.sampled_from([None, CLIENT, replace(CLIENT, open=False)]),
    st.lists(SAID, max_size=4).map(lambda said: {each.message_id: each for each in said}),
    st.sampled_from([None, Album(None), WAITING]),
    connection=st.sampled_from([None, CONNECTION, replace(CONNECTION, enabled=False)]),
    open_clients=st.sampled_from([(), (CLIENT,)]),
    newest=st.none() | IDS,
)
#: Messages, new and edited, of a customer in a private chat.
MESSAGES = updates({"message", "edited_message", "business_message", "edited_business_message"}).map(customers)


@portions(3)
@given(raw=ANY_UPDATE, known=KNOWN)
def test_it_is_an_event_or_refused_for_a_reason(raw: dict[str, Any], known: Known) -> None:
    """Whatever it holds and whatever is remembered: one message that Kit takes, or a reason; if PTB parses it."""
    reading = read_update(raw, CONTEXT)
    outcome = reading.decide(replace(known, album=_waiting(reading.wants, known.album)))
    assert _is_storable(reading.wants)
    assert reading.tell_dead is not None
    if (told := reading.tell_dead(17, 1_800_000_000.0, known)) is not None:
        _check(told)
    if isinstance(outcome, Unreadable):
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever PTB's constructors raise
            Update.de_json(raw, None)
    elif isinstance(outcome, Declined):
        assert outcome.reason.encode()
    else:
        _check(outcome)


@portions(3)
@given(raw=MESSAGES, text=WORDS, known=KNOWN, dice=st.randoms(use_true_random=False))
def test_words_in_a_private_chat_are_never_a_dead_letter(
    raw: dict[str, Any], text: str, known: Known, dice: Random
) -> None:
    """Whatever is missing or wrong around them, also where python-telegram-bot refuses the update."""
    [field] = raw.keys() - {"update_id"}
    message = raw[field]
    for part in _parts({name: value for name, value in message.items() if name not in {"chat", "from"}}):
        if part and dice.random() < 0.2:
            part.pop(dice.choice(sorted(part)))
    reading = read_update({**raw, field: {**message, "text": text}}, CONTEXT)
    outcome = reading.decide(replace(known, album=_waiting(reading.wants, known.album)))
    assert not isinstance(outcome, Unreadable)
    if isinstance(outcome, Accepted):
        _check(outcome)


def _waiting(wants: Wants, album: Album | None) -> Album | None:
    """What may wait under what the letter asks for: nothing, an album, or a change."""
    if wants.album is None or album is None:
        return None
    if album.parts is None:
        return album
    if wants.album.startswith("edit of "):
        return Album(orjson.dumps(Change("e", "1", asdict(Said(1, "customer", "before")))).decode())
    if wants.album.startswith("reaction to "):
        return Album(orjson.dumps(Change("e", "1", [{"type": "emoji", "emoji": "👍"}])).decode())
    return album


def _parts(node: object) -> Iterator[dict[str, Any]]:
    """Every object in the structure."""
    if isinstance(node, dict):
        for value in list(node.values()):
            yield from _parts(value)
        yield node
    elif isinstance(node, list):
        for value in node:
            yield from _parts(value)


def _is_storable(wants: Wants) -> bool:
    """Whether a database can be asked for this."""
    texts = (wants.client_id, wants.album, wants.link)
    return all(text is None or text.encode() is not None for text in texts) and all(
        type(number) is int and abs(number) < 2**63 for number in wants.messages
    )


def _check(outcome: Accepted) -> None:
    if outcome.draft.direction == "to_telegram":
        return  # the bot leaves a group
    events = [draft for draft in (outcome.draft, *outcome.more) if draft.direction == "to_kit"]
    assert events == [outcome.draft], "one message for an update"
    event = event_of(outcome)
    assert (event.event_data.message.text or "").strip() or event.event_data.message.payload
    check_event(json.loads(outcome.draft.body))
    for said in outcome.said:
        assert said.text.strip().encode()
        assert abs(said.message_id) < 2**63
    for media in outcome.media:
        assert f"{media.file_id}{media.name}{media.mime_type}".encode()


@portions(1 / 5)
@given(raws=st.lists(ANY_UPDATE, min_size=1, max_size=12))
async def test_the_store_takes_them_all_and_the_sums_add_up(raws: list[dict[str, Any]]) -> None:
    """In one batch, as polling brings them: each is accepted, declined or a dead letter, and none stops the others."""
    updates = [{**raw, "update_id": number} for number, raw in enumerate(raws)]
    async with database_for_a_moment() as path, open_store(path) as store:
        metrics = Metrics().of_channel("777")
        accounts, presses = Accounts("777", store, _unknown, {}), Presses(_unknown, metrics)
        telegram = TelegramContext("777")
        intake = Intake("777", store, CONTEXT, telegram, metrics, lambda _: None, lambda _: None, accounts, presses)
        await intake.accept_updates(updates)
        assert await store.next_update_id("777") == len(updates)
        counts = await store.count("777")
    for direction in ("to_kit", "to_telegram"):
        outcomes = {outcome: counts.totals.get((direction, outcome), 0) for outcome in ("received", "declined", "dead")}
        waiting = counts.waiting.get(direction, 0)
        assert outcomes["received"] == waiting + outcomes["declined"] + outcomes["dead"]
    # Items of an album, and changes of one message, may be one delivery.
    gathering = ("media_group_id", "edited_message", "edited_business_message", "message_reaction")
    joined = sum(any(name in json.dumps(raw) for name in gathering) for raw in updates)
    # Of a withdrawn Business connection every open conversation is told, so there may be more.
    assert sum(counts.totals.get((side, "received"), 0) for side in ("to_kit", "to_telegram")) >= len(updates) - joined


async def _unknown(_: str) -> object:
    raise NotAccepted("nobody is asked here")


def test_the_strategies_know_all_types() -> None:
    """Every kind of update is tried, and of types that come in several forms each form."""
    assert set(fields_of(Update)[1]) == set(Update.ALL_TYPES)
    forms = {kind.__name__: {sub.__name__ for sub, _ in kinds_of(kind)} for kind in (ReactionType, MessageOrigin)}
    assert {name: len(subs) for name, subs in forms.items()} == {"ReactionType": 3, "MessageOrigin": 4}
