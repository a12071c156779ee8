"""The accepting half: letters come in, are deduplicated, and become deliveries, in one transaction."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, func, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert

from relay.model import Accepted, ClientLink, Declined, Direction, Letter, Media, Outcome, Unreadable
from relay.store.counting import add_to_tally
from relay.store.tables import client_link, inbox, lane, media, outbox, polling_offset

#: What became of a letter. `tampered`: its source id was seen before with another body.
Verdict = Literal["accepted", "declined", "dead", "duplicate", "tampered", "unknown_client"]

_DIRECTION: dict[str, Direction] = {"telegram": "to_kit", "kit": "to_telegram"}


@dataclass(frozen=True, slots=True)
class Arrival:
    """Letters that came in together and are acknowledged together."""

    letters: tuple[tuple[Letter, Outcome], ...]
    channel: str
    next_update_id: int | None = None  #: The polling offset to remember with them.


@dataclass(slots=True)
class _Row:
    letter: Letter
    outcome: Outcome
    verdict: Verdict = "duplicate"
    letter_id: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        return self.letter.channel, self.letter.source, self.letter.source_id

    @property
    def direction(self) -> Direction:
        return _DIRECTION[self.letter.source]


def accept(tx: Connection, now: float, arrivals: Sequence[Arrival]) -> list[list[Verdict]]:
    """Store each letter once, with its delivery, client link, media and the polling offset.

    A letter whose source id is known already changes nothing. An agent's letter for a client that never wrote is
    declined: a callback reaches only chats that this relay has met.
    """
    rows = [[_Row(letter, outcome) for letter, outcome in arrival.letters] for arrival in arrivals]
    everything = [row for group in rows for row in group]
    _refuse_unknown_clients(tx, everything)
    fresh = _insert_letters(tx, now, everything)
    _write_links(tx, now, fresh)
    _write_deliveries(tx, now, fresh)
    _write_media(tx, now, fresh)
    _count(tx, fresh)
    _raise_offsets(tx, arrivals)
    _find_tampered(tx, [row for row in everything if row.verdict == "duplicate"])
    return [[row.verdict for row in group] for group in rows]


def _refuse_unknown_clients(tx: Connection, rows: list[_Row]) -> None:
    wanted = {
        (row.letter.channel, row.outcome.draft.client_id)
        for row in rows
        if row.letter.source == "kit" and isinstance(row.outcome, Accepted)
    }
    if not wanted:
        return
    known = {tuple(found) for found in tx.execute(_KNOWN_CLIENTS, {"wanted": list(wanted)})}
    for row in rows:
        if row.letter.source != "kit" or not isinstance(row.outcome, Accepted):
            continue
        if (row.letter.channel, row.outcome.draft.client_id) not in known:
            row.outcome = Declined("unknown client: nobody with this client id has written to the bot")
            row.verdict = "unknown_client"


def _insert_letters(tx: Connection, now: float, rows: list[_Row]) -> list[_Row]:
    """Insert what is new; return those rows, in the order in which they came."""
    if not rows:
        return []
    values = [
        {
            "channel": row.letter.channel,
            "source": row.letter.source,
            "source_id": row.letter.source_id,
            "body": row.letter.body,
            "body_sha256": _sha256(row.letter.body),
            "received_at": now,
            "declined": row.outcome.reason if isinstance(row.outcome, Declined) else None,
        }
        for row in rows
    ]
    inserted = tx.execute(_INSERT_LETTERS, values)
    ids = {(channel, source, source_id): letter_id for letter_id, channel, source, source_id in inserted}
    fresh = []
    for row in rows:
        letter_id = ids.pop(row.key, None)  # the first of several equal ones is the one that was stored
        if letter_id is None:
            row.verdict = "duplicate"
            continue
        row.letter_id = letter_id
        if row.verdict != "unknown_client":
            row.verdict = _VERDICTS[type(row.outcome)]
        fresh.append(row)
    return fresh


_VERDICTS: dict[type, Verdict] = {Accepted: "accepted", Declined: "declined", Unreadable: "dead"}


def _write_links(tx: Connection, now: float, rows: list[_Row]) -> None:
    """Remember chats, and whether a conversation is open: the last letter of a client says it."""
    links: dict[tuple[str, str], ClientLink] = {}
    closed: set[tuple[str, str]] = set()
    for row in rows:
        if isinstance(row.outcome, Accepted) and row.outcome.link is not None:
            key = row.letter.channel, row.outcome.link.client_id
            links[key] = row.outcome.link
            closed.discard(key)
        elif isinstance(row.outcome, Declined) and row.outcome.closes is not None:
            closed.add((row.letter.channel, row.outcome.closes))
    if links:
        values = [
            {"channel": channel, "client_id": client_id, "chat_id": link.chat_id, "open": True, "created_at": now}
            for (channel, client_id), link in links.items()
        ]
        tx.execute(_WRITE_LINKS, values)
    if closed:
        tx.execute(_CLOSE, [{"in_channel": channel, "of_client": client_id} for channel, client_id in closed])


def _write_deliveries(tx: Connection, now: float, rows: list[_Row]) -> None:
    lanes = _open_lanes(tx, now, rows)
    waiting: list[dict[str, Any]] = []
    dead: list[dict[str, Any]] = []
    for row in rows:
        value = {
            "channel": row.letter.channel,
            "direction": row.direction,
            "letter_id": row.letter_id,
            "accepted_at": now,
        }
        if isinstance(row.outcome, Accepted):
            draft = row.outcome.draft
            lane_id = lanes[row.letter.channel, draft.direction, draft.client_id]
            waiting.append({**value, "status": "waiting", "lane_id": lane_id, "body": draft.body})
        elif isinstance(row.outcome, Unreadable):
            dead.append({**value, "status": "dead", "reason": row.outcome.reason, "settled_at": now})
    for values in filter(None, (waiting, dead)):
        tx.execute(_INSERT_DELIVERIES, values)


def _open_lanes(tx: Connection, now: float, rows: list[_Row]) -> dict[tuple[str, str, str], int]:
    """Make the lanes of accepted rows due, unless they are (or are parked, or leased) already. Returns their ids."""
    wanted = {
        (row.letter.channel, row.outcome.draft.direction, row.outcome.draft.client_id)
        for row in rows
        if isinstance(row.outcome, Accepted)
    }
    if not wanted:
        return {}
    values = [
        {"channel": channel, "direction": direction, "client_id": client_id, "due_at": now}
        for channel, direction, client_id in wanted
    ]
    return {
        (channel, direction, client_id): lane_id
        for channel, direction, client_id, lane_id in tx.execute(_OPEN_LANES, values)
    }


def _write_media(tx: Connection, now: float, rows: list[_Row]) -> None:
    values = [
        _media_values(item, row.letter.channel, row.outcome.draft.client_id, now)
        for row in rows
        if isinstance(row.outcome, Accepted)
        for item in row.outcome.media
    ]
    if values:
        tx.execute(_INSERT_MEDIA, values)


def _media_values(item: Media, channel: str, client_id: str, now: float) -> dict[str, Any]:
    return {
        "id": item.id,
        "channel": channel,
        "client_id": client_id,
        "file_id": item.file_id,
        "name": item.name,
        "mime_type": item.mime_type,
        "size": item.size,
        "created_at": now,
    }


def _count(tx: Connection, rows: list[_Row]) -> None:
    totals: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        totals[row.letter.channel, row.direction, "received"] += 1
        if isinstance(row.outcome, Declined):
            totals[row.letter.channel, row.direction, "declined"] += 1
        elif isinstance(row.outcome, Unreadable):
            totals[row.letter.channel, row.direction, "dead"] += 1
    add_to_tally(tx, totals)


def _raise_offsets(tx: Connection, arrivals: Sequence[Arrival]) -> None:
    offsets = {arrival.channel: arrival.next_update_id for arrival in arrivals if arrival.next_update_id is not None}
    if not offsets:
        return
    values = [{"channel": channel, "next_update_id": offset} for channel, offset in offsets.items()]
    tx.execute(_RAISE_OFFSETS, values)


def _find_tampered(tx: Connection, rows: list[_Row]) -> None:
    if not rows:
        return
    found = tx.execute(_DIGESTS, {"wanted": list({row.key for row in rows})})
    known = {(channel, source, source_id): digest for channel, source, source_id, digest in found}
    for row in rows:
        if known[row.key] != _sha256(row.letter.body):
            row.verdict = "tampered"


def _sha256(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


# Statements are made once: to make one costs more than to run it.
_KNOWN_CLIENTS = select(client_link.c.channel, client_link.c.client_id).where(
    tuple_(client_link.c.channel, client_link.c.client_id).in_(bindparam("wanted", expanding=True))
)
_INSERT_LETTERS = (
    insert(inbox).on_conflict_do_nothing().returning(inbox.c.id, inbox.c.channel, inbox.c.source, inbox.c.source_id)
)
_DIGESTS = select(inbox.c.channel, inbox.c.source, inbox.c.source_id, inbox.c.body_sha256).where(
    tuple_(inbox.c.channel, inbox.c.source, inbox.c.source_id).in_(bindparam("wanted", expanding=True))
)
_link = insert(client_link)
_WRITE_LINKS = _link.on_conflict_do_update(
    index_elements=["channel", "client_id"],
    set_={"chat_id": _link.excluded.chat_id, "open": True},
    where=(client_link.c.chat_id != _link.excluded.chat_id) | client_link.c.open.is_(False),
)
_CLOSE = (
    update(client_link)
    .where(client_link.c.channel == bindparam("in_channel"), client_link.c.client_id == bindparam("of_client"))
    .values(open=False)
)
_lane = insert(lane)
_OPEN_LANES = _lane.on_conflict_do_update(
    index_elements=["channel", "direction", "client_id"],
    set_={"due_at": func.coalesce(lane.c.due_at, _lane.excluded.due_at)},
).returning(lane.c.channel, lane.c.direction, lane.c.client_id, lane.c.id)
_INSERT_DELIVERIES = insert(outbox)
_INSERT_MEDIA = insert(media)
_offset = insert(polling_offset)
_RAISE_OFFSETS = _offset.on_conflict_do_update(
    index_elements=["channel"], set_={"next_update_id": _offset.excluded.next_update_id}
)
