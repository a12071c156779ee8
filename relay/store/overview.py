"""The chats that wait and the dead letters of a channel, one by one, without a word of what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, bindparam, func, select

from relay.store.dead_letters import DEAD
from relay.store.engine.connection import Connection
from relay.store.engine.tables import lane, outbox, waits

#: Lanes, and dead letters, that are told one by one.
TOLD = 30


@dataclass(frozen=True, slots=True)
class WaitingLane:
    """A lane in which something waits."""

    client_id: str
    direction: str  #: As the lane has it: of files whose servers keep them waiting, `to_telegram_late`.
    waiting: int  #: Deliveries.
    oldest: float  #: Seconds since the first of them was accepted.
    attempts: int  #: Of that one.
    due_in: float  #: Seconds until it is tried again; 0 when it is due, or is being tried.
    reason: str | None  #: What its last failure said, or why it is held back.


@dataclass(frozen=True, slots=True)
class LyingLetter:
    """A dead letter that nobody has retried or dropped."""

    id: int
    direction: str
    client_id: str | None  #: None when the letter could not be read.
    age: float  #: Seconds since it died.
    reason: str


@dataclass(frozen=True, slots=True)
class Overview:
    """One channel: at most TOLD of each."""

    lanes: list[WaitingLane]  #: Who waits longest comes first.
    lanes_in_all: int
    dead: list[LyingLetter]  #: The newest comes first.


def look_over(tx: Connection, now: float, channels: Sequence[str]) -> list[Overview]:
    """Look at channels."""
    return [_look_over_one(tx, now, channel) for channel in channels]


def _look_over_one(tx: Connection, now: float, channel: str) -> Overview:
    of_channel = {"of_channel": channel, "most": TOLD}
    rows = tx.execute(_LANES, of_channel)
    heads = {row.id: row for row in tx.execute(_HEADS, {"ids": [row.first for row in rows]})}
    lanes = [_lane(now, row, heads[row.first]) for row in rows]
    dead = [
        LyingLetter(row.id, row.direction, row.client_id, max(0.0, now - row.settled_at), row.reason or "")
        for row in tx.execute(_LYING, of_channel)
    ]
    return Overview(lanes, rows[0].in_all if rows else 0, dead)


def _lane(now: float, row: Any, head: Any) -> WaitingLane:  # noqa: ANN401 - rows
    """Of rows of a lane, and the oldest delivery that waits in it. Who is being tried is due now."""
    due_in = 0.0 if row.leased or row.due_at is None else max(0.0, row.due_at - now)
    oldest = max(0.0, now - head.accepted_at)
    return WaitingLane(row.client_id, row.direction, row.waiting, oldest, head.attempts, due_in, head.reason)


_MOST = bindparam("most", type_=Integer)
# By deliveries and not by lanes: there is an index of what waits, and lanes are as many as customers ever were.
_queues = (
    select(outbox.c.lane_id, func.count().label("waiting"), func.min(outbox.c.id).label("first"))
    .where(waits(outbox))
    .group_by(outbox.c.lane_id)
    .subquery()
)
_LANES = (
    select(
        lane.c.client_id,
        lane.c.direction,
        lane.c.due_at,
        lane.c.leased,
        _queues.c.waiting,
        _queues.c.first,
        func.count().over().label("in_all"),
    )
    .join(_queues, _queues.c.lane_id == lane.c.id)
    .where(lane.c.channel == bindparam("of_channel"))
    .order_by(_queues.c.first)
    .limit(_MOST)
)
_HEADS = select(outbox.c.id, outbox.c.accepted_at, outbox.c.attempts, outbox.c.reason).where(
    outbox.c.id.in_(bindparam("ids", expanding=True))
)
_LYING = (
    select(outbox.c.id, outbox.c.direction, lane.c.client_id, outbox.c.settled_at, outbox.c.reason)
    .select_from(outbox.outerjoin(lane, lane.c.id == outbox.c.lane_id))
    .where(DEAD, outbox.c.channel == bindparam("of_channel"))
    .order_by(outbox.c.id.desc())
    .limit(_MOST)
)
