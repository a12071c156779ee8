"""Hurrying: lanes that wait by themselves become due now."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, Update, bindparam, cast, exists, false, select, update

from relay.model import Direction
from relay.store.charging import HELD_BACK_FROM
from relay.store.dead_letters import is_number
from relay.store.engine.connection import Connection
from relay.store.engine.tables import client_link, lane, outbox, waits


@dataclass(frozen=True, slots=True)
class Hurry:
    """Which lanes are meant; what is not said does not matter."""

    channel: str
    direction: Direction | None = None
    #: A client id, or a chat's. Only who is named goes whose delivery was out at HELD_BACK_FROM deaths in a row, also
    #: while it waits for something else: a person decides when it goes.
    client: str | None = None
    told_to_wait: bool = False  #: Also those that the other side told to wait, or whose turn is later.


def hurry(tx: Connection, now: float, wishes: Sequence[Hurry]) -> list[int]:
    """Make lanes due that are parked and in nobody's hands. Returns how many there were."""
    return [_hurry_one(tx, now, wish) for wish in wishes]


def _hurry_one(tx: Connection, now: float, wish: Hurry) -> int:
    values: dict[str, object] = {"at": now, "of_channel": wish.channel}
    said: list[str] = []
    if wish.direction is not None:
        said.append("direction")
        values["to_direction"] = wish.direction
    if wish.client is not None:
        said.append("client")
        values["of_client"] = wish.client
    if wish.client is not None and is_number(wish.client):
        said.append("chat")
        values["of_chat"] = int(wish.client)
    return tx.execute(_statement(frozenset(said), told_to_wait=wish.told_to_wait), values).rowcount


@functools.cache
def _statement(said: frozenset[str], *, told_to_wait: bool) -> Update:
    """For wishes that say this. Made once: to make one costs more than to run it."""
    parked = (lane.c.channel == bindparam("of_channel"), lane.c.leased.is_(False), lane.c.due_at > bindparam("at"))
    conditions = _conditions(said, told_to_wait=told_to_wait)
    return update(lane).where(*parked, ~_GATHERS, *conditions).values(due_at=bindparam("at"), backs_off=false())


#: Whether a lane waits for siblings of an album or for the next edit: nobody told it to, and it is soon over.
_GATHERS = exists().where(outbox.c.lane_id == lane.c.id, waits(outbox), outbox.c.not_before > bindparam("at"))


def _conditions(said: frozenset[str], *, told_to_wait: bool) -> Iterator[ColumnElement[bool]]:
    if "direction" in said:
        yield lane.c.direction == bindparam("to_direction")
    if not told_to_wait:
        yield lane.c.backs_off
    if "client" in said:
        yield _of_client(also_chat="chat" in said)
    else:
        yield lane.c.slow_deaths < HELD_BACK_FROM


def _of_client(*, also_chat: bool) -> ColumnElement[bool]:
    named = lane.c.client_id == bindparam("of_client")
    if not also_chat:
        return named
    of_chat = select(client_link.c.client_id).where(
        client_link.c.channel == bindparam("of_channel"),
        cast(client_link.c.chat_id, BigInteger) == bindparam("of_chat"),
    )
    return named | lane.c.client_id.in_(of_chat)
