"""What follows from the letters of one transaction: collected as they are mapped, then written."""

from dataclasses import dataclass
from typing import Any, Literal

import orjson
import structlog
from sqlalchemy import bindparam, update

from relay.errors import place_of
from relay.model import (
    REACTIONS,
    Accepted,
    Address,
    Album,
    Declined,
    Direction,
    Draft,
    Letter,
    Outcome,
    Reading,
    Unreadable,
)
from relay.store.claiming import ALBUM_LONGEST, ALBUM_WINDOW, CHANGE_LONGEST, CHANGE_WINDOW
from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert
from relay.store.engine.tables import outbox
from relay.store.handing_over import Waiting, write_alone
from relay.store.lanes import Lane, open_lanes, send_off
from relay.store.memory import Memory, OpenAlbum
from relay.store.totals import Totals
from relay.store.withdrawing import decline, waiting_reactions, withdraw

log = structlog.get_logger()

#: What became of a letter. `tampered`: its source id was seen before with another body.
Verdict = Literal["accepted", "declined", "dead", "duplicate", "tampered", "unknown_client"]

_DIRECTION: dict[str, Direction] = {"telegram": "to_kit", "kit": "to_telegram", "relay": "to_kit"}
_CLOSED = "a reaction that waited when the conversation was closed"


@dataclass(slots=True)
class Arrived:
    """A letter on its way into the database, and what has become of it so far."""

    letter: Letter
    reading: Reading
    outcome: Outcome | None = None  #: Of a duplicate there is none.
    verdict: Verdict = "duplicate"
    letter_id: int = 0
    told: Draft | None = None  #: What is said of a dead one.
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
    def directions(self) -> list[Direction]:
        """Where something is to be delivered because of it."""
        told = () if self.told is None else (self.told,)
        return [draft.direction for draft in (*self.drafts, *told)]

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """What is to be delivered because of it."""
        if self.outcome is None:
            return ()
        return (self.outcome.draft, *self.outcome.more) if isinstance(self.outcome, Accepted) else self.outcome.more


