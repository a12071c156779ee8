"""Dead letters: looked up, and thrown away."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, delete, exists, func, literal_column, select, update

from relay.model import Direction, Source
from relay.store.engine.connection import Connection
from relay.store.engine.tables import client_link, inbox, lane, outbox
from relay.store.totals import add_to_tally


@dataclass(frozen=True, slots=True)
class DeadWish:
    """Which dead letters are wanted; what is not said does not matter."""

    channel: str | None = None
    ids: tuple[int, ...] = ()
    client: str | None = None  #: A client id, or a chat's.
    direction: Direction | None = None
    reason: str | None = None  #: A part of it, whatever its case.
    older_than: float | None = None  #: Seconds since it died.
    newer_than: float | None = None
    after: int = 0  #: Only those with a higher id.
    limit: int = 100


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that got no further, and the letter that it comes from."""

    id: int
    channel: str
    direction: Direction
    client_id: str | None  #: None when nobody could say whose the letter is.
    chat_id: int | None
    reason: str
    attempts: int
    steps_done: int
    accepted_at: float
    died_at: float
    source: Source
    source_id: str
    received_at: float
    body: str | None  #: What was to be delivered; None when the letter could not be read.
    letter_body: str | None  #: What came in.


@dataclass(frozen=True, slots=True)
class FoundDead:
    """An answer to a wish."""

    at: float  #: Unix time.
    total: int  #: How many there are, whatever `after` and `limit` say.
    letters: list[DeadLetter]


def find_dead(tx: Connection, now: float, wishes: Sequence[DeadWish]) -> list[FoundDead]:
    """Dead letters, the oldest first, and how many there are in all."""
    return [_find_one(tx, now, wish) for wish in wishes]


def _find_one(tx: Connection, now: float, wish: DeadWish) -> FoundDead:
    wanted = _conditions(now, wish)
    total = tx.scalar(select(func.count()).select_from(_PLACE).where(*wanted)) or 0
    page = select(*_COLUMNS).select_from(_PLACE).where(*wanted, outbox.c.id > wish.after)
    rows = tx.execute(page.order_by(outbox.c.id).limit(wish.limit))
    return FoundDead(now, total, [DeadLetter(*cells) for cells in map(tuple, rows)])


def _conditions(now: float, wish: DeadWish) -> list[ColumnElement[bool]]:
    """In SQL. A person asks now and then: it need not be made once."""
    conditions: list[ColumnElement[bool]] = [DEAD]
    if wish.channel is not None:
        conditions.append(outbox.c.channel == wish.channel)
    if wish.ids:
        conditions.append(outbox.c.id.in_(wish.ids))
    if wish.client is not None:
        chat = cast(client_link.c.chat_id, BigInteger) == int(wish.client) if is_number(wish.client) else None
        of_client = _client == wish.client
        conditions.append(of_client if chat is None else of_client | chat)
    if wish.direction is not None:
        conditions.append(outbox.c.direction == wish.direction)
    if wish.reason is not None:
        conditions.append(outbox.c.reason.icontains(wish.reason, autoescape=True))
    if wish.older_than is not None:
        conditions.append(outbox.c.settled_at < now - wish.older_than)
    if wish.newer_than is not None:
        conditions.append(outbox.c.settled_at >= now - wish.newer_than)
    return conditions


def is_number(text: str) -> bool:
    """Whether a database can hold it as a chat's id."""
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and len(digits) < 19


def drop(tx: Connection, _now: float, ids: Sequence[int]) -> list[bool]:
    """Throw dead letters away for good, with the words of the letters that nothing else comes of.

    False: there is none of this id.
    """
    gone: set[int] = set()
    letters: set[int] = set()
    totals: Counter[tuple[str, str, str]] = Counter()
    for delivery_id, channel, direction, letter_id in tx.execute(_drop(ids)):
        gone.add(delivery_id)
        letters |= set() if letter_id is None else {letter_id}
        totals[channel, direction, "dropped"] += 1
    if letters:
        alone = inbox.c.id.in_(letters) & ~exists().where(outbox.c.letter_id == inbox.c.id)
        tx.execute(update(inbox).where(alone).values(body=None))
    add_to_tally(tx, totals)
    return [delivery_id in gone for delivery_id in ids]


def _drop(ids: Sequence[int]) -> Any:  # noqa: ANN401 - a statement that returns rows
    return (
        delete(outbox)
        .where(DEAD, outbox.c.id.in_(set(ids)))
        .returning(outbox.c.id, outbox.c.channel, outbox.c.direction, outbox.c.letter_id)
    )


#: Said with a literal: SQLite uses a partial index only where it can see the value.
DEAD = outbox.c.status == literal_column("'dead'")

#: What could not be read has no lane; whose it is may be known all the same.
_client = func.coalesce(lane.c.client_id, inbox.c.client_id)
_PLACE = (
    outbox.outerjoin(lane, lane.c.id == outbox.c.lane_id)
    .outerjoin(inbox, inbox.c.id == outbox.c.letter_id)
    .outerjoin(client_link, (client_link.c.channel == outbox.c.channel) & (client_link.c.client_id == _client))
)
_COLUMNS = (
    outbox.c.id,
    outbox.c.channel,
    outbox.c.direction,
    _client,
    client_link.c.chat_id,
    func.coalesce(outbox.c.reason, ""),
    outbox.c.attempts,
    outbox.c.steps_done,
    outbox.c.accepted_at,
    outbox.c.settled_at,
    func.coalesce(inbox.c.source, "relay"),
    func.coalesce(inbox.c.source_id, ""),
    func.coalesce(inbox.c.received_at, outbox.c.accepted_at),
    outbox.c.body,
    inbox.c.body,
)
