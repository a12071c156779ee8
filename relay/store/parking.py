"""What waited in a database when it was copied may have arrived since: it goes on only when somebody asks for it.

It becomes dead letters, which a person can see, retry and drop. The copy itself says that it is one, so this happens
however it came to its place, and once.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, false, func, literal_column, null, select, update

from relay.store.engine.connection import Connection
from relay.store.engine.copies import moment, take_note
from relay.store.engine.tables import lane, outbox, waits
from relay.store.totals import add_to_tally


@dataclass(frozen=True, slots=True)
class Parked:
    """What was found in a copy that became the database."""

    made_at: str  #: To the minute, for people.
    deliveries: int


def park(tx: Connection, now: float, items: Sequence[None]) -> list[Parked | None]:
    """Make dead letters of what waits, if this database is a copy with which no relay has gone on yet; else None."""
    copied_at = take_note(tx)
    if copied_at is None:
        return [None] * len(items)
    made_at = moment(copied_at)
    counted = tx.execute(_COUNT)
    tx.execute(_PARK, {"why": REASON.format(made_at), "at": now})
    tx.execute(_RELEASE)
    add_to_tally(tx, Counter({(channel, direction, "dead"): number for channel, direction, number in counted}))
    return [Parked(made_at, sum(number for _, _, number in counted))] * len(items)


#: What the reason of such a dead letter says.
REASON = "restored from the copy of {}: it may have arrived since"

_COUNT = (
    select(outbox.c.channel, outbox.c.direction, func.count())
    .where(waits(outbox))
    .group_by(outbox.c.channel, outbox.c.direction)
)
_PARK = (
    update(outbox)
    .where(waits(outbox))
    .values(status=literal_column("'dead'"), reason=bindparam("why"), settled_at=bindparam("at"))
)
_RELEASE = update(lane).values(due_at=null(), leased=false(), crashes=0, slow_deaths=0)
