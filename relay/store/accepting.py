"""The accepting half: letters come in, are deduplicated, mapped, and become deliveries, in one transaction."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
import structlog
from sqlalchemy import bindparam, case, func, select, update

from relay.errors import place_of
from relay.model import (
    REACTIONS,
    Accepted,
    Address,
    Album,
    Declined,
    Direction,
    Draft,
    Known,
    Letter,
    Media,
    Outcome,
    Reading,
    Unreadable,
)
from relay.store.business_connections import write_connections
from relay.store.claiming import ALBUM_LONGEST, ALBUM_WINDOW, CHANGE_LONGEST, CHANGE_WINDOW
from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert, keys, listed
from relay.store.engine.tables import inbox, lane, media, outbox, polling_offset, waits
from relay.store.known_events import body_hash, find_known
from relay.store.memory import Memory, OpenAlbum, recall, write_clients, write_said
from relay.store.ratings import write_ratings
from relay.store.totals import add_to_tally
from relay.store.unknown_clients import write_told
from relay.store.withdrawing import decline, waiting_reactions, withdraw

log = structlog.get_logger()

#: Seconds after which what is new makes a lane due that backs off: of many at once only the first one does.
_HURRY = 1.0
#: What became of a letter. `tampered`: its source id was seen before with another body.
Verdict = Literal["accepted", "declined", "dead", "duplicate", "tampered", "unknown_client"]

_DIRECTION: dict[str, Direction] = {"telegram": "to_kit", "kit": "to_telegram", "relay": "to_kit"}


@dataclass(frozen=True, slots=True)
class Arrival:
    """Letters that came in together and are acknowledged together."""

    letters: tuple[tuple[Letter, Reading], ...]
    channel: str
    next_update_id: int | None = None  #: The polling offset to remember with them.


@dataclass(slots=True)
class Row:
    """A letter on its way into the database, and what has become of it so far."""

    letter: Letter
    reading: Reading
    outcome: Outcome | None = None  #: Of a duplicate there is none.
    verdict: Verdict = "duplicate"
    letter_id: int = 0
    is_old: bool = False  #: Of a duplicate: only hashes are left of what came first.

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it unique."""
        return self.letter.channel, self.letter.source, self.letter.source_id

    @property
    def direction(self) -> Direction:
        """Where a delivery goes that nobody could map."""
        return _DIRECTION[self.letter.source]

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """What is to be delivered because of it."""
        if self.outcome is None:
            return ()
        return (self.outcome.draft, *self.outcome.more) if isinstance(self.outcome, Accepted) else self.outcome.more


def accept(tx: Connection, now: float, arrivals: Sequence[Arrival]) -> list[list[Verdict]]:
    """Store each letter once, map it, and store its deliveries, what it changes in memory, and the polling offset.

    A letter whose source id is known already changes nothing. An agent's letter for a client that never wrote is
    declined: a callback reaches only chats that this relay has met.
    """
    rows = [[Row(letter, reading) for letter, reading in arrival.letters] for arrival in arrivals]
    everything = [row for group in rows for row in group]
    fresh = _insert_letters(tx, now, everything)
    memory = recall(tx, now, ((row.letter.channel, row.reading.wants) for row in fresh))
    deliveries = Deliveries(now, memory)
    for row in fresh:
        _map(row, memory)
        deliveries.add(row)
    _write_reasons(tx, fresh)
    write_effects(tx, now, fresh, memory, deliveries)
    _raise_offsets(tx, arrivals)
    _find_tampered(tx, [row for row in everything if row.verdict == "duplicate" and not row.is_old])
    return [[row.verdict for row in group] for group in rows]


def write_effects(tx: Connection, now: float, mapped: list[Row], memory: Memory, deliveries: "Deliveries") -> None:
    """Everything that follows from letters that were mapped, now or anew: whatever else comes of one is added here."""
    deliveries.bury(tx)
    write_clients(tx, now, memory)
    write_connections(tx, now, memory.connections)
    write_said(tx, now, memory)
    write_ratings(tx, now, memory.new_ratings)
    write_told(tx, now, memory.new_told_unknown)
    deliveries.write(tx)
    _write_media(tx, now, mapped)
    add_to_tally(tx, deliveries.totals)


