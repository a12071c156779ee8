"""One of the relays that share a PostgreSQL: it says each half second that it lives, and takes duties on.

Its row in `replica` is its right to commit: every transaction keeps that row from being deleted until it is done, and
who finds it gone commits nothing any more. Whoever has not been heard of for a term is taken for dead by the others, by
PostgreSQL's clock and not by anybody's own. (A session's advisory lock would strand behind PgBouncer.)
"""

import json
import math
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

import psycopg
import structlog
from sqlalchemy import Connection as Pooled
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from relay.errors import StoreAway
from relay.model import Member
from relay.store.engine.connection import Connection, Statements
from relay.store.engine.lock import StoreLockedError

log = structlog.get_logger()

#: Seconds after which who was not heard of is taken for dead, and how often a replica makes itself heard.
TERM: Final = 4.0
BEAT: Final = 0.5
#: Seconds before the end of its term from which on a replica does not trust itself any more.
_MARGIN: Final = 1.0
#: Seconds between two looks for somebody whose term is over, at least: by how much that can be noticed too late.
_LOOK: Final = 0.25
#: Seconds without a beat after which this one knows nothing of how long others were silent.
_GAP: Final = 1.5
#: Seconds by which two clocks may differ without a correction: it would only follow how busy the machines are.
_UNEVEN: Final = 0.02
#: As if so many more waited at each relay, and not more than so many: who comes to an idle one must be quick too.
_LITTLE: Final = 1
_MUCH: Final = 20
#: Whoever brings the schema up to date, or joins, holds this: any number, the same in every version.
MIGRATING: Final = 7_403_118
#: The table that is there while the rows of an SQLite file come in.
UNFINISHED: Final = "unfinished_move"

#: A visit is a command that looks at the store, or changes something in it, and carries nothing.
Kind = Literal["relay", "move", "visit"]


