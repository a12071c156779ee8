"""Charging: whose account a death of the process goes to, so that the delivery that kills it is found out.

Each claim says on disk what a death would mean for its lane. A suspect, which is the only one of its sort that is out,
answers for it alone; only when none is out do all share it that are in flight. Whoever has been out for seconds without
a death is innocent, though there is no answer yet: a side that hangs is nobody's crime.

That is no proof. Who is out for long at one death after the other is held back, longer each time and not together with
the others, and never buried: if it kills, everybody else is free of it; if it does not, it gets through between deaths.
"""

from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy import bindparam, exists, false, func, literal_column, null, select, update

from relay.model import Delivery
from relay.store.engine.connection import Connection, Row
from relay.store.engine.tables import lane, outbox, waits

log = structlog.get_logger()

#: What `lane.blame` says. Null: not to blame.
SHARED: Final = "shared"
ALONE: Final = "alone"
#: From so many deaths in a row on a lane is held back whose delivery had been out for long at each.
HELD_BACK_FROM: Final = 3
#: Seconds for which it is, after that many, one more, and so on; after more than these as long as after the last.
HELD_BACK_FOR: Final = (60.0, 120.0, 240.0, 480.0, 900.0)


def charge(tx: Connection, holder: str | None = None) -> Sequence[Row]:
    """Charge the death of the process that held the leases which are found at a start.

    A process that stops lets go of its lanes itself: what is still leased died with it. Returns the lanes that are to
    be held back when their leases have been ended.
    """
    if holder is None:
        tx.execute(_CHARGE, {"guilty": ALONE if tx.scalar(_A_SUSPECT_WAS_OUT) else SHARED})
        slow = tx.execute(_COUNT_SLOW)
    else:
        its = {"of_holder": holder}
        tx.execute(_CHARGE_ITS, {**its, "guilty": ALONE if tx.scalar(_ITS_SUSPECT_WAS_OUT, its) else SHARED})
        slow = tx.execute(_COUNT_ITS_SLOW, its)
    return [row for row in slow if row.slow_deaths >= HELD_BACK_FROM]


def hold_back(tx: Connection, now: float, lanes: Sequence[Row]) -> None:
    """Let lanes wait that `charge` has returned, one after the other: who does not kill is not out when another does.

    Neither a start nor the other side's recovery ends it, nor what is new in the lane: see `hurrying`.
    """
    if not lanes:
        return
    heads = {row.lane_id: row for row in tx.execute(_HEADS, {"lane_ids": [of.id for of in lanes]})}
    ordered = sorted((of for of in lanes if of.id in heads), key=lambda of: (of.channel, of.direction, of.client_id))
    for number, of in enumerate(ordered):
        seconds = held_back_for(of.slow_deaths) * (1 + number / len(ordered))
        tx.execute(_HOLD_BACK, {"of_lane": of.id, "new_due_at": now + seconds})
        tx.execute(_SAY_WHY, {"of_id": heads[of.id].first, "why": REASON.format(of.client_id, of.slow_deaths)})
        log.warning(
            "delivery.held_back",
            direction=of.direction,
            delivery=heads[of.id].first,
            client=of.client_id,
            deaths=of.slow_deaths,
            seconds=round(seconds),
        )


def held_back_for(deaths: int) -> float:
    """Seconds that a lane waits after so many deaths, HELD_BACK_FROM or more."""
    return HELD_BACK_FOR[min(deaths - HELD_BACK_FROM, len(HELD_BACK_FOR) - 1)]


#: What is said of the delivery meanwhile.
REASON: Final = (
    "`relay hurry {0}` tries it now: the relay died {1} times in a row while this had been out for over three seconds"
)


def acquit(tx: Connection, _now: float, deliveries: Sequence[Delivery]) -> list[None]:
    """Write down that claimed deliveries have been out for so long that no process dies of them.

    What is not ours any more is left alone.
    """
    tx.execute(_ACQUIT, [{"of_lane": each.lane_id, "of_lease": each.lease} for each in deliveries])
    return [None] * len(deliveries)


def others_passed(tx: Connection, _now: float, deliveries: Sequence[Delivery]) -> list[bool]:
    """Whether anything has got through to the same side since the delivery was accepted."""
    return [
        bool(
            tx.scalar(
                _OTHERS_PASSED,
                {"of_channel": each.channel, "to_direction": each.direction, "since": each.accepted_at},
            )
        )
        for each in deliveries
    ]


_LEASED = lane.c.leased.is_(True)
_A_SUSPECT_WAS_OUT = select(exists().where(_LEASED, lane.c.blame == ALONE))
_CHARGE = update(lane).where(_LEASED, lane.c.blame == bindparam("guilty")).values(crashes=lane.c.crashes + 1)
_ITS = lane.c.holder == bindparam("of_holder")
_ITS_SUSPECT_WAS_OUT = select(exists().where(_LEASED, _ITS, lane.c.blame == ALONE))
_CHARGE_ITS = _CHARGE.where(_ITS)
_OTHERS_PASSED = select(
    exists().where(
        outbox.c.status == literal_column("'delivered'"),
        outbox.c.settled_at > bindparam("since"),
        outbox.c.channel == bindparam("of_channel"),
        outbox.c.direction == bindparam("to_direction"),
    )
)
_ACQUIT = (
    update(lane)
    .where(lane.c.id == bindparam("of_lane"), lane.c.lease == bindparam("of_lease"), _LEASED)
    .values(crashes=0, blame=null())
)
_COUNT_SLOW = (
    update(lane)
    .where(_LEASED, lane.c.blame.is_(None))
    .values(slow_deaths=lane.c.slow_deaths + 1)
    .returning(lane.c.id, lane.c.channel, lane.c.direction, lane.c.client_id, lane.c.slow_deaths)
)
_COUNT_ITS_SLOW = _COUNT_SLOW.where(_ITS)
_HEADS = (
    select(outbox.c.lane_id, func.min(outbox.c.id).label("first"))
    .where(outbox.c.lane_id.in_(bindparam("lane_ids", expanding=True)), waits(outbox))
    .group_by(outbox.c.lane_id)
)
# What is new does not make it due either: somebody asked for this wait.
_HOLD_BACK = (
    update(lane).where(lane.c.id == bindparam("of_lane")).values(due_at=bindparam("new_due_at"), backs_off=false())
)
_SAY_WHY = update(outbox).where(outbox.c.id == bindparam("of_id")).values(reason=bindparam("why"))
