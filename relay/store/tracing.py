"""What became of a customer's messages: their letters, and what each delivery of these met on its way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, bindparam, null, select

from relay.model import Direction, Source
from relay.store.engine.connection import Connection
from relay.store.engine.tables import LATE_FILES, failed_attempt, inbox, lane, message, outbox

#: Letters that are looked up at a time: everybody else waits meanwhile.
PAGE = 200


@dataclass(frozen=True, slots=True)
class TraceWish:
    """Whose letters, or which one. The newest first."""

    channel: str
    client_id: str | None = None
    source_id: str | None = None  #: Telegram's update id or Kit's event id. Wins over the client.
    before: "TracedLetter | None" = None  #: Only what is older than this one, which ended the page before.
    limit: int = PAGE


@dataclass(frozen=True, slots=True)
class TracedLetter:
    """What came in."""

    id: int
    source: Source
    source_id: str
    client_id: str | None
    received_at: float  #: When it was committed.
    declined: str | None
    body: str | None  #: None: its words are gone.


@dataclass(frozen=True, slots=True)
class FailedAttempts:
    """Attempts that failed for the same reason."""

    reason: str
    times: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class TracedDelivery:
    """What went out, or is to, or never will."""

    id: int
    letter_id: int | None
    direction: Direction
    client_id: str | None
    status: str  #: `waiting`, `delivered` or `dead`.
    reason: str | None
    attempts: int
    accepted_at: float
    settled_at: float | None
    due_at: float | None  #: When its lane may go on.
    body: str | None
    album: str | None  #: What its siblings have in common.
    failures: tuple[FailedAttempts, ...] = ()
    message_ids: tuple[int, ...] = ()  #: Telegram's, of what it has said.


@dataclass(frozen=True, slots=True)
class Trace:
    """A page of letters with what followed from them, and of deliveries from that time that belong to no letter."""

    letters: tuple[TracedLetter, ...]
    deliveries: tuple[TracedDelivery, ...]


def trace(tx: Connection, _now: float, wishes: Sequence[TraceWish]) -> list[Trace]:
    """Look for messages."""
    return [_trace_one(tx, wish) for wish in wishes]


def _trace_one(tx: Connection, wish: TraceWish) -> Trace:
    letters = tuple(TracedLetter(*cells) for cells in map(tuple, _letters(tx, wish)))
    rows: list[Any] = [*tx.execute(_OF_LETTERS, {"ids": [letter.id for letter in letters]})]
    if wish.source_id is None:
        # The last page has those too that are older than any letter whose client is noted.
        since = letters[-1].received_at if len(letters) == wish.limit else 0.0
        until = float("inf") if wish.before is None else wish.before.received_at
        of_client = {"of_channel": wish.channel, "of_client": wish.client_id}
        rows += tx.execute(_OF_NO_LETTER, {**of_client, "since": since, "until": until})
    return Trace(letters, _deliveries(tx, wish.channel, rows))


def _letters(tx: Connection, wish: TraceWish) -> Iterable[Any]:
    if wish.source_id is not None:
        return tx.execute(_ONE_LETTER, {"of_channel": wish.channel, "of_source": wish.source_id})
    before = wish.before.id if wish.before is not None else 2**62
    return tx.execute(
        _LETTERS,
        {"of_channel": wish.channel, "of_client": wish.client_id, "before": before, "limit": wish.limit},
    )


def _deliveries(tx: Connection, channel: str, rows: list[Any]) -> tuple[TracedDelivery, ...]:
    ids = [row.id for row in rows]
    failures: dict[int, list[FailedAttempts]] = {}
    for delivery_id, *failed in tx.execute(_FAILURES, {"ids": ids}):
        failures.setdefault(delivery_id, []).append(FailedAttempts(*failed))
    messages: dict[int, list[int]] = {}
    clients = list({row.client_id for row in rows if row.client_id is not None})
    for delivery_id, message_id in tx.execute(_SAID, {"of_channel": channel, "clients": clients, "ids": ids}):
        messages.setdefault(delivery_id, []).append(message_id)
    met = {row.id: (tuple(failures.get(row.id, ())), tuple(messages.get(row.id, ()))) for row in rows}
    return tuple(TracedDelivery(*cells) for cells in ((*row, *met[row.id]) for row in rows))


_letter = select(
    inbox.c.id,
    inbox.c.source,
    inbox.c.source_id,
    inbox.c.client_id,
    inbox.c.received_at,
    inbox.c.declined,
    inbox.c.body,
)
_LETTERS = (
    _letter.where(
        inbox.c.channel == bindparam("of_channel"),
        inbox.c.client_id == bindparam("of_client"),
        inbox.c.client_id.is_not(None),
        inbox.c.id < bindparam("before"),
    )
    .order_by(inbox.c.id.desc())
    .limit(bindparam("limit", type_=Integer))
)
_ONE_LETTER = _letter.where(
    inbox.c.channel == bindparam("of_channel"),
    inbox.c.source.in_(("telegram", "kit")),
    inbox.c.source_id == bindparam("of_source"),
)
_delivery = select(
    outbox.c.id,
    outbox.c.letter_id,
    outbox.c.direction,
    lane.c.client_id,
    outbox.c.status,
    outbox.c.reason,
    outbox.c.attempts,
    outbox.c.accepted_at,
    outbox.c.settled_at,
    lane.c.due_at,
    outbox.c.body,
    outbox.c.album,
).select_from(outbox.outerjoin(lane, lane.c.id == outbox.c.lane_id))
_OF_LETTERS = _delivery.where(outbox.c.letter_id.in_(bindparam("ids", expanding=True))).order_by(outbox.c.id)
_OF_NO_LETTER = _delivery.where(
    outbox.c.letter_id == null(),
    outbox.c.lane_id.in_(
        select(lane.c.id).where(
            lane.c.channel == bindparam("of_channel"),
            lane.c.direction.in_(("to_kit", "to_telegram", LATE_FILES)),
            lane.c.client_id == bindparam("of_client"),
        )
    ),
    outbox.c.accepted_at >= bindparam("since"),
    outbox.c.accepted_at < bindparam("until"),
).order_by(outbox.c.id)
_FAILURES = (
    select(
        failed_attempt.c.delivery_id,
        failed_attempt.c.reason,
        failed_attempt.c.times,
        failed_attempt.c.first_at,
        failed_attempt.c.last_at,
    )
    .where(failed_attempt.c.delivery_id.in_(bindparam("ids", expanding=True)))
    .order_by(failed_attempt.c.first_at)
)
_SAID = (
    select(message.c.delivery_id, message.c.message_id)
    .where(
        message.c.channel == bindparam("of_channel"),
        message.c.client_id.in_(bindparam("clients", expanding=True)),
        message.c.delivery_id.in_(bindparam("ids", expanding=True)),
    )
    .order_by(message.c.message_id)
)