class Replica:
    """One process among those that share the database.

    Its beat runs in a thread of its own, and `engine` is for it alone.
    """

    def __init__(self, engine: Engine, kind: Kind = "relay", duties: Iterable[str] = ()) -> None:
        self.id = secrets.token_hex(8)
        self.refusal: str | None = None  #: Why it may not come back. It commits nothing any more.
        self._engine = engine
        self._statements = Statements(engine.dialect, pipelines=True, tells_ids=False)
        self._kind = kind
        self._wanted = sorted(duties)
        self._duties: frozenset[str] = frozenset()
        self._epoch = time.time() - time.monotonic()  #: When our monotonic clock was 0, by the database's.
        self._head: str | None = None
        self._is_taken_for_dead = False
        self._heard_at = time.monotonic()  #: When the last beat set out that came through.
        self._heard_since = self._heard_at  #: Since when none has failed to come through for long.
        self._is_heard = True
        self._stopping = False
        self._hurried = threading.Event()
        self.members: tuple[Member, ...] = ()  #: The relays that live, by name.
        self._waiting: dict[str, int] = {}  #: For their turn to send, by channel.
        self._parts: dict[str, float] = {}  #: Of each channel's pace, as of the last beat.
        self._parts_before: dict[str, float] = {}
        self._next_death = math.inf  #: When somebody's term is over, on the monotonic clock.
        self._company_until = -math.inf  #: On the monotonic clock: see `has_company`.

    def has_duty(self, name: str) -> bool:
        """Whether this one does what only one may do, and asked for when it joined."""
        return name in self._duties and self.trusts_itself

    def clock(self) -> float:
        """Unix time by the database's clock: due times must mean the same to every host."""
        return time.monotonic() + self._epoch

    def part(self, channel: str, waiting: int) -> float:
        """The part of a channel's pace that this one may take, where so many wait for it.

        It says at its next beat how many wait, and takes more than before one beat later: until then others may not
        know that they are to take less.
        """
        self._waiting[channel] = waiting
        equal = 1 / (1 + self.others)
        return min(self._parts.get(channel, equal), self._parts_before.get(channel, equal))

    @property
    def others(self) -> int:
        """How many other relays live, as far as the last beat knew."""
        return sum(not each.is_me for each in self.members)

    @property
    def has_company(self) -> bool:
        """Whether others live, or lived so short a time ago that what they had in their hands may be free only now."""
        return time.monotonic() < self._company_until

    @property
    def trusts_itself(self) -> bool:
        """Whether nobody can have taken this one for dead yet."""
        return time.monotonic() < self._heard_at + TERM - _MARGIN

    def holds(self, holder: str | None) -> bool:
        """Whether what was claimed by this holder is surely in this one's hands."""
        return holder == self.id and self.trusts_itself

    @property
    def is_witness(self) -> bool:
        """Whether the database has heard this one for a whole term: who was silent meanwhile was so by itself."""
        now = time.monotonic()
        return now - self._heard_since >= TERM and now - self._heard_at < _GAP

    @property
    def somebody_died(self) -> bool:
        """Whether somebody's term is over, or they said goodbye."""
        return time.monotonic() >= self._next_death

    @property
    def next_look(self) -> float:
        """Seconds after which to see whether somebody died: when the next term is over, and once for each beat."""
        return min(max(_LOOK, self._next_death - time.monotonic()), BEAT)

    def beat_until_stopped(self) -> None:
        """Say again and again that this one lives. A beat that fails is no harm by itself."""
        while not self._stopping:
            try:
                self.beat()
            except (psycopg.Error, SQLAlchemyError) as error:
                self._note_failure(error)
            self._hurried.wait(BEAT)
            self._hurried.clear()

    def _note_failure(self, error: Exception) -> None:
        if self._is_heard:
            log.warning("store.not_renewed", error=reason_of(error))
        self._is_heard = False

    def beat(self) -> None:
        """Say once that this one lives."""
        at = time.monotonic()
        if self._is_taken_for_dead:
            self._join_again()
            return
        with at_once(self._engine, self._statements) as connection:
            asked = time.monotonic()
            said = {"me": self.id, "term": TERM, "waiting": json.dumps(dict(self._waiting)), "names": self._wanted}
            circle = connection.execute(_BEAT, said)
            took = time.monotonic() - asked
        me = next((each for each in circle if each.is_renewed), None)
        if me is None:
            self._is_taken_for_dead, self._heard_at = True, -math.inf
            return
        if at - self._heard_at >= _GAP:
            self._heard_since = at
        self._set_clock(me.at - asked - took / 2, took)
        left = [each.until - each.at for each in circle if each is not me]
        self._next_death = asked + min(left, default=math.inf)
        relays = [each for each in circle if each.kind == "relay" and (each is me or each.until > each.at)]
        self._parts_before, self._parts = self._parts, _parts(self.id, relays)
        self.members = tuple(Member(each.name, tuple(each.duties), each is me) for each in relays)
        if self.others:
            self._company_until = at + 2 * TERM
        self._heard_at, self._duties = at, frozenset(me.duties)
        if not self._is_heard:
            self._is_heard = True
            log.info("store.renewed")

    def _join_again(self) -> None:
        """Become another one: what this one had in its hands is in those of others."""
        log.warning("store.taken_for_dead")
        self.id = secrets.token_hex(8)
        self._is_taken_for_dead = False
        try:
            self.join(self._head)
        except StoreLockedError as error:
            self.refusal = str(error)
        except (psycopg.Error, SQLAlchemyError):
            self._is_taken_for_dead = True
            raise

    def _set_clock(self, epoch: float, took: float) -> None:
        """Believe what the database says, but not the time that it took to say it."""
        if abs(epoch - self._epoch) > took / 2 + _UNEVEN:
            self._epoch = epoch

    def stop(self) -> None:
        """Let the beat end."""
        self._stopping = True
        self._hurried.set()

    def join(self, head: str | None) -> None:
        """Enter the circle. Raises StoreLockedError when this one may not."""
        self._head = head
        with self._engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATING})
            self._refuse(connection, head)
            name = f"{socket.gethostname()[:100]}-{self.id[:4]}"
            connection.execute(_JOIN, {"me": self.id, "kind": self._kind, "name": name, "term": TERM})
        self._heard_at = self._heard_since = time.monotonic()
        self.beat()

    def _refuse(self, connection: Pooled, head: str | None) -> None:
        version = connection.scalar(text("SELECT version_num FROM alembic_version"))
        if head is not None and version != head:
            raise StoreLockedError(f"the database was upgraded to schema {version} meanwhile; this relay knows {head}")
        kinds = set(connection.scalars(text("SELECT kind FROM replica WHERE until > clock_timestamp()")))
        if self._kind == "move" and kinds:
            raise StoreLockedError("another relay holds the database")
        if self._kind != "move" and "move" in kinds:
            raise StoreLockedError("an SQLite file is being moved into the database")
        if self._kind != "move" and (source := source_of_move(connection)) is not None:
            raise StoreLockedError(
                f"not all rows of {source} are here yet. Go on: relay migrate --from sqlite:///{source} "
                "--to postgresql://…"
            )

    def leave(self) -> None:
        """Say goodbye: whatever this one still has in its hands is free for the others at once."""
        try:
            with self._engine.begin() as connection:
                connection.execute(_LEAVE, {"me": self.id})
                connection.execute(_LAY_DOWN, {"me": self.id})
        except DBAPIError:
            log.warning("store.not_let_go", seconds=TERM)


