"""Claiming: a courier leases lanes that are due and takes a run of deliveries of each.

A claim is a lease on a lane, so that one lane has one courier and one delivery in flight. One process holds the
database, so a leased lane is in its own hands, whatever the clock says; and a start ends the leases of the one before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Integer, bindparam, false, func, select, true, update

from relay.model import SUSPECT_AFTER, Delivery, Direction
from relay.store.tables import client_link, lane, outbox, waits

_MANY = 2**31 - 1
#: No delay that anybody asked for is longer (seconds): what is due later than that was written under another clock.
LONGEST_DELAY = 3600.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A courier's wish for work."""

    channel: str
    direction: Direction
    limit: int  #: Lanes.
    run: int  #: Deliveries of each lane.
    suspects: bool  #: Only lanes with which processes have died, due or not; else only the others.


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
    """Lease lanes that are due, the longest due first, and take a run of deliveries of each."""
    return [_claim_one(tx, now, wish) for wish in claims]


def _claim_one(tx: Connection, now: float, wish: Claim) -> Claimed:
    courier = {"of_channel": wish.channel, "to_direction": wish.direction}
    at = now + LONGEST_DELAY if wish.suspects else now
    fewest, most = (SUSPECT_AFTER, _MANY) if wish.suspects else (0, SUSPECT_AFTER - 1)
    leased = tx.execute(_LEASE, {**courier, "at": at, "lanes": wish.limit, "fewest": fewest, "most": most}).all()
    lanes = _runs(tx, wish, {lane_id: (lease, client_id, crashes) for lane_id, lease, client_id, crashes in leased})
    return Claimed(lanes, tx.scalar(_NEXT_DUE, courier))


def _runs(tx: Connection, wish: Claim, lanes: dict[int, tuple[int, str, int]]) -> list[list[Delivery]]:
    if not lanes:
        return []
    rows = tx.execute(_RUN, {"lane_ids": list(lanes), "run": wish.run}).all()
    chats = _chats(tx, wish, {client_id for _, client_id, _ in lanes.values()})
    runs: dict[int, list[Delivery]] = {}
    for delivery_id, lane_id, body, attempts, steps_done, uncertain, accepted_at in rows:
        lease, client_id, crashes = lanes[lane_id]
        delivery = Delivery(
            id=delivery_id,
            channel=wish.channel,
            direction=wish.direction,
            client_id=client_id,
            chat_id=chats.get(client_id),
            body=body,
            lane_id=lane_id,
            lease=lease,
            crashes=crashes,
            attempts=attempts + 1,
            steps_done=steps_done,
            uncertain=uncertain,
            accepted_at=accepted_at,
        )
        runs.setdefault(lane_id, []).append(delivery)
    return list(runs.values())


def _chats(tx: Connection, wish: Claim, clients: set[str]) -> dict[str, int]:
    """Where Telegram deliveries go is looked up at each attempt, so that one row says it."""
    if wish.direction != "to_telegram":
        return {}
    found = tx.execute(_CHATS, {"of_channel": wish.channel, "clients": list(clients)})
    return {client_id: chat_id for client_id, chat_id in found}  # noqa: C416 - rows are not pairs to dict()


def release_all(tx: Connection, now: float, items: Sequence[None]) -> list[int]:
    """End every lease: whoever starts on an exclusively held database knows that no courier is left from before.

    Each lane that was leased when its process ended gets a crash on its account: one of them may have been the cause.
    """
    changed = tx.execute(
        update(lane).where(lane.c.leased.is_(True)).values(due_at=now, leased=false(), crashes=lane.c.crashes + 1)
    )
    tx.execute(update(lane).where(lane.c.due_at > now + LONGEST_DELAY).values(due_at=now))
    return [changed.rowcount] * len(items)


# Statements are made once: to make one costs more than to run it.
_OF_COURIER = (lane.c.channel == bindparam("of_channel")) & (lane.c.direction == bindparam("to_direction"))
_THESE_LANES = lane.c.id.in_(bindparam("lane_ids", expanding=True))

_LEASE = (
    update(lane)
    .where(
        lane.c.id.in_(
            select(lane.c.id)
            .where(
                _OF_COURIER,
                lane.c.due_at <= bindparam("at"),
                lane.c.leased.is_(False),
                lane.c.crashes.between(bindparam("fewest"), bindparam("most")),
            )
            .order_by(lane.c.due_at, lane.c.id)
            .limit(bindparam("lanes", type_=Integer))
        )
    )
    .values(lease=lane.c.lease + 1, leased=true())
    .returning(lane.c.id, lane.c.lease, lane.c.client_id, lane.c.crashes)
)
_NEXT_DUE = select(func.min(lane.c.due_at)).where(_OF_COURIER, lane.c.due_at.is_not(None), lane.c.leased.is_(False))
_CHATS = select(client_link.c.client_id, client_link.c.chat_id).where(
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
