"""Claiming: a courier leases lanes that are due and takes a run of deliveries of each.

A claim is a lease on a lane, so that one lane has one courier and one delivery in flight. It runs out by itself: a
crashed courier needs no repair.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Integer, bindparam, false, func, select, true, update

from relay.model import Delivery, Direction
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
    tx.execute(
        _RENEW,
        [
            {"of_lane": delivery.lane_id, "with_lease": delivery.lease, "new_due_at": now + LEASE}
            for delivery in deliveries
        ],
    )
    return [None] * len(deliveries)


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
_CHATS = select(client_link.c.client_id, client_link.c.chat_id).where(
    client_link.c.channel == bindparam("of_channel"), client_link.c.client_id.in_(bindparam("clients", expanding=True))
)

_RENEW = (
    update(lane)
    .where(lane.c.id == bindparam("of_lane"), lane.c.lease == bindparam("with_lease"), lane.c.leased.is_(True))
    .values(due_at=bindparam("new_due_at"))
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

_COUNT_ATTEMPT = (
    update(outbox).where(outbox.c.id.in_(bindparam("ids", expanding=True))).values(attempts=outbox.c.attempts + 1)
)