def reason_of(error: Exception) -> str:
    """What the driver says of an error, in its first line, as far as a log takes it."""
    return str(getattr(error, "orig", error)).strip().partition("\n")[0][:200]


def _parts(me: str, relays: Sequence[Any]) -> dict[str, float]:
    """Of the pace of each channel, by how many wait for it at each relay; who has nobody waiting keeps a little."""
    channels = {channel for each in relays for channel in each.waiting}
    return {
        channel: sum(_weight(each, channel) for each in relays if each.id == me)
        / sum(_weight(each, channel) for each in relays)
        for channel in channels
        if any(each.id == me for each in relays)
    }


def _weight(relay: Any, channel: str) -> int:  # noqa: ANN401 - a row
    waiting: int = relay.waiting.get(channel, 0)
    return _LITTLE + min(waiting, _MUCH)


@contextmanager
def joined(
    engine: Engine,
    kind: Kind = "relay",
    *,
    head: str | None = None,
    patience: float = 0.0,
    duties: Iterable[str] = (),
) -> Iterator[Replica]:
    """Be one of the relays on a database until the end of the block.

    Raises StoreLockedError when that may not be, and StoreAway when it cannot be: nobody answers, or not as expected.
    The beat takes a connection of `engine` for each beat, and must not wait for one.
    """
    replica, until = Replica(engine, kind, duties), time.monotonic() + patience
    while True:
        try:
            replica.join(head)
            break
        except StoreLockedError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.1)
        except (psycopg.Error, SQLAlchemyError) as error:
            raise StoreAway(reason_of(error)) from None
    beating = threading.Thread(target=replica.beat_until_stopped, name="postgresql: beat", daemon=True)
    beating.start()
    try:
        yield replica
    finally:
        replica.stop()
        beating.join()
        replica.leave()


@contextmanager
def at_once(engine: Engine, statements: Statements) -> Iterator[Connection]:
    """Each statement is a transaction of its own until the end of the block: one way there and back, and not four.

    Raises what the driver raises.
    """
    pooled = engine.raw_connection()
    driver: Any = pooled.driver_connection
    try:
        driver.autocommit = True
        yield Connection(pooled.cursor(), statements)
        driver.autocommit = False
    except BaseException:
        pooled.invalidate()
        raise
    finally:
        pooled.close()


