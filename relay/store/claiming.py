"""Claiming: a courier leases lanes that are due and takes a run of deliveries of each.

A claim is a lease on a lane, so that one lane has one courier and one delivery in flight. One process holds the
database, so a leased lane is in its own hands, whatever the clock says; and a start ends the leases of the one before
(see `charging`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import orjson
from sqlalchemy import (
    ColumnElement,
    Float,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    null,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from relay.model import SUSPECT_AFTER, Address, Delivery, Direction
from relay.store.charging import ALONE, SHARED, charge, hold_back
from relay.store.engine.connection import Connection, Row
from relay.store.engine.sql import among, leasable
from relay.store.engine.tables import LATE_FILES, client_link, inbox, lane, outbox, waits
from relay.store.recalling import read_address

#: Seconds that an album waits for the next sibling, and for all of them together at most.
ALBUM_WINDOW = 1.5
ALBUM_LONGEST = 10.0
#: The same for edits of one message, and for reactions to it.
CHANGE_WINDOW = 2.0
CHANGE_LONGEST = 5.0
#: Seconds since its first delivery came for which a lane is fresh. A long row, which waits for its turn again and
#: again, is not, however lately it became due. Longer than a call hangs before it gives its place up: who came while
#: all places hung is still fresh when they are free.
FRESH = 10.0
#: No delay that anybody asked for is longer (seconds): what is due later than that was written under another clock.
LONGEST_DELAY = 3600.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A courier's wish for work."""

    channel: str
    direction: Direction
    limit: int  #: Lanes.
    run: int  #: Deliveries of each lane.
    suspects: bool  #: Only lanes with which processes have died; else only the others.
    fresh: int = 0  #: Places that fresh lanes get first. For the others, who waits longest goes first.
    old: int | None = None  #: Not more than so many lanes that are not claimed for being fresh.


@dataclass(frozen=True, slots=True)
class Claimed:
    """The oldest waiting deliveries of each claimed lane, in their order."""

    lanes: list[list[Delivery]]
    next_due_at: float | None  #: Unix time when more of these lanes may be due; None when nothing waits in them.

    @property
    def deliveries(self) -> list[Delivery]:
        """Those of all lanes."""
        return [delivery for lane_of in self.lanes for delivery in lane_of]


def claim(tx: Connection, now: float, claims: Sequence[Claim]) -> list[Claimed]:
    """Lease lanes that are due, and take a run of deliveries of each.

    Of the fresh ones the newest go first: when many come at once somebody waits anyway, and so a lone one is quick.
    """
    return [_claim_one(tx, now, wish) for wish in claims]


def is_work_left(tx: Connection, now: float, channels: Sequence[str]) -> bool:
    """Whether a lane of these channels is due and in nobody's hands. Suspects are looked for by themselves."""
    return bool(tx.scalar(_IS_LEFT, {"of_channels": list(channels), "at": now}))


def _claim_one(tx: Connection, now: float, wish: Claim) -> Claimed:
    next_due, of_channel = _NEXT[wish.direction, wish.suspects], {"of_channel": wish.channel}
    handed = [] if wish.suspects else _take_handed(tx, wish)
    due_at = tx.scalar(next_due, of_channel)
    if due_at is None or due_at > now or len(handed) >= wish.limit:
        return Claimed(handed, due_at)  # most claims find nothing, and to look is cheaper than to lease
    if handed:
        wish = replace(wish, limit=wish.limit - len(handed), fresh=wish.fresh - len(handed))
    lease = _lease_suspects if wish.suspects else _lease_others
    leased, due_at = lease(tx, now, wish)
    lanes, is_parked = _runs(tx, now, wish, {row.id: row for row in leased})
    if is_parked or (due_at is not None and due_at <= now):
        due_at = tx.scalar(next_due, of_channel)
    return Claimed(handed + lanes, due_at)


def _take_handed(tx: Connection, wish: Claim) -> list[list[Delivery]]:
    """What was leased for this courier when it was accepted, in this transaction: see `handing_over`."""
    if not tx.handed:
        return []
    taken = [each for each in tx.handed if (each.channel, each.direction) == (wish.channel, wish.direction)]
    tx.handed = [each for each in tx.handed if each not in taken]
    return [[each] for each in taken]