def _insert_letters(tx: Connection, now: float, rows: list[Row]) -> list[Row]:
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
    inserted = tx.execute(_INSERT_LETTERS, values)
    ids = {(channel, source, source_id): letter_id for letter_id, channel, source, source_id in inserted}
    fresh = []
    for row in rows:
        letter_id = ids.pop(row.key, None)  # the first of several equal ones is the one that was stored
        if letter_id is not None:
            row.letter_id = letter_id
            fresh.append(row)
    return fresh


def _without_known(tx: Connection, rows: list[Row]) -> list[Row]:
    """Those of which not only hashes are left; the others are judged."""
    known = find_known(tx, ((row.letter.channel, row.letter.source_id) for row in rows if row.letter.source == "kit"))
    unknown = []
    for row in rows:
        kept = known.get((row.letter.channel, row.letter.source_id)) if row.letter.source == "kit" else None
        if kept is None:
            unknown.append(row)
        else:
            row.is_old = True
            row.verdict = "duplicate" if kept == body_hash(_sha256(row.letter.body)) else "tampered"
    return unknown


def _map(row: Row, memory: Memory) -> None:
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


def _told(row: Row, number: int, now: float, memory: Memory) -> Accepted | None:
    """What is told of a letter that is a dead one."""
    if row.reading.tell_dead is None:
        return None
    try:
        return row.reading.tell_dead(number, now, memory.known(row.letter.channel, row.reading.wants))
    except Exception as error:  # noqa: BLE001 - what broke the letter may break this; a person sees the dead letter
        log.error("letter.untold", source_id=row.letter.source_id, error=place_of(error))  # noqa: TRY400 - as above
        return None


def _is_for_nobody(letter: Letter, reading: Reading, known: Known) -> bool:
    return letter.source == "kit" and reading.wants.client_id is not None and known.client is None


_UNKNOWN_CLIENT = "unknown client: nobody with this client id has written to the bot"
_CLOSED = "a reaction that waited when the conversation was closed"
_VERDICTS: dict[type, Verdict] = {Accepted: "accepted", Declined: "declined", Unreadable: "dead"}


def _write_reasons(tx: Connection, rows: list[Row]) -> None:
    decline(
        tx,
        [{"of_id": row.letter_id, "reason": row.outcome.reason} for row in rows if isinstance(row.outcome, Declined)],
    )


