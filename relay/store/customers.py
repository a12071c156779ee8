"""One customer: what is kept about them, and how all of it goes.

Who writes again while they are being erased is a new customer: only what was there when it was asked for goes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    case,
    delete,
    exists,
    false,
    func,
    null,
    select,
    update,
)

from relay.store.charging import HELD_BACK_FROM
from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert, locked
from relay.store.engine.tables import (
    away_notice,
    client_link,
    erasure,
    inbox,
    lane,
    media,
    message,
    outbox,
    rating,
    unknown_client,
    waits,
)
from relay.store.totals import add_to_tally

#: Rows that one transaction erases at most: everybody else waits meanwhile.
PART: Final = 200

#: What is kept of whom, in the order in which a person wants to read it. The outbox is found by its lanes.
TABLES: Final[tuple[Table, ...]] = (client_link, inbox, message, media, rating, unknown_client, away_notice)


#: A letter of which nobody knows any more whose it was and what it said.
_BLANK: Final = {"body": None, "client_id": None, "declined": None}
#: Tables whose rows say when they came.
#: Where clients are named, each of them: who has written has a lane, and who was declined a letter.
_NAMED: Final[tuple[Table, ...]] = (lane, inbox)
_PAGE: Final = 2000
_ERASURE: Final = insert(erasure)
_ASK: Final = _ERASURE.on_conflict_do_update(
    index_elements=[erasure.c.channel, erasure.c.client_id],
    set_={name: _ERASURE.excluded[name] for name in ("asked_at", "last_letter", "last_delivery")},
)
_DATED: Final = (
    (message, "said_at"),
    (rating, "asked_at"),
    (away_notice, "told_at"),
    (media, "created_at"),
    (client_link, "created_at"),
)


@dataclass(frozen=True, slots=True)
class Whose:
    """A customer of one channel."""

    channel: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Past:
    """A customer who was erased, and when that was asked for."""

    whose: Whose
    asked_at: float


@dataclass(frozen=True, slots=True)
class Page:
    """A wish for rows of one table."""

    whose: Whose
    table: str
    after: int = 0  #: So many rows were seen already.
    limit: int = 500


def count_rows(tx: Connection, _now: float, wishes: Sequence[Whose]) -> list[dict[str, int]]:
    """How many rows of each table speak of a customer; tables without any are left out."""
    return [dict(_counts(tx, whose)) for whose in wishes]


def _counts(tx: Connection, whose: Whose) -> Iterator[tuple[str, int]]:
    for table in TABLES:
        if rows := tx.scalar(select(func.count()).select_from(table).where(_theirs(table, whose))):
            yield str(table.name), rows
    if rows := tx.scalar(select(func.count()).select_from(outbox).where(_deliveries(whose))):
        yield str(outbox.name), rows


def read_rows(tx: Connection, _now: float, pages: Sequence[Page]) -> list[list[dict[str, Any]]]:
    """Rows as they are stored, oldest first."""
    return [_page(tx, page) for page in pages]


def _page(tx: Connection, page: Page) -> list[dict[str, Any]]:
    tables = {table.name: table for table in TABLES} | {outbox.name: outbox}
    table = tables[page.table]
    theirs = _deliveries(page.whose) if table is outbox else _theirs(table, page.whose)
    found = select(table).where(theirs).order_by(*table.primary_key).offset(page.after).limit(page.limit)
    return [row._asdict() for row in tx.execute(found)]


@dataclass(frozen=True, slots=True)
class KnownCustomers:
    """Some of the customers of a database."""

    customers: frozenset[Whose]
    after: tuple[int, int] | None  #: What to ask for next; None: these were the last.


def known_customers(tx: Connection, _now: float, wishes: Sequence[tuple[int, int]]) -> list[KnownCustomers]:
    """Whoever has a row somewhere, a part at a time, from (0, 0) on: a table's number, and the last row seen in it."""
    return [_known(tx, *wish) for wish in wishes]


