"""SQLite, embedded: one process, one connection, one thread.

SQLite before 3.51.3 can lose a commit when two connections checkpoint (https://sqlite.org/wal.html#walresetbug), and a
shared connection is a shared transaction: so there is exactly one connection, and a lock file keeps a second relay out.
"""

import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiosqlite
import structlog
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from relay.errors import StoreUnavailable
from relay.store.engine.commit import Database, committing
from relay.store.engine.lock import hold_lock

log = structlog.get_logger()

Result = TypeVar("Result")


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

    def __init__(self, thread: Thread, connection: Connection) -> None:
        self._thread = thread
        self._connection = connection

    async def transaction(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction in the connection's thread, in one hop, and commit it."""
        return await self._thread.run(self._in_transaction, work)

    def _in_transaction(self, work: Callable[[Connection], Result]) -> Result:
        with self._connection.begin():
            return work(self._connection)

    async def remove_bytes(self) -> None:
        """Empty the write-ahead log: deleted rows are zeros in the file, but their old pages wait in the log."""
        await self._thread.run(self._truncate_log)

    def _truncate_log(self) -> None:
        busy, _, _ = self._thread.dbapi().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreUnavailable("somebody reads the database: its log cannot be emptied now")

    def translated(self, error: Exception) -> Exception:
        """An error of the driver means that the database cannot commit now."""
        if isinstance(error, DBAPIError):
            reason = str(error.orig)[:200]
            log.error("store.failed", error=reason)
            return StoreUnavailable(f"cannot commit: {reason}")
        return error


@asynccontextmanager
async def open_sqlite(
    path: Path, *, now: Callable[[], float] = time.time, patience: float = 0.0
) -> AsyncIterator[Database]:
    """Open the file at `path`, which must have the current schema, and commit until the end of the block.

    Raises StoreLockedError when another process holds it.
    """
    with hold_lock(path, patience=patience):
        thread = Thread(partial(_connect, path), iter_chunk_size=64)
        await thread
        try:
            engine = create_engine("sqlite://", creator=thread.dbapi, poolclass=StaticPool, hide_parameters=True)
            event.listen(engine, "begin", _begin_immediate)
            connection = await thread.run(engine.connect)
            try:
                async with committing(SQLite(thread, connection), now) as database:
                    yield database
            finally:
                await thread.run(connection.close)
        finally:
            await thread.close()


def _connect(path: Path) -> sqlite3.Connection:
    # Transactions are ours to begin: the driver's own way would begin them too late, and deferred.
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # NORMAL may lose acknowledged commits at a power cut
        "foreign_keys=ON",
        "busy_timeout=5000",
        "secure_delete=ON",  # what is erased leaves no bytes behind
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _begin_immediate(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once with "database is locked", whatever the timeout.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
