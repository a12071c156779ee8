"""Charging: whose account a death of the process goes to, so that the delivery that kills it is found out.

Each claim says on disk what a death would mean for its lane. A suspect, which is the only one of its sort that is out,
answers for it alone; only when none is out do all share it that are in flight. Whoever has been out for seconds without
a death is innocent, though there is no answer yet: a side that hangs is nobody's crime.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, exists, literal_column, null, select, update

from relay.model import Delivery
from relay.store.engine.connection import Connection
from relay.store.engine.tables import lane, outbox

#: What `lane.blame` says. Null: not to blame.
SHARED: Final = "shared"
ALONE: Final = "alone"


def charge(tx: Connection, holder: str | None = None) -> None:
    """Charge the death of the process that held the leases which are found at a start.

    A process that stops lets go of its lanes itself: what is still leased died with it.
    """
    if holder is None:
        tx.execute(_CHARGE, {"guilty": ALONE if tx.scalar(_A_SUSPECT_WAS_OUT) else SHARED})
        return
    its = {"of_holder": holder}
    tx.execute(_CHARGE_ITS, {**its, "guilty": ALONE if tx.scalar(_ITS_SUSPECT_WAS_OUT, its) else SHARED})


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