def is_in(connection: Connection | Pooled, replica_id: str) -> bool:
    """Whether this one is still one of the circle, and stays so until the transaction ends."""
    return connection.scalar(_STILL_IN, {"me": replica_id}) is not None


def source_of_move(connection: Pooled) -> str | None:
    """The SQLite file whose rows are not all here yet."""
    if connection.scalar(text(f"SELECT to_regclass('{UNFINISHED}')")) is None:
        return None
    return str(connection.scalar(text(f"SELECT source FROM {UNFINISHED}")))  # noqa: S608 - a constant


#: What the relays of one database know of each other. A migration makes it where there is an older schema.
TABLES: Final = """
CREATE TABLE duty (
    name VARCHAR(64) PRIMARY KEY,
    holder VARCHAR(32) NOT NULL,
    until TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE TABLE erased (
    key VARCHAR(64) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    asked_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (key, hash)
);
CREATE TABLE kit_session (
    channel VARCHAR(32) PRIMARY KEY,
    sealed TEXT NOT NULL,
    issued_at DOUBLE PRECISION NOT NULL
);
CREATE TABLE replica (
    id VARCHAR(32) PRIMARY KEY,
    kind VARCHAR(8) NOT NULL,
    name VARCHAR(128) NOT NULL,
    started TIMESTAMP WITH TIME ZONE NOT NULL,
    until TIMESTAMP WITH TIME ZONE NOT NULL,
    waiting JSONB NOT NULL DEFAULT '{}'
)
"""
_UNTIL = "clock_timestamp() + make_interval(secs => :term)"
_JOIN = text(
    "INSERT INTO replica (id, kind, name, started, until)"  # noqa: S608 - constants
    f" VALUES (:me, :kind, :name, clock_timestamp(), {_UNTIL})"
)
_LEAVE = text("UPDATE replica SET until = '-infinity' WHERE id = :me")
_LAY_DOWN = text("DELETE FROM duty WHERE holder = :me")
# One statement, since each is a way there and back, twice a second in every relay. It does not see what it changes, so
# of this one it says what it has just written. In one order: else two relays would wait for each other.
_BEAT = text(
    "WITH renewed AS ("  # noqa: S608 - constants
    f"UPDATE replica SET until = {_UNTIL}, waiting = CAST(:waiting AS jsonb) WHERE id = :me RETURNING id, waiting"
    "), taken AS ("
    f"INSERT INTO duty SELECT duty.name, renewed.id, {_UNTIL}"
    " FROM renewed, unnest(CAST(:names AS varchar[])) AS duty (name) ORDER BY duty.name"
    " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until"
    " WHERE duty.until < clock_timestamp() OR duty.holder = excluded.holder RETURNING name"
    ") SELECT replica.id, kind, replica.name, coalesce(renewed.waiting, replica.waiting) AS waiting,"
    " extract(epoch FROM until)::float8 AS until, extract(epoch FROM clock_timestamp())::float8 AS at,"
    " renewed.id IS NOT NULL AS is_renewed, CASE WHEN renewed.id IS NULL THEN"
    " ARRAY(SELECT duty.name FROM duty WHERE duty.holder = replica.id"
    " AND duty.until > clock_timestamp() ORDER BY duty.name)"
    " ELSE ARRAY(SELECT name FROM taken ORDER BY name) END AS duties"
    " FROM replica LEFT JOIN renewed ON renewed.id = replica.id ORDER BY replica.name"
)
# FOR KEY SHARE: nobody deletes the row between this and the commit, and the beat may go on. A process that stands still
# in the middle of a transaction holds up the others no longer than that either.
_STILL_IN = text(
    f"SELECT set_config('idle_in_transaction_session_timeout', '{TERM * 1000:.0f}', true)"  # noqa: S608
    " FROM replica WHERE id = :me FOR KEY SHARE"
)
