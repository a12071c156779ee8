"""The accepting half: letters come in, are deduplicated, mapped, and become deliveries, in one transaction."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import select

from relay.errors import place_of
from relay.model import (
    Accepted,
    Declined,
    Direction,
    Known,
    Letter,
    Media,
    Outcome,
    Reading,
    Unreadable,
)
from relay.store.deliveries import Arrived, Deliveries, Verdict
from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert, keys, listed, locked
from relay.store.engine.tables import client_link, inbox, lane, media, polling_offset
from relay.store.known_events import body_hash, find_known
from relay.store.memory import Memory
from relay.store.recalling import recall, write_memory
from relay.store.totals import add_to_tally
from relay.store.withdrawing import decline

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Arrival:
    """Letters that came in together and are acknowledged together."""

    letters: tuple[tuple[Letter, Reading], ...]
    channel: str
    next_update_id: int | None = None  #: The polling offset to remember with them.
    work: set[Direction] = field(default_factory=set, compare=False)  #: Where something waits now: written by `accept`.


def accept(tx: Connection, now: float, arrivals: Sequence[Arrival]) -> list[list[Verdict]]:
    """Store each letter once, map it, and store its deliveries, what it changes in memory, and the polling offset.

    A letter whose source id is known already changes nothing. An agent's letter for a client that never wrote is
    declined: a callback reaches only chats that this relay has met.
    """
    rows = [[Arrived(letter, reading) for letter, reading in arrival.letters] for arrival in arrivals]
    everything = [row for group in rows for row in group]
    if tx.holder is not None:
        _lock(tx, everything)
    fresh = _insert_letters(tx, now, everything)
    memory = recall(tx, now, [(row.letter.channel, row.reading.wants) for row in fresh])
    deliveries = Deliveries(now, memory)
    for row in fresh:
        _map(row, memory)
        deliveries.add(row)
    _write_reasons(tx, fresh)
    write_effects(tx, now, fresh, memory, deliveries)
    for arrival, group in zip(arrivals, rows, strict=True):
        for row in group:
            arrival.work.update(row.directions)
    _raise_offsets(tx, arrivals)
    _find_tampered(tx, [row for row in everything if row.verdict == "duplicate" and not row.is_old])
    return [[row.verdict for row in group] for group in rows]


def _lock(tx: Connection, rows: list[Arrived]) -> None:
    """Let no other relay change what is known of these clients, nor take what waits for them, until the end.

    So what is decided here is decided from what is true, and the numbers of a lane's deliveries rise as they come.
    """
    clients = {(row.letter.channel, row.reading.wants.client_id) for row in rows if row.reading.wants.client_id}
    if clients:
        lanes = keys((channel, to, client) for channel, client in clients for to in ("to_kit", "to_telegram"))
        tx.execute(_LOCK_LANES, {"wanted": lanes})
        tx.execute(_LOCK_CLIENTS, {"wanted": keys(clients)})


def write_effects(tx: Connection, now: float, mapped: list[Arrived], memory: Memory, deliveries: Deliveries) -> None:
    """Everything that follows from letters that were mapped, now or anew: whatever else comes of one is added here."""
    deliveries.bury(tx)
    write_memory(tx, now, memory)
    deliveries.write(tx)
    _write_media(tx, now, mapped)
    add_to_tally(tx, deliveries.totals)


def _insert_letters(tx: Connection, now: float, rows: list[Arrived]) -> list[Arrived]:
    """Insert what is new; return those rows, in the order in which they came."""
    rows = _without_known(tx, rows)
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
            "client_id": row.reading.wants.client_id,
        }
        for row in rows
    ]
    ids = _insert_new(tx, values)
    fresh = []
    for row in rows:
        letter_id = ids.pop(row.key, None)  # the first of several equal ones is the one that was stored
        if letter_id is not None:
            row.letter_id = letter_id
            fresh.append(row)
    return fresh


def _insert_new(tx: Connection, values: list[dict[str, Any]]) -> dict[tuple[str, str, str], int]:
    """Insert letters. The ids of those that are new, by what makes them unique."""
    if len(values) == 1:
        [one] = values
        number = tx.insert(_INSERT_LETTER, one)
        return {} if number is None else {(one["channel"], one["source"], one["source_id"]): number}
    inserted = tx.execute(_INSERT_LETTERS, values)
    return {(channel, source, source_id): letter_id for letter_id, channel, source, source_id in inserted}


def _without_known(tx: Connection, rows: list[Arrived]) -> list[Arrived]:
    """Those of which not only hashes are left; the others are judged."""
    events = [(row.letter.channel, row.letter.source_id) for row in rows if row.letter.source == "kit"]
    if not events:
        return rows
    known, unknown = find_known(tx, events), []
    for row in rows:
        kept = known.get((row.letter.channel, row.letter.source_id)) if row.letter.source == "kit" else None
        if kept is None:
            unknown.append(row)
        else:
            row.is_old = True
            row.verdict = "duplicate" if kept == body_hash(_sha256(row.letter.body)) else "tampered"
    return unknown


def _map(row: Arrived, memory: Memory) -> None:
    """Decide what becomes of a letter, with what is known now, and remember what it changes."""
    wants = row.reading.wants
    known = memory.known(row.letter.channel, wants)
    row.outcome = decide(row.letter, row.reading, known)
    row.verdict = _VERDICTS[type(row.outcome)]
    if _is_for_nobody(row.letter, row.reading, known):
        row.verdict = "unknown_client"
        memory.note_told(row.letter.channel, wants)
    memory.note(row.letter.channel, row.outcome)


def decide(letter: Letter, reading: Reading, known: Known) -> Outcome:
    """What becomes of a letter, with what is known now."""
    if _is_for_nobody(letter, reading, known):
        note = None if known.told_unknown else reading.tell_unknown
        return Declined(_UNKNOWN_CLIENT, more=() if note is None else (note(),))
    try:
        return reading.decide(known)
    except Exception as error:  # noqa: BLE001 - one letter that cannot be mapped must not stop its neighbours
        where = place_of(error)
        log.error(  # noqa: TRY400 - a traceback may hold a customer's words
            "letter.unreadable", source=letter.source, source_id=letter.source_id, error=where
        )
        return Unreadable(f"it cannot be mapped: {where}")


def _is_for_nobody(letter: Letter, reading: Reading, known: Known) -> bool:
    return letter.source == "kit" and reading.wants.client_id is not None and known.client is None


_UNKNOWN_CLIENT = "unknown client: nobody with this client id has written to the bot"
_VERDICTS: dict[type, Verdict] = {Accepted: "accepted", Declined: "declined", Unreadable: "dead"}


def _write_reasons(tx: Connection, rows: list[Arrived]) -> None:
    decline(
        tx,
        [{"of_id": row.letter_id, "reason": row.outcome.reason} for row in rows if isinstance(row.outcome, Declined)],
    )


def _write_media(tx: Connection, now: float, rows: list[Arrived]) -> None:
    """Write the capabilities that letters brought."""
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
        "source_type": item.source_type,
        "preview": item.preview,
    }


def _raise_offsets(tx: Connection, arrivals: Sequence[Arrival]) -> None:
    offsets = {arrival.channel: arrival.next_update_id for arrival in arrivals if arrival.next_update_id is not None}
    if not offsets:
        return
    values = [{"channel": channel, "next_update_id": offset} for channel, offset in offsets.items()]
    tx.execute(_RAISE_OFFSETS, values)


def _find_tampered(tx: Connection, rows: list[Arrived]) -> None:
    if not rows:
        return
    found = tx.execute(_DIGESTS, {"wanted": keys(row.key for row in rows)})
    known = {(channel, source, source_id): digest for channel, source, source_id, digest in found}
    for row in rows:
        if known[row.key] != _sha256(row.letter.body):
            row.verdict = "tampered"


def _sha256(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


# Statements are made once: to make one costs more than to run it.
_INSERT_LETTER = insert(inbox).on_conflict_do_nothing()
_INSERT_LETTERS = _INSERT_LETTER.returning(inbox.c.id, inbox.c.channel, inbox.c.source, inbox.c.source_id)
_DIGESTS = select(inbox.c.channel, inbox.c.source, inbox.c.source_id, inbox.c.body_sha256).select_from(
    listed(inbox, inbox.c.channel, inbox.c.source, inbox.c.source_id)
)
_LOCK_LANES = locked(
    select(lane.c.id).select_from(listed(lane, lane.c.channel, lane.c.direction, lane.c.client_id)).order_by(lane.c.id),
    lane,
)
_LOCK_CLIENTS = locked(
    select(client_link.c.client_id)
    .select_from(listed(client_link, client_link.c.channel, client_link.c.client_id))
    .order_by(client_link.c.channel, client_link.c.client_id),
    client_link,
)
_INSERT_MEDIA = insert(media)
_offset = insert(polling_offset)
_RAISE_OFFSETS = _offset.on_conflict_do_update(
    index_elements=["channel"], set_={"next_update_id": _offset.excluded.next_update_id}
)
