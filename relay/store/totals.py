"""Totals: received + revived = delivered + waiting + dead + declined, at every moment.

A dead letter that is retried is counted as revived and waits again; totals themselves never go down.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import and_, case, func, select, true

from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert
from relay.store.engine.tables import LATE_FILES, lane, outbox, tally, waits


@dataclass(frozen=True, slots=True)
class Counts:
    """What a channel has seen, by (direction, outcome), and what waits now."""

    totals: dict[tuple[str, str], int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)  #: Deliveries, by direction.
    oldest: dict[str, float] = field(default_factory=dict)  #: Unix time of the oldest waiting one, by direction.

    @property
    def ratings(self) -> dict[int, int]:
        """How often customers gave one to five stars."""
        return {stars: self.totals.get(("rating", str(stars)), 0) for stars in range(1, 6)}

    @property
    def asked_for_rating(self) -> int:
        """How often customers were asked for stars."""
        return self.totals.get(("rating", "asked"), 0)

    @property
    def unknown_clients(self) -> int:
        """How many of Kit's events were declined because their client never wrote to this bot."""
        return self.totals.get(("to_telegram", "unknown_client"), 0)

    def declined_as(self, counted: str) -> int:
        """How many of a customer's letters were declined for what is counted under this name."""
        return self.totals.get(("to_kit", counted), 0)

    def dead_letters(self, direction: str) -> int:
        """How many dead letters lie there now: neither revived nor dropped."""
        dead, revived, dropped = (self.totals.get((direction, of), 0) for of in ("dead", "revived", "dropped"))
        return dead - revived - dropped


def add_to_tally(tx: Connection, totals: Counter[tuple[str, str, str]]) -> None:
    """Add to the totals, by (channel, direction, outcome)."""
    if not totals:
        return
    # In one order: else two relays would wait for each other.
    values = [
        {"channel": channel, "direction": direction, "outcome": outcome, "total": total}
        for (channel, direction, outcome), total in sorted(totals.items())
    ]
    tx.execute(_ADD_TO_TALLY, values)


def count(tx: Connection, _now: float, channels: Sequence[str]) -> list[Counts]:
    """Totals and what waits, read in one transaction, so that they add up."""
    return [_count_one(tx, channel) for channel in channels]


def _count_one(tx: Connection, channel: str) -> Counts:
    totals = {
        (row.direction, row.outcome): row.total for row in tx.execute(select(tally).where(tally.c.channel == channel))
    }
    waiting = tx.execute(
        select(outbox.c.direction, func.count(), func.min(case((_IN_TIME, outbox.c.accepted_at))))
        .outerjoin(lane, lane.c.id == outbox.c.lane_id)
        .where(outbox.c.channel == channel, waits(outbox))
        .group_by(outbox.c.direction)
    ).all()
    return Counts(
        totals,
        {direction: number for direction, number, _ in waiting},
        {direction: oldest for direction, _, oldest in waiting if oldest is not None},
    )


# A late file waits for its server, and holds up nobody. A flood waits because we want it to.
_IN_TIME = and_(lane.c.direction.is_distinct_from(LATE_FILES), lane.c.paced.is_distinct_from(true()))
_tally = insert(tally)
_ADD_TO_TALLY = _tally.on_conflict_do_update(
    index_elements=["channel", "direction", "outcome"], set_={"total": tally.c.total + _tally.excluded.total}
)
