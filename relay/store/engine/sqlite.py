"""SQLite, embedded: one process, one connection, one thread.

SQLite before 3.51.3 can lose a commit when two connections checkpoint (https://sqlite.org/wal.html#walresetbug), and a
shared connection is a shared transaction: so there is exactly one connection, and a lock file keeps a second relay out.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiosqlite
import structlog
from sqlalchemy import make_url

from relay.errors import StoreFull, StoreLost, StoreUnavailable
from relay.store.engine.commit import Database, committing
from relay.store.engine.connection import Connection, Statements
from relay.store.engine.copies import fault_of
from relay.store.engine.lock import hold_lock, note_use
from relay.store.engine.open_note import note_closed, note_open
from relay.store.engine.place import Place
from relay.store.engine.reserve import Reserve

log = structlog.get_logger()

Result = TypeVar("Result")

#: Milliseconds that a statement waits for another connection.
_BUSY_TIMEOUT = 5000
#: Seconds between two looks whether a full disk has room again.
_LOOK = 1.0
_DIALECT = make_url("sqlite://").get_dialect()()
#: After these nobody knows what is on the disk: only a new process reads what is really there.
_FATAL = {sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC, sqlite3.SQLITE_READONLY_DBMOVED}


class Thread(aiosqlite.Connection):
    """aiosqlite's thread with its SQLite connection, which here takes a whole transaction in one hop.

    A hop for each statement costs a turn of the event loop; under load, 27 of them made a transaction last 28 ms.
    aiosqlite has no public name for either of the two things that are used here. They stand in this class alone, the
    version has a ceiling in pyproject.toml, and a test holds the names.
    """

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call `function` in the thread."""
        result: Result = await self._execute(function, *arguments)  # type: ignore[no-untyped-call]
        return result

    def dbapi(self) -> sqlite3.Connection:
        """The connection itself, for calls within the thread."""
        return self._conn


class SQLite:
    """The engine that group commit asks for transactions."""

    def __init__(self, thread: Thread, path: Path) -> None:
        self._thread = thread
        self._cursor, self._statements = thread.dbapi().cursor(), Statements(_DIALECT, pipelines=False, tells_ids=True)
        self._place = Place(path)
        self._reserve = Reserve(path)
        self._look_at = 0.0  #: When to see next whether the disk has room for the reserve, on the monotonic clock.

    async def transaction(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction in the connection's thread, in one hop, and commit it."""
        return await self._thread.run(self._in_transaction, work)

    def _in_transaction(self, work: Callable[[Connection], Result]) -> Result:
        cursor = self._cursor
        # A deferred transaction that turns into a writer fails at once with "database is locked", whatever the timeout.
        cursor.execute("BEGIN IMMEDIATE")
        try:
            result = work(Connection(cursor, self._statements))
            cursor.execute("COMMIT")
        except BaseException:
            self._thread.dbapi().rollback()
            raise
        self._place.check()
        return result

    async def glance(self, look: Callable[[Connection], Result]) -> Result:
        """Nobody but this process leaves anything behind: a transaction like any other will do."""
        return await self.transaction(look)

    async def takes_more(self) -> bool:
        """While the reserve is given up there is room for nothing new. When the disk has some, it is laid again."""
        if not self._reserve.is_laid and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK
            await self._thread.run(self._reserve.lay)
        return self._reserve.is_laid

    async def make_room(self) -> bool:
        """Give the reserve up."""
        self._look_at = time.monotonic() + _LOOK
        given_up = await self._thread.run(self._reserve.give_up)
        if given_up:
            log.error("store.reserve_used")
        return given_up

    async def remove_bytes(self) -> None:
        """Empty the write-ahead log: deleted rows are zeros in the file, but their old pages wait in the log."""
        await self._thread.run(self._truncate_log)

    def _truncate_log(self) -> None:
        connection = self._thread.dbapi()
        connection.execute("PRAGMA busy_timeout=0")  # a backup reads for minutes, and nobody is to wait for it
        try:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT}")
        if busy:
            raise StoreUnavailable("somebody reads the database: its log cannot be emptied now")

    def translated(self, error: Exception) -> Exception:
        """An error of the driver means that the database cannot commit now, or that nobody knows what it holds."""
        if not isinstance(error, sqlite3.Error):
            return error
        reason, code = str(error)[:200], getattr(error, "sqlite_errorcode", None)
        log.error("store.failed", error=reason)
        if code in _FATAL:
            return StoreLost(f"the disk did not keep what was written ({reason}). Look at it before you start again")
        if code == sqlite3.SQLITE_FULL:
            return StoreFull(f"cannot commit: {reason}")
        return StoreUnavailable(f"cannot commit: {reason}")


@asynccontextmanager
async def open_sqlite(
    path: Path, *, now: Callable[[], float] = time.time, patience: float = 0.0
) -> AsyncIterator[Database]:
    """Open the file at `path`, which must have the current schema, and commit until the end of the block.

    Raises StoreLockedError when another process holds it.
    """
    with hold_lock(path, patience=patience):
        was_left_open = path.with_name(path.name + "-wal").exists()
        thread = Thread(partial(_connect, path), iter_chunk_size=64)
        await thread
        try:
            note_use(path)
            await thread.run(lambda: note_open(thread.dbapi(), path))
            async with committing(await thread.run(SQLite, thread, path), now) as database:
                checking = asyncio.create_task(_check(path, database)) if was_left_open else None
                try:
                    yield database
                finally:
                    if checking is not None:
                        checking.cancel()
            await thread.run(lambda: note_closed(thread.dbapi()))
        finally:
            await thread.close()


async def _check(path: Path, database: Database) -> None:
    """After an end that was not clean, look for damage beside the work: by a connection that never checkpoints."""
    fault = await asyncio.to_thread(fault_of, path)
    if fault is not None:
        log.critical("store.damaged", fault=fault[:200])
        database.report(f"the database is damaged: {fault[:200]}. Stop the relay and restore a backup")


def _connect(path: Path) -> sqlite3.Connection:
    # Transactions are ours to begin: the driver's own way would begin them too late, and deferred.
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # NORMAL may lose acknowledged commits at a power cut
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_TIMEOUT}",
        "secure_delete=ON",  # what is erased leaves no bytes behind
        "temp_store=MEMORY",
        # SQLite builds a tree for `status IN (…)` at each write of a delivery. PostgreSQL checks it, of the same verbs.
        "ignore_check_constraints=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def steady_clock() -> Callable[[], float]:
    """Unix time as it is now, and steady from then on.

    It stands still while the machine sleeps, on purpose (CLOCK_MONOTONIC, not CLOCK_BOOTTIME): patience with what fails
    is counted by it, and hours of sleep in which nothing was tried must use up none.
    """
    started, at = time.time(), time.monotonic()
    return lambda: started + time.monotonic() - at