def _known(tx: Connection, number: int, after: int) -> KnownCustomers:
    table = _NAMED[number]
    part = select(table.c.id, table.c.channel, table.c.client_id).where(table.c.id > after)
    rows = tx.execute(part.order_by(table.c.id).limit(_PAGE))
    here = frozenset(Whose(row.channel, row.client_id) for row in rows if row.client_id is not None)
    if len(rows) == _PAGE:
        return KnownCustomers(here, (number, rows[-1].id))
    return KnownCustomers(here, (number + 1, 0) if number + 1 < len(_NAMED) else None)


def ask_again(tx: Connection, _now: float, wishes: Sequence[Past]) -> list[bool]:
    """Mark customers whose erasure a restored copy does not know of, up to the moment at which it was asked for.

    False: nothing is left from before it; who is here came anew.
    """
    return [_ask_again(tx, past) for past in wishes]


def _ask_again(tx: Connection, past: Past) -> bool:
    whose, at = past.whose, past.asked_at
    letters, deliveries = (inbox.c.received_at <= at, outbox.c.accepted_at <= at)
    old = [
        *(select(table.c.client_id).where(_theirs(table, whose), table.c[moment] <= at) for table, moment in _DATED),
        select(inbox.c.id).where(_theirs(inbox, whose), letters),
        select(outbox.c.id).where(_deliveries(whose), deliveries),
    ]
    if all(tx.scalar(each.limit(1)) is None for each in old):
        return False
    last = {
        "last_letter": tx.scalar(select(func.coalesce(func.max(inbox.c.id), 0)).where(letters)),
        "last_delivery": tx.scalar(select(func.coalesce(func.max(outbox.c.id), 0)).where(deliveries)),
    }
    values = {"channel": whose.channel, "client_id": whose.client_id, "asked_at": at, **last}
    tx.execute(insert(erasure).on_conflict_do_nothing(), values)
    return True


def ask_erasure(tx: Connection, now: float, wishes: Sequence[Whose]) -> list[None]:
    """Mark customers as to be erased, up to what there is now, whoever has asked for it before."""
    last = {
        "last_letter": tx.scalar(select(func.coalesce(func.max(inbox.c.id), 0))),
        "last_delivery": tx.scalar(select(func.coalesce(func.max(outbox.c.id), 0))),
    }
    values = [{"channel": each.channel, "client_id": each.client_id, "asked_at": now, **last} for each in wishes]
    tx.execute(_ASK, values)
    return [None] * len(wishes)


def marked_for_erasure(tx: Connection, _now: float, items: Sequence[None]) -> list[list[Whose]]:
    """Customers who are to be erased, whoever has waited longest first."""
    rows = tx.execute(select(erasure.c.channel, erasure.c.client_id).order_by(erasure.c.asked_at))
    return [[Whose(row.channel, row.client_id) for row in rows] for _ in items]


def erase_part(tx: Connection, now: float, wishes: Sequence[Whose]) -> list[int]:
    """Erase a part of what is kept about customers. How many rows; 0: nothing is left but the mark."""
    return [_erase_part(tx, now, whose) for whose in wishes]


def _erase_part(tx: Connection, now: float, whose: Whose) -> int:
    mark = tx.execute(select(erasure).where(_theirs(erasure, whose))).first()
    if mark is None:
        return 0
    tx.execute(locked(select(lane.c.id).where(_theirs(lane, whose)).order_by(lane.c.id), lane))
    _take_from_couriers(tx, now, whose, mark)
    for erase in (_erase_deliveries, _blank_letters, _erase_rows):
        if erased := erase(tx, whose, mark):
            return erased
    tx.execute(delete(lane).where(_theirs(lane, whose), ~exists().where(outbox.c.lane_id == lane.c.id)))
    _begin_anew(tx, now, whose)
    return 0


def _begin_anew(tx: Connection, now: float, whose: Whose) -> None:
    """What is left in their lanes came later: it answers for no death, and nothing holds it back."""
    something_waits = exists().where(outbox.c.lane_id == lane.c.id, waits(outbox))
    is_held_back = lane.c.slow_deaths >= HELD_BACK_FROM
    due_at = case((~something_waits, null()), (is_held_back, now), else_=lane.c.due_at)
    tx.execute(update(lane).where(_theirs(lane, whose)).values(due_at=due_at, crashes=0, slow_deaths=0))


