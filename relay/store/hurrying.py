"""Hurrying: lanes that wait by themselves become due now."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, cast, exists, false, select, update

from relay.model import Direction
from relay.store.dead_letters import is_number
from relay.store.engine.connection import Connection
from relay.store.engine.tables import client_link, lane, outbox, waits


@dataclass(frozen=True, slots=True)
class Hurry:
    """Which lanes are meant; what is not said does not matter."""

    channel: str
    direction: Direction | None = None
    client: str | None = None  #: A client id, or a chat's.
    told_to_wait: bool = False  #: Also those that the other side told to wait, or whose turn is later.


def hurry(tx: Connection, now: float, wishes: Sequence[Hurry]) -> list[int]:
    """Make lanes due that are parked and in nobody's hands. Returns how many there were."""
    return [_hurry_one(tx, now, wish) for wish in wishes]


def _hurry_one(tx: Connection, now: float, wish: Hurry) -> int:
    parked = (lane.c.channel == wish.channel, lane.c.leased.is_(False), lane.c.due_at > now, ~_gathers(now))
    changed = update(lane).where(*parked, *_conditions(wish)).values(due_at=now, backs_off=false())
    return tx.execute(changed).rowcount


def _gathers(now: float) -> ColumnElement[bool]:
    """Whether a lane waits for siblings of an album or for the next edit: nobody told it to, and it is soon over."""
    return exists().where(outbox.c.lane_id == lane.c.id, waits(outbox), outbox.c.not_before > now)


def _conditions(wish: Hurry) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wish.direction is not None:
        conditions.append(lane.c.direction == wish.direction)
    if not wish.told_to_wait:
        conditions.append(lane.c.backs_off)
    if wish.client is not None:
        conditions.append(_of_client(wish.channel, wish.client))
    return conditions


def _of_client(channel: str, client: str) -> ColumnElement[bool]:
    named = lane.c.client_id == client
    if not is_number(client):
        return named
    of_chat = select(client_link.c.client_id).where(
        client_link.c.channel == channel, cast(client_link.c.chat_id, BigInteger) == int(client)
    )
    return named | lane.c.client_id.in_(of_chat)
