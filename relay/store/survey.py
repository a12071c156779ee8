"""What a person wants to see of a channel at three in the morning, read in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Integer, bindparam, case, func, literal_column, select

from relay.store.callbacks import Callbacks, find_callbacks
from relay.store.engine.connection import Connection
from relay.store.engine.tables import inbox, lane, outbox, waits
from relay.store.totals import DIRECTION_OF, Counts, count

#: Seconds: how long ago is "now" in figures a minute.
_MINUTE = 60.0
#: Seconds up to which waiting deliveries are counted together; what is older comes last.
AGES = (10.0, 60.0, 600.0, 3600.0)
#: Seconds: a chat that may go on sooner waits for its turn, or for the rest of an album.
_SOON = 5.0
#: Reasons of dead letters that are told at most.
_REASONS = 20

_DIRECTIONS = {"telegram": "to_kit", "kit": "to_telegram"}


@dataclass(frozen=True, slots=True)
class DeadReason:
    """Dead letters of one direction that died of the same."""

    direction: str
    reason: str
    letters: int
    newest: float  #: Unix time.


@dataclass(frozen=True, slots=True)
class Held:
    """Chats in one direction whose next attempt is for later, because the last one failed or somebody asked to wait."""

    chats: int
    longest: float  #: Seconds until the last of them is tried again.


@dataclass(frozen=True, slots=True)
class Survey:
    """One channel, as of `at`."""

    at: float  #: Unix time.
    counts: Counts
    received: dict[str, int] = field(default_factory=dict)  #: Letters in the last minute, by direction.
    delivered: dict[str, int] = field(default_factory=dict)  #: The same of deliveries.
    ages: dict[str, list[int]] = field(default_factory=dict)  #: What waits, by direction, in the steps of AGES.
    dead: list[DeadReason] = field(default_factory=list)  #: The newest first.
    held: dict[str, Held] = field(default_factory=dict)  #: By direction.
    callbacks: Callbacks = field(default_factory=Callbacks)


def survey(tx: Connection, now: float, channels: Sequence[str]) -> list[Survey]:
    """Look at channels."""
    return [
        _survey_one(tx, now, channel, counts)
        for channel, counts in zip(channels, count(tx, now, channels), strict=True)
    ]


def _survey_one(tx: Connection, now: float, channel: str, counts: Counts) -> Survey:
    of_channel = {"of_channel": channel, "since": now - _MINUTE, "now": now}
    received = {
        _DIRECTIONS[source]: number for source, number in tx.execute(_RECEIVED, of_channel) if source in _DIRECTIONS
    }
    delivered = {row.direction: row.letters for row in tx.execute(_DELIVERED, of_channel)}
    ages: dict[str, list[int]] = {}
    for direction, step, number in tx.execute(_AGES, of_channel):
        ages.setdefault(DIRECTION_OF[direction], [0] * (len(AGES) + 1))[step] += number
    dead = [DeadReason(*row) for row in tx.execute(_DEAD, {**of_channel, "reasons": _REASONS})]
    held = {
        direction: Held(chats, due_at - now)
        for direction, chats, due_at in tx.execute(_HELD, {"of_channel": channel, "later": now + _SOON})
    }
    [callbacks] = find_callbacks(tx, now, [channel])
    return Survey(now, counts, received, delivered, ages, dead, held, callbacks)


# A letter of the last minute has its body still; said aloud, so that SQLite may use the index.
_RECEIVED = (
    select(inbox.c.source, func.count())
    .where(
        inbox.c.body.is_not(None), inbox.c.received_at > bindparam("since"), inbox.c.channel == bindparam("of_channel")
    )
    .group_by(inbox.c.source)
)
_DELIVERED = (
    select(outbox.c.direction, func.count().label("letters"))
    .where(
        outbox.c.status == literal_column("'delivered'"),
        outbox.c.settled_at > bindparam("since"),
        outbox.c.channel == bindparam("of_channel"),
    )
    .group_by(outbox.c.direction)
)
_step = case(
    *((outbox.c.accepted_at > bindparam("now") - age, step) for step, age in enumerate(AGES)), else_=len(AGES)
).label("step")
_AGES = (
    select(lane.c.direction, _step, func.count())
    .join_from(outbox, lane, lane.c.id == outbox.c.lane_id)
    .where(waits(outbox), lane.c.channel == bindparam("of_channel"))
    .group_by(lane.c.direction, literal_column("step"))  # by its name: each place of a value is another one there
)
_HELD = (
    select(lane.c.direction, func.count(), func.max(lane.c.due_at))
    .where(lane.c.channel == bindparam("of_channel"), lane.c.due_at > bindparam("later"), lane.c.leased.is_(False))
    .group_by(lane.c.direction)
)
_newest = func.max(outbox.c.settled_at)
_DEAD = (
    select(outbox.c.direction, outbox.c.reason, func.count(), _newest)
    .where(outbox.c.status == literal_column("'dead'"), outbox.c.channel == bindparam("of_channel"))
    .group_by(outbox.c.direction, outbox.c.reason)
    .order_by(_newest.desc())
    .limit(bindparam("reasons", type_=Integer))
)
