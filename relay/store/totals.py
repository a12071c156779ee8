"""Totals: received + revived = delivered + waiting + dead + declined, at every moment.

A dead letter that is retried is counted as revived and waits again; totals themselves never go down.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import BigInteger, Float, bindparam, cast, func, null, select, text, union_all

from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert
from relay.store.engine.tables import LATE_FILES, lane, outbox, tally, waits

#: What is to be counted, by channel, direction and outcome.
Totals = Counter[tuple[str, str, str]]


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


def add_to_tally(tx: Connection, totals: Mapping[tuple[str, str, str], int]) -> None:
    """Add to the totals, by (channel, direction, outcome), in this relay's own rows."""
    if not totals:
        return
    writer = tx.holder or ""
    values = [
        {"channel": channel, "direction": direction, "outcome": outcome, "writer": writer, "total": total}
        for (channel, direction, outcome), total in totals.items()
    ]
    tx.execute(_ADD_TO_TALLY, values)


def fold(tx: Connection) -> None:
    """Add what relays counted that are gone to the rows of nobody, so that there are not more of them at each start.

    On PostgreSQL, where there can be several. Who reads meanwhile sees all of it before, or all of it after.
    """
    tx.execute(_FOLD)


def count(tx: Connection, _now: float, channels: Sequence[str]) -> list[Counts]:
    """Totals and what waits, read in one statement, so that they add up whatever other relays commit meanwhile."""
    return [_count_one(tx, channel) for channel in channels]


def _count_one(tx: Connection, channel: str) -> Counts:
    totals, waiting, oldest = dict[tuple[str, str], int](), Counter[str](), dict[str, float]()
    for direction, outcome, paced, number, since in tx.execute(_COUNTS, {"of_channel": channel}):
        if outcome is not None:
            totals[direction, outcome] = number
            continue
        waiting[DIRECTION_OF[direction]] += int(number)
        # A late file waits for its server, and holds up nobody. A flood waits because we want it to.
        if direction != LATE_FILES and not paced:
            oldest[direction] = since
    return Counts(totals, dict(waiting), oldest)


#: Where the deliveries of a lane go.
DIRECTION_OF: Final = {"to_kit": "to_kit", "to_telegram": "to_telegram", LATE_FILES: "to_telegram"}
# Counted by lane first, which the index of what waits can do by itself: the rows are not read.
_by_lane = (
    select(outbox.c.lane_id, func.count().label("number"), func.min(outbox.c.accepted_at).label("oldest"))
    .where(waits(outbox))
    .group_by(outbox.c.lane_id)
    .subquery()
)
_waiting = (
    select(
        lane.c.direction,
        cast(null(), tally.c.outcome.type).label("outcome"),
        lane.c.paced,
        cast(func.sum(_by_lane.c.number), BigInteger).label("number"),
        func.min(_by_lane.c.oldest).label("since"),
    )
    .join_from(_by_lane, lane, lane.c.id == _by_lane.c.lane_id)
    .where(lane.c.channel == bindparam("of_channel"))
    .group_by(lane.c.direction, lane.c.paced)
)
# PostgreSQL's sum of integers of eight bytes is a decimal number.
_totals = (
    select(
        tally.c.direction,
        tally.c.outcome,
        cast(null(), lane.c.paced.type),
        cast(func.sum(tally.c.total), BigInteger),
        cast(null(), Float),
    )
    .where(tally.c.channel == bindparam("of_channel"))
    .group_by(tally.c.direction, tally.c.outcome)
)
_COUNTS = union_all(_waiting, _totals)
_tally = insert(tally)
_ADD_TO_TALLY = _tally.on_conflict_do_update(
    index_elements=["channel", "direction", "outcome", "writer"],
    set_={"total": tally.c.total + _tally.excluded.total},
)
# Who is not in `replica` any more commits nothing. In one order: else two relays would wait for each other.
_FOLD = text(
    "WITH gone AS (DELETE FROM tally WHERE writer <> '' AND writer NOT IN (SELECT id FROM replica) RETURNING *)"
    " INSERT INTO tally (channel, direction, outcome, writer, total)"
    " SELECT channel, direction, outcome, '', sum(total) FROM gone GROUP BY channel, direction, outcome"
    " ORDER BY channel, direction, outcome"
    " ON CONFLICT (channel, direction, outcome, writer) DO UPDATE SET total = tally.total + excluded.total"
)