#: Lanes that were leased, and when more may be due: now, if nobody has looked since.
_Leased: TypeAlias = tuple[list[Row], float | None]


def _due(tx: Connection, now: float, wish: Claim) -> dict[str, Any]:
    directions = _DIRECTIONS[wish.direction]
    return {"of_channel": wish.channel, "to_directions": directions, "at": now, "new_holder": tx.holder}


def _lease_suspects(tx: Connection, now: float, wish: Claim) -> _Leased:
    """The least suspect first: an innocent one clears itself, and deaths from outside are spread over all of them."""
    due = _due(tx, now, wish)
    return tx.execute(_LEASE_SUSPECTS, {**due, "lanes": wish.limit}), now


def _lease_others(tx: Connection, now: float, wish: Claim) -> _Leased:
    due = _due(tx, now, wish)
    leased: list[Row] = []
    if wish.fresh:
        leased += tx.execute(_LEASE_FRESH, {**due, "earliest": now - FRESH, "lanes": wish.fresh})
    left = wish.limit - len(leased)
    if wish.old is not None:
        left = min(left, wish.old)
    if left <= 0:
        return leased, now
    if leased:
        due_at = tx.scalar(_NEXT[wish.direction, False], {"of_channel": wish.channel})
        if due_at is None or due_at > now:
            return leased, due_at
    return [*leased, *tx.execute(_LEASE_OLD, {**due, "lanes": left})], now


def _runs(tx: Connection, now: float, wish: Claim, lanes: dict[int, Row]) -> tuple[list[list[Delivery]], bool]:
    """The deliveries of each lane, and whether a lane was let go of without any."""
    if not lanes:
        return [], False
    rows = tx.execute(_RUN, {"lane_ids": list(lanes), "run": wish.run})
    clients = _clients(tx, wish, {row.client_id for row in lanes.values()})
    runs: dict[int, list[Delivery]] = {}
    parked: dict[int, float] = {}
    leaving: list[int] = []
    hurried = _hurried(rows, wish.run)
    for row in rows:
        lane_of = lanes[row.lane_id]
        if row.lane_id in parked:
            continue  # what comes after an album waits as it does
        if (lane_of.crashes or lane_of.slow_deaths) and row.lane_id in runs:
            continue  # an account is one delivery's: it is closed before the next one goes
        if row.not_before is not None:
            if row.not_before > now and row.id not in hurried:  # it waits for its siblings
                parked[row.lane_id] = row.not_before
                continue
            leaving.append(row.id)
        client = clients.get(lane_of.client_id, (None, None, ""))
        runs.setdefault(row.lane_id, []).append(_delivery(row, lane_of, wish, client, tx.holder))
    if leaving:
        tx.execute(_CLOSE_ALBUMS, {"ids": leaving})
    idle = {lane_id: due_at for lane_id, due_at in parked.items() if lane_id not in runs}
    _park(tx, idle)
    tx.leased += [(lane_id, lanes[lane_id].lease) for lane_id in runs]
    return list(runs.values()), bool(idle)


def _delivery(
    row: Row, lane_of: Row, wish: Claim, client: tuple[Address | None, str | None, str], holder: str | None
) -> Delivery:
    address, unreachable, language = client
    return Delivery(
        id=row.id,
        channel=wish.channel,
        direction=wish.direction,
        client_id=lane_of.client_id,
        address=address if row.address is None else Address(**orjson.loads(row.address)),
        unreachable=unreachable,
        language=language,
        body=row.body,
        lane_id=row.lane_id,
        lease=lane_of.lease,
        holder=holder,
        is_late=lane_of.direction == LATE_FILES,
        crashes=lane_of.crashes,
        attempts=row.attempts + 1,
        steps_done=row.steps_done,
        uncertain=row.uncertain,
        accepted_at=row.accepted_at,
        written_at=row.written_at,
        failing_since=row.failing_since,
        source_id=row.source_id,
    )


