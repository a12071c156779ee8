"""What a relay that died had in its hands goes on in those of the others, and its death is charged as at a restart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, text, update

from relay.store.alerts import note_deaths
from relay.store.charging import charge, hold_back
from relay.store.claiming import end_long_waits, free_lanes
from relay.store.engine.connection import Connection
from relay.store.engine.tables import lane
from relay.store.totals import fold


@dataclass(frozen=True, slots=True)
class Inquest:
    """A look for relays that have died."""

    #: Whether this relay has been heard itself for a whole term: only then silence means death. Asked when it matters,
    #: since an outage may lie between the wish and the look.
    is_witness: Callable[[], bool]
    at_start: bool = False  #: Look for lanes too that are in the hands of whom nobody knows.


def take_over(tx: Connection, now: float, inquests: Sequence[Inquest]) -> list[int]:
    """End the leases of relays that have died or said goodbye, and charge their deaths. Returns how many there were.

    Lanes of whom nobody knows are of a database that was moved, or from before there were several relays.
    """
    gone = tx.execute(_BURY, {"me": tx.holder, "witnessed": any(each.is_witness() for each in inquests)})
    note_deaths(tx, now, sum(each.died for each in gone))
    dead = [each.id for each in gone]
    if at_start := any(each.at_start for each in inquests):
        tx.execute(_NAME_THE_LOST, {"nobody": _NOBODY})
        end_long_waits(tx, now)
        dead.append(_NOBODY)
    released = 0
    for holder in dead:
        tx.execute(_LAY_DOWN, {"of_holder": holder})
        slow = charge(tx, holder)
        released += free_lanes(tx, now, holder)
        hold_back(tx, now, slow)
    if gone or at_start:
        fold(tx)
    return [released] * len(inquests)


_NOBODY: Final = "nobody"
# Who holds his row in a transaction is not dead yet, and nobody waits for him.
_BURY = text(
    "DELETE FROM replica WHERE id IN (SELECT id FROM replica WHERE id <> :me AND (until = '-infinity' OR :witnessed"
    " AND until < clock_timestamp()) FOR UPDATE SKIP LOCKED)"
    " RETURNING id, kind = 'relay' AND until <> '-infinity' AS died"
)
_LAY_DOWN = text("DELETE FROM duty WHERE holder = :of_holder")
_NAME_THE_LOST = (
    update(lane)
    .where(lane.c.leased.is_(True), text("(holder IS NULL OR holder NOT IN (SELECT id FROM replica))"))
    .values(holder=bindparam("nobody"))
)