class Deliveries:
    """The deliveries of one transaction: collected first, then written with a statement for each kind of change."""

    def __init__(self, now: float, memory: Memory) -> None:
        self.totals: Counter[tuple[str, str, str]] = Counter()  #: By channel, direction and outcome.
        self._now = now
        self._memory = memory
        self._waiting: list[tuple[dict[str, Any], tuple[str, str, str]]] = []  #: Each with its lane's key.
        self._dead: list[Row] = []
        self._joined: dict[int, dict[str, Any]] = {}
        self._withdrawn: dict[int, str] = {}  #: Why, by the ids of deliveries.
        self._closed: set[tuple[str, str]] = set()  #: Clients whose conversations have ended: channel and id.
        self._came_to_nothing: list[dict[str, Any]] = []  #: Letters of this transaction, and why.

    def add(self, row: Row) -> None:
        """Take up what follows from a letter."""
        for draft in row.drafts:
            self.add_draft(row, draft)
        if row.letter.source == "kit":
            self._note_close(row)
        if isinstance(row.outcome, Declined):
            self._count(row, "received", "declined")
            if row.outcome.withdraws is not None:
                client_id = row.reading.wants.client_id
                self._withdraw(row.letter.channel, client_id, row.outcome.withdraws, row.outcome.reason)
            if row.outcome.counted:
                self._count(row, row.outcome.counted)
            if row.verdict == "unknown_client":
                self._count(row, "unknown_client")  # one of the declined
        elif isinstance(row.outcome, Unreadable):
            self._count(row, "received", "dead")
            self._dead.append(row)

    def bury(self, tx: Connection) -> None:
        """Write the dead letters, and take up what is told of them, each where its letter would have stood."""
        if not self._dead:
            return
        inserted = tx.execute(_INSERT_DEAD, [self._dead_values(row) for row in self._dead])
        numbers = {letter_id: number for number, letter_id in inserted}
        for row in self._dead:
            told = _told(row, numbers[row.letter_id], self._now, self._memory)
            if told is not None:
                self._memory.note(row.letter.channel, told)
                self.add_draft(row, told.draft)
        self._waiting.sort(key=lambda waiting: waiting[0]["letter_id"])

    def write(self, tx: Connection) -> None:
        """Write them, and make their lanes due."""
        lanes = self._open_lanes(tx)
        if self._waiting:
            tx.execute(_INSERT_DELIVERIES, [{**values, "lane_id": lanes[key]} for values, key in self._waiting])
        if self._joined:
            tx.execute(_JOIN, list(self._joined.values()))
        if self._closed:
            self._withdrawn |= dict.fromkeys(waiting_reactions(tx, self._closed), _CLOSED)
        withdraw(tx, self._withdrawn, self.totals)
        decline(tx, self._came_to_nothing)
        followed = {lanes[key] for values, key in self._waiting if not values["hasty"]}
        if followed:
            tx.execute(_SEND_OFF, {"lane_ids": list(followed), "at": self._now})

    def _count(self, row: Row, *outcomes: str) -> None:
        for outcome in outcomes:
            self.totals[row.letter.channel, row.direction, outcome] += 1

    def _values(self, row: Row, direction: Direction) -> dict[str, Any]:
        return {
            "channel": row.letter.channel,
            "direction": direction,
            "letter_id": row.letter_id,
            "accepted_at": self._now,
        }

    def _dead_values(self, row: Row) -> dict[str, Any]:
        reason = None if row.outcome is None or isinstance(row.outcome, Accepted) else row.outcome.reason
        return {**self._values(row, row.direction), "status": "dead", "reason": reason, "settled_at": self._now}

    def add_draft(self, row: Row, draft: Draft) -> None:
        """Take up one delivery."""
        channel = row.letter.channel
        if draft.album is not None and self._join(channel, draft, draft.album):
            return
        self.totals[channel, draft.direction, "received"] += 1
        values = {
            **self._values(row, draft.direction),
            "status": "waiting",
            "body": draft.body,
            "address": dump_address(draft.address),
            "album": draft.album,
            "parts": draft.parts,
            "not_before": None if draft.album is None else self._now + _window(draft),
            "hasty": draft.hasty,
            "written_at": draft.written_at,
        }
        self._waiting.append((values, (channel, draft.direction, draft.client_id)))
        if draft.album is not None:
            key = channel, draft.client_id, draft.album
            self._memory.albums[key] = Album(draft.parts)
            self._memory.open_albums[key] = OpenAlbum(self._now, values=values)

    def _join(self, channel: str, draft: Draft, group: str) -> bool:
        """Let a sibling join the delivery that waits for it. False: there is none."""
        key = channel, draft.client_id, group
        album = self._memory.open_albums.get(key)
        if album is None:
            return False
        self._memory.albums[key] = Album(draft.parts)
        changed = {
            "body": draft.body,
            "parts": draft.parts,
            "not_before": min(self._now + _window(draft), album.accepted_at + _longest(draft)),
        }
        if album.values is not None:
            album.values.update(changed)
        elif album.delivery_id is not None:
            new = {f"new_{name}": value for name, value in changed.items()}
            self._joined[album.delivery_id] = {"of_id": album.delivery_id, **new}
        return True

    def _withdraw(self, channel: str, client_id: str | None, group: str, reason: str) -> None:
        """Take back what waits for siblings, if it still waits."""
        key = channel, client_id or "", group
        waiting = self._memory.open_albums.pop(key, None)
        if waiting is None:
            return
        self._memory.albums[key] = Album(None)
        if waiting.delivery_id is not None:
            self._joined.pop(waiting.delivery_id, None)
            self._withdrawn[waiting.delivery_id] = reason
            return
        values = waiting.values or {}
        self._waiting = [each for each in self._waiting if each[0] is not values]
        self._came_to_nothing.append({"of_id": values["letter_id"], "reason": reason})
        self.totals[values["channel"], values["direction"], "declined"] += 1

    def _note_close(self, row: Row) -> None:
        """A conversation that ends takes back the reactions that wait: what nobody says must not begin another one."""
        client = row.outcome.client if isinstance(row.outcome, Accepted | Declined) else None
        if client is None or client.open:
            return
        channel = row.letter.channel
        self._closed.add((channel, client.client_id))
        for of_channel, client_id, group in list(self._memory.open_albums):
            if (of_channel, client_id) == (channel, client.client_id) and group.startswith(REACTIONS):
                self._withdraw(channel, client_id, group, _CLOSED)

    def _open_lanes(self, tx: Connection) -> dict[tuple[str, str, str], int]:
        """Make the lanes of what waits due, unless they are (or are parked, or leased) already. Returns their ids."""
        if not self._waiting:
            return {}
        due: dict[tuple[str, str, str], float] = {}
        hasty: set[tuple[str, str, str]] = set()  #: Lanes in which so far nothing else waits.
        for values, key in self._waiting:
            at = values["not_before"] or self._now
            if key in hasty and not values["hasty"]:
                hasty.discard(key)
                due[key] = min(due[key], at)
            elif key not in due:
                due[key] = at
                hasty |= {key} if values["hasty"] else set()
        lanes = [
            {"channel": channel, "direction": direction, "client_id": client_id, "due_at": due_at}
            for (channel, direction, client_id), due_at in due.items()
        ]
        return open_lanes(tx, lanes)