def _hurried(rows: Sequence[Any], run: int) -> set[int]:
    """The hasty ones behind which something waits that is not: nothing waits for them."""
    if not any(row.hasty for row in rows):
        return set()
    of_lane: dict[int, list[Any]] = {}
    for row in rows:
        of_lane.setdefault(row.lane_id, []).append(row)
    hurried: set[int] = set()
    for waiting in of_lane.values():
        others = [row.id for row in waiting if not row.hasty]
        last = max(others, default=0) if len(waiting) < run else waiting[-1].id
        hurried |= {row.id for row in waiting if row.hasty and row.id <= last}
    return hurried


def _park(tx: Connection, lanes: dict[int, float]) -> None:
    """Let go of lanes whose oldest delivery is not to leave yet."""
    if lanes:
        tx.execute(_PARK, [{"of_lane": lane_id, "new_due_at": due_at} for lane_id, due_at in lanes.items()])


def _clients(tx: Connection, wish: Claim, clients: set[str]) -> dict[str, tuple[Address, str | None, str]]:
    """Where Telegram deliveries go, and why they cannot, is looked up at each attempt, so that one row says it."""
    if wish.direction != "to_telegram":
        return {}
    found = tx.execute(_ADDRESSES, {"of_channel": wish.channel, "clients": list(clients)})
    return {row.client_id: (read_address(row), row.unreachable, row.language) for row in found}


def release_all(tx: Connection, now: float, items: Sequence[None]) -> list[int]:
    """End every lease: whoever starts on an exclusively held database knows that no courier is left from before."""
    slow = charge(tx)
    changed = tx.execute(_FREE, {"at": now})
    hold_back(tx, now, slow)
    end_long_waits(tx, now)
    return [changed.rowcount] * len(items)


def free_lanes(tx: Connection, now: float, holder: str) -> int:
    """End the leases of one of several relays. Returns how many there were."""
    return tx.execute(_FREE_ITS, {"at": now, "of_holder": holder}).rowcount


def end_long_waits(tx: Connection, now: float) -> None:
    """Let be due what is due later than anybody asks for: it was written under another clock."""
    far = {"later_than": now + LONGEST_DELAY, "at": now}
    tx.execute(_LANES_SOONER, far)
    tx.execute(_DELIVERIES_SOONER, far)
    tx.execute(_ALBUMS_SOONER, {"later_than": now + ALBUM_LONGEST, "at": now})


#: Which lanes a courier carries.
_DIRECTIONS: dict[Direction, tuple[str, ...]] = {
    "to_kit": ("to_kit",),
    "to_telegram": ("to_telegram", LATE_FILES),
}

# Statements are made once: to make one costs more than to run it.
_LANES_SOONER = update(lane).where(lane.c.due_at > bindparam("later_than")).values(due_at=bindparam("at"))
_GATHERS = outbox.c.album.is_not(None)
_DELIVERIES_SOONER, _ALBUMS_SOONER = (
    update(outbox)
    .where(waits(outbox), kind, outbox.c.not_before > bindparam("later_than"))
    .values(not_before=bindparam("at"))
    for kind in (~_GATHERS, _GATHERS)
)
_FREE = (
    update(lane)
    .where(lane.c.leased.is_(True))
    .values(due_at=bindparam("at"), leased=false(), blame=null(), holder=null())
)
_FREE_ITS = _FREE.where(lane.c.holder == bindparam("of_holder"))
_OF_COURIER = (lane.c.channel == bindparam("of_channel")) & lane.c.direction.in_(
    bindparam("to_directions", expanding=True)
)
_THESE_LANES = lane.c.id.in_(bindparam("lane_ids", expanding=True))

_DUE = (
    select(lane.c.id)
    .where(
        _OF_COURIER,
        lane.c.due_at <= bindparam("at"),
        lane.c.leased.is_(False),
    )
    .limit(bindparam("lanes", type_=Integer))
)
_EARLIEST = bindparam("earliest", type_=Float)
_FRESH_ONES = (
    lane.c.since >= _EARLIEST,
    lane.c.due_at >= _EARLIEST,
)  # no lane is due before it waits; the index knows due_at
# Said with the index's own words and a literal: SQLite uses a partial index only where it can see that it may.
_HAS_ACCOUNT = lane.c.crashes > literal_column("0")
_MANY: ColumnElement[int] = literal_column(str(SUSPECT_AFTER))
_SUSPECT = and_(_HAS_ACCOUNT, lane.c.crashes >= _MANY)
_OTHERS = lane.c.crashes < _MANY


