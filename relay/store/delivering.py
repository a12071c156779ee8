"""The delivering half: claim, renew, note progress, settle.

A claim is a lease on a lane, so that one lane has one courier and one delivery in flight. Settling, and every note of
progress, checks that the lease is still ours: a courier that outlived its lease changes nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, case, exists, false, func, null, select, true, update

from relay.model import Bury, Delivered, Delivery, Direction, Result, Retry
from relay.store.accepting import add_to_tally
from relay.store.tables import client_link, lane, outbox, waits

#: Seconds that a claim holds. Couriers renew it long before; only a crash lets it run out.
LEASE = 60.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A courier's wish for work."""

    channel: str
    direction: Direction
    limit: int  #: Lanes.
    run: int  #: Deliveries of each lane.


@dataclass(frozen=True, slots=True)
class Claimed:
    """The oldest waiting deliveries of each claimed lane, in their order."""

    lanes: list[list[Delivery]]
    next_due_at: float | None  #: Unix time when more may be due; None when nothing waits.

    @property
    def deliveries(self) -> list[Delivery]:
        """Those of all lanes."""
        return [delivery for lane_of in self.lanes for delivery in lane_of]


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a courier reports of one delivery."""

    delivery: Delivery
    result: Result
    last: bool = True  #: The courier lets go of the lane. A retry always does.

    @property
    def releases(self) -> bool:
        """Whether the lane is free after it."""
        return self.last or isinstance(self.result, Retry)


def claim(tx: Connection, now: float, claims: Sequence[Claim]) -> list[Claimed]:
    """Lease lanes that are due, the longest due first, and take a run of deliveries of each.

    The attempt at the first of a run is counted here, before it is made; at the others when they are settled. If one of
    those ends the process, it is the first of the next run.
    """
    return [_claim_one(tx, now, wish) for wish in claims]


def _claim_one(tx: Connection, now: float, wish: Claim) -> Claimed:
    courier = {"of_channel": wish.channel, "to_direction": wish.direction}
    leased = tx.execute(_LEASE, {**courier, "at": now, "new_due_at": now + LEASE, "lanes": wish.limit}).all()
    lanes = _runs(tx, wish, {lane_id: (lease, client_id) for lane_id, lease, client_id in leased})
    return Claimed(lanes, tx.scalar(_NEXT_DUE, courier))


def _runs(tx: Connection, wish: Claim, lanes: dict[int, tuple[int, str]]) -> list[list[Delivery]]:
    if not lanes:
        return []
    rows = tx.execute(_RUN, {"lane_ids": list(lanes), "run": wish.run}).all()
    chats = _chats(tx, wish, {client_id for _, client_id in lanes.values()})
    runs: dict[int, list[Delivery]] = {}
    for row in rows:
        lease, client_id = lanes[row.lane_id]
        delivery = Delivery(
            id=row.id,
            channel=wish.channel,
            direction=wish.direction,
            client_id=client_id,
            chat_id=chats.get(client_id),
            body=row.body,
            lane_id=row.lane_id,
            lease=lease,
            attempts=row.attempts + 1,
            steps_done=row.steps_done,
            uncertain=row.uncertain,
            accepted_at=row.accepted_at,
        )
        runs.setdefault(row.lane_id, []).append(delivery)
    if runs:
        tx.execute(_COUNT_ATTEMPT, {"ids": [run[0].id for run in runs.values()]})
    return list(runs.values())


def _chats(tx: Connection, wish: Claim, clients: set[str]) -> dict[str, int]:
    """Where Telegram deliveries go is looked up at each attempt, so that one row says it."""
    if wish.direction != "to_telegram":
        return {}
    found = tx.execute(_CHATS, {"of_channel": wish.channel, "clients": list(clients)})
    return {client_id: chat_id for client_id, chat_id in found}  # noqa: C416 - rows are not pairs to dict()


def renew(tx: Connection, now: float, deliveries: Sequence[Delivery]) -> list[None]:
    """Hold the leases of deliveries in flight for another while."""
    tx.execute(_RENEW, [{**_lease_of(delivery), "new_due_at": now + LEASE} for delivery in deliveries])
    return [None] * len(deliveries)


@dataclass(frozen=True, slots=True)
class Progress:
    """The first `steps_done` steps of a delivery are confirmed."""

    delivery: Delivery
    steps_done: int


def note_progress(tx: Connection, _now: float, notes: Sequence[Progress]) -> list[bool]:
    """Remember confirmed steps. False: the lease is lost, stop."""
    ours = _still_ours(tx, [note.delivery for note in notes])
    values = [
        {"of_id": note.delivery.id, "new_steps_done": note.steps_done} for note in notes if note.delivery.id in ours
    ]
    if values:
        tx.execute(_NOTE_PROGRESS, values)
    return [note.delivery.id in ours for note in notes]


def settle(tx: Connection, now: float, settlements: Sequence[Settlement]) -> list[bool]:
    """Close deliveries, or put them back, and let their lanes go on. False: the lease was lost, nothing changed."""
    ours = _still_ours(tx, [settlement.delivery for settlement in settlements])
    valid = [settlement for settlement in settlements if settlement.delivery.id in ours]
    if delivered := [settlement.delivery.id for settlement in valid if isinstance(settlement.result, Delivered)]:
        tx.execute(_DELIVER, {"ids": delivered, "at": now})
    if others := [_settled(settlement, now) for settlement in valid if not isinstance(settlement.result, Delivered)]:
        tx.execute(_SETTLE, others)
    for after, lanes in _released(valid).items():
        tx.execute(_RELEASE, {"lane_ids": lanes, "new_due_at": now + after})
    add_to_tally(tx, _tallied(valid))
    return [settlement.delivery.id in ours for settlement in settlements]


def release_all(tx: Connection, now: float, items: Sequence[None]) -> list[int]:
    """End every lease: whoever starts on an exclusively held database knows that no courier is left from before."""
    changed = tx.execute(update(lane).where(lane.c.leased.is_(True)).values(due_at=now, leased=false()))
    return [changed.rowcount] * len(items)


# Statements are made once: to make one costs more than to run it.
_OF_COURIER = (lane.c.channel == bindparam("of_channel")) & (lane.c.direction == bindparam("to_direction"))
_THESE_LANES = lane.c.id.in_(bindparam("lane_ids", expanding=True))

_LEASE = (
    update(lane)
    .where(
        lane.c.id.in_(
            select(lane.c.id)
            .where(_OF_COURIER, lane.c.due_at <= bindparam("at"))
            .order_by(lane.c.due_at, lane.c.id)
            .limit(bindparam("lanes", type_=Integer))
            .with_for_update(skip_locked=True)
        )
    )
    .values(due_at=bindparam("new_due_at"), lease=lane.c.lease + 1, leased=true())
    .returning(lane.c.id, lane.c.lease, lane.c.client_id)
)
_NEXT_DUE = select(func.min(lane.c.due_at)).where(_OF_COURIER, lane.c.due_at.is_not(None))
_HELD = select(lane.c.id, lane.c.lease).where(_THESE_LANES, lane.c.leased.is_(True)).with_for_update()
_CHATS = select(client_link.c.client_id, client_link.c.chat_id).where(
    client_link.c.channel == bindparam("of_channel"), client_link.c.client_id.in_(bindparam("clients", expanding=True))
)

_OURS = (lane.c.id == bindparam("of_lane")) & (lane.c.lease == bindparam("with_lease")) & lane.c.leased.is_(True)

_RENEW = update(lane).where(_OURS).values(due_at=bindparam("new_due_at"))
_NOTE_PROGRESS = (
    update(outbox).where(outbox.c.id == bindparam("of_id")).values(steps_done=bindparam("new_steps_done"), uncertain=0)
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
        outbox.c.accepted_at,
    )
    .select_from(
        lane.join(
            outbox,
            outbox.c.id.in_(
                select(_head.c.id)
                .where(_head.c.lane_id == lane.c.id, waits(_head))
                .order_by(_head.c.id)
                .limit(bindparam("run", type_=Integer))
                .correlate(lane)
            ),
        )
    )
    .where(_THESE_LANES)
    .order_by(outbox.c.id)
)

# Many rows in one statement: between two rows the driver lets go of Python's lock, and gets it back late under load.
_THESE = outbox.c.id.in_(bindparam("ids", expanding=True))
_COUNT_ATTEMPT = update(outbox).where(_THESE).values(attempts=outbox.c.attempts + 1)

# What comes after the first of a run has never been tried: a delivery that was stands at the head of its lane.
_DELIVER = (
    update(outbox)
    .where(_THESE)
    .values(
        status="delivered",
        reason=null(),
        settled_at=bindparam("at"),
        attempts=case((outbox.c.attempts == 0, 1), else_=outbox.c.attempts),
    )
)

_SETTLE = (
    update(outbox)
    .where(outbox.c.id == bindparam("of_id"))
    .values(
        status=bindparam("new_status"),
        reason=bindparam("new_reason"),
        settled_at=bindparam("new_settled_at"),
        attempts=bindparam("new_attempts"),
        uncertain=outbox.c.uncertain + bindparam("more_uncertain"),
    )
)

# After a settled delivery the lane is due again at once if something waits in it, else it sleeps.
_RELEASE = (
    update(lane)
    .where(_THESE_LANES)
    .values(
        leased=false(),
        due_at=case(
            (exists().where(outbox.c.lane_id == lane.c.id, waits(outbox)), bindparam("new_due_at")),
            else_=null(),
        ),
    )
)


def _lease_of(delivery: Delivery) -> dict[str, Any]:
    return {"of_lane": delivery.lane_id, "with_lease": delivery.lease}


def _still_ours(tx: Connection, deliveries: list[Delivery]) -> set[int]:
    rows = tx.execute(_HELD, {"lane_ids": list({delivery.lane_id for delivery in deliveries})})
    held = {(lane_id, lease) for lane_id, lease in rows}
    return {delivery.id for delivery in deliveries if (delivery.lane_id, delivery.lease) in held}


def _settled(settlement: Settlement, now: float) -> dict[str, Any]:
    delivery = settlement.delivery
    values: dict[str, Any] = {
        "of_id": delivery.id,
        "new_reason": None,
        "new_attempts": delivery.attempts,
        "more_uncertain": 0,
    }
    match settlement.result:
        case Retry(reason=reason, free=free, uncertain=uncertain):
            values |= {"new_status": "waiting", "new_reason": reason, "new_settled_at": None}
            values |= {"new_attempts": delivery.attempts - free, "more_uncertain": int(uncertain)}
        case Bury(reason=reason):
            values |= {"new_status": "dead", "new_reason": reason, "new_settled_at": now}
    return values


def _released(settlements: list[Settlement]) -> dict[float, list[int]]:
    """The lanes that are free now, by the seconds that they must wait."""
    lanes: dict[float, list[int]] = {}
    for settlement in settlements:
        if settlement.releases:
            after = settlement.result.after if isinstance(settlement.result, Retry) else 0.0
            lanes.setdefault(after, []).append(settlement.delivery.lane_id)
    return lanes


def _tallied(settlements: list[Settlement]) -> Counter[tuple[str, str, str]]:
    totals: Counter[tuple[str, str, str]] = Counter()
    for settlement in settlements:
        delivery = settlement.delivery
        match settlement.result:
            case Delivered():
                totals[delivery.channel, delivery.direction, "delivered"] += 1
            case Bury():
                totals[delivery.channel, delivery.direction, "dead"] += 1
            case Retry():
                pass
    return totals