class Deliveries:
    """The deliveries of one transaction: collected first, then written with a statement for each kind of change."""

    def __init__(self, now: float, memory: Memory) -> None:
        self.totals = Totals()
        self._now = now
        self._memory = memory
        self._waiting: list[Waiting] = []
        self._dead: list[Arrived] = []
        self._joined: dict[int, dict[str, Any]] = {}
        self._withdrawn: dict[int, str] = {}  #: Why, by the ids of deliveries.
        self._closed: set[tuple[str, str]] = set()  #: Clients whose conversations have ended: channel and id.
        self._came_to_nothing: list[dict[str, Any]] = []  #: Letters of this transaction, and why.

    def add(self, row: Arrived) -> None:
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
                row.told = told.draft
                self.add_draft(row, told.draft)
        self._waiting.sort(key=lambda waiting: waiting.values["letter_id"])

    def write(self, tx: Connection) -> None:
        """Write them, and make their lanes due."""
        lanes = self._write_waiting(tx)
        if self._joined:
            tx.execute(_JOIN, list(self._joined.values()))
        if self._closed:
            self._withdrawn |= dict.fromkeys(waiting_reactions(tx, self._closed), _CLOSED)
        withdraw(tx, self._withdrawn, self.totals)
        decline(tx, self._came_to_nothing)
        send_off(tx, self._now, lanes)

    def _write_waiting(self, tx: Connection) -> list[Lane]:
        """Write what waits, and return the lanes in which something waits that is not hasty."""
        waiting = self._waiting
        if not waiting or (len(waiting) == 1 and self._write_alone(tx, waiting[0])):
            return []
        lanes = self._open_lanes(tx)
        for values, key, _ in waiting:
            values["lane_id"] = lanes[key].id
        tx.execute(_INSERT_DELIVERIES, [each.values for each in waiting])
        return [lanes[key] for values, key, _ in waiting if not values["hasty"]]

    def _write_alone(self, tx: Connection, waiting: Waiting) -> bool:
        channel, _, client_id = waiting.key
        return write_alone(tx, self._now, waiting, self._memory.clients.get((channel, client_id)))

    def _count(self, row: Arrived, *outcomes: str) -> None:
        for outcome in outcomes:
            self.totals[row.letter.channel, row.direction, outcome] += 1

    def _values(self, row: Arrived, direction: Direction) -> dict[str, Any]:
        return {
            "channel": row.letter.channel,
            "direction": direction,
            "letter_id": row.letter_id,
            "accepted_at": self._now,
        }

    def _dead_values(self, row: Arrived) -> dict[str, Any]:
        reason = None if row.outcome is None or isinstance(row.outcome, Accepted) else row.outcome.reason
        return {**self._values(row, row.direction), "status": "dead", "reason": reason, "settled_at": self._now}

    def add_draft(self, row: Arrived, draft: Draft) -> None:
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
        key = channel, draft.direction, draft.client_id
        self._waiting.append(Waiting(values, key, row.letter.source_id))
        if draft.album is not None:
            album = channel, draft.client_id, draft.album
            self._memory.albums[album] = Album(draft.parts)
            self._memory.open_albums[album] = OpenAlbum(self._now, values=values)

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
        self._waiting = [each for each in self._waiting if each.values is not values]
        self._came_to_nothing.append({"of_id": values["letter_id"], "reason": reason})
        self.totals[values["channel"], values["direction"], "declined"] += 1

    def _note_close(self, row: Arrived) -> None:
        """A conversation that ends takes back the reactions that wait: what nobody says must not begin another one."""
        client = row.outcome.client if isinstance(row.outcome, Accepted | Declined) else None
        if client is None or client.open:
            return
        channel = row.letter.channel
        self._closed.add((channel, client.client_id))
        for of_channel, client_id, group in list(self._memory.open_albums):
            if (of_channel, client_id) == (channel, client.client_id) and group.startswith(REACTIONS):
                self._withdraw(channel, client_id, group, _CLOSED)

    def _open_lanes(self, tx: Connection) -> dict[tuple[str, str, str], Lane]:
        """Make the lanes of what waits due, unless they are (or are parked, or leased) already."""
        due: dict[tuple[str, str, str], float] = {}
        hasty: set[tuple[str, str, str]] = set()  #: Lanes in which so far nothing else waits.
        for values, key, _ in self._waiting:
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


def _told(row: Arrived, number: int, now: float, memory: Memory) -> Accepted | None:
    """What is told of a letter that is a dead one."""
    if row.reading.tell_dead is None:
        return None
    try:
        return row.reading.tell_dead(number, now, memory.known(row.letter.channel, row.reading.wants))
    except Exception as error:  # noqa: BLE001 - what broke the letter may break this; a person sees the dead letter
        log.error("letter.untold", source_id=row.letter.source_id, error=place_of(error))  # noqa: TRY400 - as above
        return None


def _window(draft: Draft) -> float:
    """Seconds that it waits for the next sibling."""
    return CHANGE_WINDOW if draft.hasty else ALBUM_WINDOW


def _longest(draft: Draft) -> float:
    """Seconds that it waits for all of them together at most."""
    return CHANGE_LONGEST if draft.hasty else ALBUM_LONGEST


def dump_address(address: Address | None) -> str | None:
    """An address as the outbox holds it."""
    return None if address is None else orjson.dumps(address).decode()


# Statements are made once: to make one costs more than to run it.
_JOIN = (
    update(outbox)
    .where(outbox.c.id == bindparam("of_id"))
    .values(body=bindparam("new_body"), parts=bindparam("new_parts"), not_before=bindparam("new_not_before"))
)
_INSERT_DELIVERIES = insert(outbox)
_INSERT_DEAD = insert(outbox).returning(outbox.c.id, outbox.c.letter_id)