def _lease(lanes: Select[Any], blame: str) -> ReturningUpdate[Any]:
    return (
        update(lane)
        .where(lane.c.id.in_(select(leasable(lanes, lane).c.id)))
        .values(lease=lane.c.lease + 1, leased=true(), blame=blame, holder=bindparam("new_holder", type_=String))
        .returning(lane.c.id, lane.c.lease, lane.c.client_id, lane.c.crashes, lane.c.slow_deaths, lane.c.direction)
    )


_LEASE_FRESH = _lease(_DUE.where(_OTHERS, *_FRESH_ONES).order_by(lane.c.since.desc(), lane.c.id), SHARED)
_LEASE_OLD = _lease(_DUE.where(_OTHERS).order_by(lane.c.due_at, lane.c.id), SHARED)
_LEASE_SUSPECTS = _lease(_DUE.where(_SUSPECT).order_by(lane.c.crashes, lane.c.due_at, lane.c.id), ALONE)


def _next(directions: tuple[str, ...], *which: ColumnElement[bool]) -> Select[Any]:
    """When the next lane is due. Each direction by itself: for a list SQLite makes a tree at every look."""
    waiting = (lane.c.channel == bindparam("of_channel"), lane.c.due_at.is_not(None), lane.c.leased.is_(False))
    of_each = [
        select(func.min(lane.c.due_at).label("due_at")).where(
            lane.c.direction == literal_column(f"'{direction}'"), *waiting, *which
        )
        for direction in directions
    ]
    if len(of_each) == 1:
        return of_each[0]
    return select(func.min(union_all(*of_each).subquery("each").c.due_at))


_NEXT = {
    (direction, suspects): _next(lanes, _SUSPECT if suspects else _OTHERS)
    for direction, lanes in _DIRECTIONS.items()
    for suspects in (False, True)
}
_IS_LEFT = select(
    exists().where(
        lane.c.channel.in_(bindparam("of_channels", expanding=True)),
        lane.c.direction.in_(("to_kit", "to_telegram", LATE_FILES)),
        lane.c.due_at <= bindparam("at"),
        lane.c.leased.is_(False),
        _OTHERS,
    )
)
_PARK = (
    update(lane)
    .where(lane.c.id == bindparam("of_lane"))
    .values(leased=false(), blame=null(), due_at=bindparam("new_due_at"))
)
# What a courier has in its hands must not change: siblings that come from now on follow it.
_CLOSE_ALBUMS = (
    update(outbox).where(outbox.c.id.in_(bindparam("ids", expanding=True))).values(not_before=null(), parts=null())
)
_ADDRESSES = select(
    client_link.c.client_id,
    client_link.c.chat_id,
    client_link.c.business_connection_id,
    client_link.c.message_thread_id,
    client_link.c.direct_messages_topic_id,
    client_link.c.unreachable,
    client_link.c.language,
).where(
    client_link.c.channel == bindparam("of_channel"), client_link.c.client_id.in_(bindparam("clients", expanding=True))
)

# The oldest waiting deliveries of each lane. Said by lane, since a lane's backlog may be long.
_head = outbox.alias("head")
_RUN = (
    select(
        outbox.c.id,
        outbox.c.lane_id,
        outbox.c.body,
        outbox.c.attempts,
        outbox.c.steps_done,
        outbox.c.uncertain,
        outbox.c.failing_since,
        outbox.c.accepted_at,
        outbox.c.not_before,
        outbox.c.address,
        outbox.c.hasty,
        outbox.c.written_at,
        inbox.c.source_id,
    )
    .select_from(
        lane.join(
            outbox,
            among(
                outbox.c.id,
                select(_head.c.id)
                .where(_head.c.lane_id == lane.c.id, waits(_head))
                .order_by(_head.c.id)
                .limit(bindparam("run", type_=Integer))
                .correlate(lane),
            ),
        ).outerjoin(inbox, inbox.c.id == outbox.c.letter_id)
    )
    .where(_THESE_LANES)
    .order_by(outbox.c.id)
)