def _window(draft: Draft) -> float:
    """Seconds that it waits for the next sibling."""
    return CHANGE_WINDOW if draft.hasty else ALBUM_WINDOW


def _longest(draft: Draft) -> float:
    """Seconds that it waits for all of them together at most."""
    return CHANGE_LONGEST if draft.hasty else ALBUM_LONGEST


def open_lanes(tx: Connection, lanes: list[dict[str, Any]]) -> dict[tuple[str, str, str], int]:
    """Make lanes due at their `due_at`, unless they are (or are parked) already. Their ids, by what names them.

    One that is leased stays so, and is due again when its courier lets go of it.
    """
    return {
        (channel, direction, client_id): lane_id
        for channel, direction, client_id, lane_id in tx.execute(
            _OPEN_LANES, [{**values, "since": values["due_at"]} for values in lanes]
        )
    }


def dump_address(address: Address | None) -> str | None:
    """An address as the outbox holds it."""
    return None if address is None else orjson.dumps(address).decode()


def _write_media(tx: Connection, now: float, rows: list[Row]) -> None:
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


def _find_tampered(tx: Connection, rows: list[Row]) -> None:
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
_INSERT_LETTERS = (
    insert(inbox).on_conflict_do_nothing().returning(inbox.c.id, inbox.c.channel, inbox.c.source, inbox.c.source_id)
)
_DIGESTS = select(inbox.c.channel, inbox.c.source, inbox.c.source_id, inbox.c.body_sha256).select_from(
    listed(inbox, inbox.c.channel, inbox.c.source, inbox.c.source_id)
)
_JOIN = (
    update(outbox)
    .where(outbox.c.id == bindparam("of_id"))
    .values(body=bindparam("new_body"), parts=bindparam("new_parts"), not_before=bindparam("new_not_before"))
)
_lane = insert(lane)
_HURRIED_AT = _lane.excluded.due_at + _HURRY
_OPEN_LANES = _lane.on_conflict_do_update(
    index_elements=["channel", "direction", "client_id"],
    set_={
        "due_at": case(
            (lane.c.backs_off & (lane.c.due_at > _HURRIED_AT), _HURRIED_AT),
            else_=func.coalesce(lane.c.due_at, _lane.excluded.due_at),
        ),
        "since": case((lane.c.due_at.is_(None), _lane.excluded.since), else_=lane.c.since),
    },
).returning(lane.c.channel, lane.c.direction, lane.c.client_id, lane.c.id)
_INSERT_DELIVERIES = insert(outbox)
_INSERT_DEAD = insert(outbox).returning(outbox.c.id, outbox.c.letter_id)
_head = outbox.alias("head")
#: What is hasty and stands first in its lane leaves when something else comes. A lane that is parked for other reasons
#: stays so.
_SEND_OFF = (
    update(lane)
    .where(
        lane.c.id.in_(bindparam("lane_ids", expanding=True)),
        lane.c.leased.is_(False),
        lane.c.due_at > bindparam("at"),
        select(_head.c.hasty)
        .where(_head.c.lane_id == lane.c.id, waits(_head))
        .order_by(_head.c.id)
        .limit(1)
        .correlate(lane)
        .scalar_subquery(),
    )
    .values(due_at=bindparam("at"))
)
_INSERT_MEDIA = insert(media)
_offset = insert(polling_offset)
_RAISE_OFFSETS = _offset.on_conflict_do_update(
    index_elements=["channel"], set_={"next_update_id": _offset.excluded.next_update_id}
)
