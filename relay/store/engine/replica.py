"""One of the relays that share a PostgreSQL: it says each half second that it lives, and takes duties on.

Its row in `replica` is its right to commit: every transaction keeps that row from being deleted until it is done, and
who finds it gone commits nothing any more. Whoever has not been heard of for a term is taken for dead by the others, by
PostgreSQL's clock and not by anybody's own. (A session's advisory lock would strand behind PgBouncer.)
"""

import secrets
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Literal

import structlog
from sqlalchemy import Connection as Pooled
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from relay.store.engine.connection import Connection
from relay.store.engine.lock import StoreLockedError

log = structlog.get_logger()

#: Seconds after which who was not heard of is taken for dead, and how often a replica makes itself heard.
TERM: Final = 4.0
BEAT: Final = 0.5
#: Seconds before the end of its term from which on a replica does not trust itself any more.
_MARGIN: Final = 1.0
#: Whoever brings the schema up to date, or joins, holds this: any number, the same in every version.
MIGRATING: Final = 7_403_118
#: The table that is there while the rows of an SQLite file come in.
UNFINISHED: Final = "unfinished_move"

Kind = Literal["relay", "move"]


class Replica:
    """One process among those that share the database. Its beat runs in a thread of its own."""

    def __init__(self, engine: Engine, kind: Kind = "relay", duties: Iterable[str] = ()) -> None:
        self.id = secrets.token_hex(8)
        self._engine = engine
        self._kind = kind
        self._wanted = frozenset(duties)
        self._duties: frozenset[str] = frozenset()
        self._heard_at = time.monotonic()  #: When the last beat set out that came through.
        self._heard_since = self._heard_at  #: Since when none has failed to come through for a term.
        self._stopping = False
        self._hurried = threading.Event()
        self._others = 0
        self.somebody_died = False  #: Somebody's term is over, or they said goodbye.

    def has_duty(self, name: str) -> bool:
        """Whether this one does what only one may do, and asked for when it joined."""
        return name in self._duties and self.trusts_itself

    @property
    def others(self) -> int:
        """How many other relays live, as far as the last beat knew."""
        return self._others

    @property
    def trusts_itself(self) -> bool:
        """Whether nobody can have taken this one for dead yet."""
        return time.monotonic() < self._heard_at + TERM - _MARGIN

    @property
    def is_witness(self) -> bool:
        """Whether the database has heard this one for a whole term: who was silent meanwhile was so by itself."""
        return time.monotonic() - self._heard_since >= TERM

    def beat_until_stopped(self) -> None:
        """Say again and again that this one lives. A beat that fails is no harm by itself."""
        while not self._stopping:
            try:
                self.beat()
            except DBAPIError as error:
                log.warning("store.not_renewed", error=str(error.orig).strip().partition("\n")[0][:200])
            self._hurried.wait(BEAT)
            self._hurried.clear()

    def beat(self) -> None:
        """Say once that this one lives."""
        at = time.monotonic()
        with self._engine.begin() as connection:
            connection.execute(_RENEW, {"me": self.id, "term": TERM})
            duties = [name for name in sorted(self._wanted) if self._take(connection, name)]
            self._others = connection.scalar(_OTHERS, {"me": self.id})
            self.somebody_died = bool(connection.scalar(_SOMEBODY_DIED, {"me": self.id}))
        if at - self._heard_at >= TERM:
            self._heard_since = at
        self._heard_at, self._duties = at, frozenset(duties)

    def _take(self, connection: Pooled, name: str) -> bool:
        return connection.scalar(_TAKE, {"name": name, "me": self.id, "term": TERM}) is not None

    def stop(self) -> None:
        """Let the beat end."""
        self._stopping = True
        self._hurried.set()

    def join(self, head: str | None) -> None:
        """Enter the circle. Raises StoreLockedError when this one may not."""
        with self._engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATING})
            self._refuse(connection, head)
            name = socket.gethostname()[:128]
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
        if self._kind == "relay" and "move" in kinds:
            raise StoreLockedError("an SQLite file is being moved into the database")
        if self._kind == "relay" and (source := source_of_move(connection)) is not None:
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


@contextmanager
def joined(
    engine: Engine, kind: Kind = "relay", *, head: str | None = None, patience: float = 0.0, duties: Iterable[str] = ()
) -> Iterator[Replica]:
    """Be one of the relays on a database until the end of the block. Raises StoreLockedError when that may not be."""
    replica, until = Replica(engine, kind, duties), time.monotonic() + patience
    while True:
        try:
            replica.join(head)
            break
        except StoreLockedError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.1)
    beating = threading.Thread(target=replica.beat_until_stopped, name="postgresql: beat", daemon=True)
    beating.start()
    try:
        yield replica
    finally:
        replica.stop()
        beating.join()
        replica.leave()


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
CREATE TABLE replica (
    id VARCHAR(32) PRIMARY KEY,
    kind VARCHAR(8) NOT NULL,
    name VARCHAR(128) NOT NULL,
    started TIMESTAMP WITH TIME ZONE NOT NULL,
    until TIMESTAMP WITH TIME ZONE NOT NULL
)
"""
_UNTIL = "clock_timestamp() + make_interval(secs => :term)"
_JOIN = text(f"INSERT INTO replica VALUES (:me, :kind, :name, clock_timestamp(), {_UNTIL})")  # noqa: S608 - constants
_RENEW = text(f"UPDATE replica SET until = {_UNTIL} WHERE id = :me")  # noqa: S608
_LEAVE = text("UPDATE replica SET until = '-infinity' WHERE id = :me")
_LAY_DOWN = text("DELETE FROM duty WHERE holder = :me")
_OTHERS = text("SELECT count(*) FROM replica WHERE id <> :me AND kind = 'relay' AND until > clock_timestamp()")
_SOMEBODY_DIED = text("SELECT EXISTS (SELECT FROM replica WHERE id <> :me AND until < clock_timestamp())")
_TAKE = text(
    f"INSERT INTO duty VALUES (:name, :me, {_UNTIL}) ON CONFLICT (name) DO UPDATE SET holder = excluded.holder,"  # noqa: S608
    " until = excluded.until WHERE duty.until < clock_timestamp() OR duty.holder = excluded.holder RETURNING holder"
)
# FOR KEY SHARE: nobody deletes the row between this and the commit, and the beat may go on. A process that stands still
# in the middle of a transaction holds up the others no longer than that either.
_STILL_IN = text(
    f"SELECT set_config('idle_in_transaction_session_timeout', '{TERM * 1000:.0f}', true)"  # noqa: S608
    " FROM replica WHERE id = :me FOR KEY SHARE"
)
