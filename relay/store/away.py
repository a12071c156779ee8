"""Notices of an outage of Kit: a message waits, and has arrived. Each is a delivery, written with what remembers it.

So neither a crash nor a repetition tells anybody twice, and an outage that ends and begins again is one for whoever's
message has not arrived between.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Integer, and_, bindparam, delete, exists, func, literal_column, select

from relay.model import Client, Draft, Wants
from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert
from relay.store.engine.tables import away_notice, client_link, inbox, lane, outbox, waits
from relay.store.failure_notes import accept_drafts
from relay.store.recalling import recall

#: Customers whom one transaction tells at most: everybody else waits meanwhile.
PART: Final = 100


@dataclass(frozen=True, slots=True)
class Notices:
    """A wish to tell customers of a channel something, made of each as they are now."""

    channel: str
    line: Callable[[Client], Draft]


def tell_waiting(tx: Connection, now: float, wishes: Sequence[Notices]) -> list[int]:
    """Tell those whose message waits and who were not told yet. How many; call again until that is 0."""
    return [_tell_waiting(tx, now, wish) for wish in wishes]


def _tell_waiting(tx: Connection, now: float, wish: Notices) -> int:
    found = tx.execute(_WAITING, {"of_channel": wish.channel, "part": PART})
    if not found:
        return 0
    told = [{"channel": wish.channel, "client_id": row.client_id, "told_at": now, "up_to": row.up_to} for row in found]
    ours = [client_id for (client_id,) in tx.execute(_TELL, told)]  # another relay may be telling them just now
    _accept(tx, now, wish, ours)
    return len(found)


def tell_arrived(tx: Connection, now: float, wishes: Sequence[Notices]) -> list[int]:
    """Tell those whose message has arrived, unless an agent has answered since. How many are done with."""
    return [_tell_arrived(tx, now, wish) for wish in wishes]


def _tell_arrived(tx: Connection, now: float, wish: Notices) -> int:
    found = tx.execute(_OVER, {"of_channel": wish.channel, "part": PART})
    if not found:
        return 0
    ours = set(tx.scalars(_FORGET, {"of_channel": wish.channel, "clients": [row.client_id for row in found]}))
    to_tell = [row.client_id for row in found if row.has_arrived and not row.is_answered]
    _accept(tx, now, wish, [client_id for client_id in to_tell if client_id in ours])
    return len(found)


def _accept(tx: Connection, now: float, wish: Notices, clients: Iterable[str]) -> None:
    """The lines to those of the clients who can be reached."""
    memory = recall(tx, now, [(wish.channel, Wants(client_id)) for client_id in clients])
    reachable = [client for client in memory.clients.values() if client.unreachable is None]
    if reachable:
        accept_drafts(tx, now, [(wish.channel, wish.line(client)) for client in reachable])


def awaits_notice(tx: Connection, _now: float, channels: Sequence[str]) -> list[bool]:
    """Whether anybody was told that their message waits, and not yet that it has arrived."""
    return [bool(tx.scalar(_ANYBODY, {"of_channel": channel})) for channel in channels]


# Statements are made once: to make one costs more than to run it.
_of_channel: Any = bindparam("of_channel")
_part: Any = bindparam("part", type_=Integer)
_ANYBODY = select(func.count()).select_from(away_notice).where(away_notice.c.channel == _of_channel)
_is_told = exists().where(away_notice.c.channel == lane.c.channel, away_notice.c.client_id == lane.c.client_id)
#: Whose own words or deeds wait: notes about them are none.
_WAITING = (
    select(lane.c.client_id, func.max(outbox.c.id).label("up_to"))
    .select_from(
        lane.join(outbox, and_(outbox.c.lane_id == lane.c.id, waits(outbox)))
        .join(inbox, inbox.c.id == outbox.c.letter_id)
        .join(
            client_link,
            and_(client_link.c.channel == lane.c.channel, client_link.c.client_id == lane.c.client_id),
        )
    )
    .where(
        lane.c.channel == _of_channel,
        lane.c.direction == literal_column("'to_kit'"),
        lane.c.due_at.is_not(None),
        inbox.c.source == literal_column("'telegram'"),
        client_link.c.unreachable.is_(None),
        ~_is_told,
    )
    .group_by(lane.c.client_id)
    .order_by(lane.c.client_id)  # two relays that tell the same ones must not wait for each other
    .limit(_part)
)
_lane_to_kit = (
    select(lane.c.id)
    .where(
        lane.c.channel == away_notice.c.channel,
        lane.c.direction == literal_column("'to_kit'"),
        lane.c.client_id == away_notice.c.client_id,
    )
    .correlate(away_notice)
    .scalar_subquery()
)
_still_waits = exists(
    select(outbox.c.id)
    .where(outbox.c.lane_id == _lane_to_kit, waits(outbox), outbox.c.id <= away_notice.c.up_to)
    .correlate(away_notice)
)
_has_arrived = exists(
    select(outbox.c.id)
    .where(outbox.c.id == away_notice.c.up_to, outbox.c.status == literal_column("'delivered'"))
    .correlate(away_notice)
)
_is_answered = exists(
    select(inbox.c.id)
    .where(
        inbox.c.channel == away_notice.c.channel,
        inbox.c.client_id == away_notice.c.client_id,
        inbox.c.source == literal_column("'kit'"),
        inbox.c.received_at > away_notice.c.told_at,
        inbox.c.declined.is_(None),
    )
    .correlate(away_notice)
)
_OVER = (
    select(away_notice.c.client_id, _has_arrived.label("has_arrived"), _is_answered.label("is_answered"))
    .where(away_notice.c.channel == _of_channel, ~_still_waits)
    .limit(_part)
)
_TELL = insert(away_notice).on_conflict_do_nothing().returning(away_notice.c.client_id)
_FORGET = (
    delete(away_notice)
    .where(away_notice.c.channel == _of_channel, away_notice.c.client_id.in_(bindparam("clients", expanding=True)))
    .returning(away_notice.c.client_id)
)