def end_erasure(tx: Connection, _now: float, wishes: Sequence[Whose]) -> list[None]:
    """Take the marks away of customers of whom no row, no file and no byte is left."""
    for whose in wishes:
        tx.execute(delete(erasure).where(_theirs(erasure, whose)))
    return [None] * len(wishes)


def _take_from_couriers(tx: Connection, now: float, whose: Whose, mark: Any) -> None:  # noqa: ANN401 - a row
    """What is in flight is not ours any more to settle: nothing that it reports brings a row back.

    What came later waits behind it, and is due: nobody else lets go of the lane.
    """
    in_flight = and_(_theirs(lane, whose), lane.c.leased.is_(True))
    newer_waits = exists().where(outbox.c.lane_id == lane.c.id, waits(outbox), outbox.c.id > mark.last_delivery)
    due_at = case((newer_waits, now), else_=null())
    free = {"lease": lane.c.lease + 1, "leased": false(), "holder": null(), "blame": null(), "due_at": due_at}
    taken = set(tx.scalars(update(lane).where(in_flight).values(free).returning(lane.c.id)))
    # What was accepted a moment ago may be leased for a claim of this very transaction.
    tx.handed = [each for each in tx.handed if each.lane_id not in taken]
    tx.leased = [each for each in tx.leased if each[0] not in taken]


def _erase_deliveries(tx: Connection, whose: Whose, mark: Any) -> int:  # noqa: ANN401 - a row
    part = select(outbox.c.id).where(_deliveries(whose), outbox.c.id <= mark.last_delivery).limit(PART)
    told = (outbox.c.channel, outbox.c.direction, outbox.c.status, outbox.c.letter_id)
    gone = tx.execute(delete(outbox).where(outbox.c.id.in_(part)).returning(*told))
    # Whatever letter it came of: an old one may not say whose it is.
    letters = [row.letter_id for row in gone if row.letter_id is not None]
    tx.execute(update(inbox).where(inbox.c.id.in_(letters)).values(_BLANK))
    # What waited will never leave, and what died cannot be retried: each letter is still accounted for.
    outcomes = {"waiting": "declined", "dead": "dropped"}
    totals = Counter((row.channel, row.direction, outcomes[row.status]) for row in gone if row.status in outcomes)
    add_to_tally(tx, totals)
    return len(gone)


def _blank_letters(tx: Connection, whose: Whose, mark: Any) -> int:  # noqa: ANN401 - a row
    """The row stays without words and without whose it was: its source's id is what drops repetitions."""
    part = select(inbox.c.id).where(_theirs(inbox, whose), inbox.c.id <= mark.last_letter).limit(PART)
    return tx.execute(update(inbox).where(inbox.c.id.in_(part)).values(_BLANK)).rowcount


def _erase_rows(tx: Connection, whose: Whose, mark: Any) -> int:  # noqa: ANN401 - a row
    """What was said, rated and sent, and at last the customer; none of it large."""
    erased = 0
    for table, moment in _DATED:
        old = table.c[moment] <= mark.asked_at
        erased += tx.execute(delete(table).where(_theirs(table, whose), old)).rowcount
    return erased + tx.execute(delete(unknown_client).where(_theirs(unknown_client, whose))).rowcount


def _theirs(table: Table, whose: Whose) -> ColumnElement[bool]:
    return and_(table.c.channel == whose.channel, table.c.client_id == whose.client_id)


def _deliveries(whose: Whose) -> ColumnElement[bool]:
    """Those in their lanes, and those that nobody could map, by their letters."""
    lanes = select(lane.c.id).where(_theirs(lane, whose))
    letters = select(inbox.c.id).where(_theirs(inbox, whose))
    unread = and_(outbox.c.lane_id.is_(None), outbox.c.letter_id.in_(letters))
    return outbox.c.lane_id.in_(lanes) | unread


def converted_files(tx: Connection, _now: float, wishes: Sequence[Whose]) -> list[list[tuple[str, str]]]:
    """Of a customer's files, the ids and types of those that are converted for browsers."""
    files = select(media.c.file_id, media.c.source_type).where(media.c.source_type.is_not(None))
    found = [tx.execute(files.where(_theirs(media, each))) for each in wishes]
    return [[(row.file_id, row.source_type) for row in rows] for rows in found]
