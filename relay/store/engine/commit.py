"""One SQLite connection, one writer, and group commit.

Whatever waits is committed together and acknowledged together: a commit costs about as much for a hundred rows as for
one. SQLite before 3.51.3 can lose a commit when two connections checkpoint (https://sqlite.org/wal.html#walresetbug),
and a shared connection is a shared transaction: so there is exactly one connection, one task that writes on it, and a
lock file that keeps a second relay out.
"""

import asyncio
import fcntl
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import structlog
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from relay.errors import Unavailable

log = structlog.get_logger()

Item = TypeVar("Item")
Result = TypeVar("Result")
#: A verb does one thing to many items within a transaction that it does not end. `now` is Unix time in seconds.
Verb = Callable[[Connection, float, Sequence[Item]], Sequence[Result]]

#: Items that one transaction takes at most, so that nobody waits long behind a flood.
_BATCH = 1000


class StoreLockedError(Exception):
    """Another process holds the database."""


@dataclass(slots=True)
class _Job:
    verb: Verb[Any, Any]
    item: object
    late: bool
    done: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def resolve(self, result: object) -> None:
        if not self.done.done():
            self.done.set_result(result)

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class _Thread(aiosqlite.Connection):
    """aiosqlite's thread with its SQLite connection, which here takes a whole transaction in one hop.

    A hop for each statement costs a turn of the event loop; under load, 27 of them made a transaction last 28 ms.
    """

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call `function` in the thread."""
        result: Result = await self._execute(function, *arguments)  # type: ignore[no-untyped-call]
        return result

    def dbapi(self) -> sqlite3.Connection:
        """The connection itself, for calls within the thread."""
        return self._conn


class Database:
    """Runs verbs in transactions. Use `open_database`."""

    def __init__(self, thread: _Thread, connection: Connection, now: Callable[[], float]) -> None:
        self._thread = thread
        self._connection = connection
        self._now = now
        self._waiting: list[_Job] = []
        self._wake = asyncio.Event()
        self._closing = False

    async def run(self, verb: Verb[Item, Result], item: Item, *, late: bool = False) -> Result:
        """Run `verb` for `item`, together with whatever else waits. Returns after the commit.

        A `late` verb comes after the others of its transaction, so that it sees what was asked for before it.
        Raises Unavailable when the database cannot commit; then nothing of `item` has happened.
        """
        job = _Job(verb, item, late)
        self._waiting.append(job)
        self._wake.set()
        result: Result = await job.done
        return result

    async def commit_forever(self) -> None:
        """Take what waits, commit it, answer; until `close`, and then until nothing waits."""
        while True:
            await self._wake.wait()
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            if not self._waiting:
                self._wake.clear()
            if batch:
                await self._commit(batch)
            if self._closing:
                if not self._waiting:
                    return
                self._wake.set()

    def close(self) -> None:
        """Let `commit_forever` end once nothing waits."""
        self._closing = True
        self._wake.set()

    async def _commit(self, batch: list[_Job]) -> None:
        try:
            results = await self._transaction(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait
            if len(batch) == 1:
                batch[0].fail(_translated(error))
                return
            # One bad item must not take its neighbours along: each gets a transaction of its own.
            for job in batch:
                await self._commit([job])
            return
        for job, result in zip(batch, results, strict=True):
            job.resolve(result)

    async def _transaction(self, batch: list[_Job]) -> list[object]:
        return await self._thread.run(_in_transaction, self._connection, self._now(), batch)


def _in_transaction(connection: Connection, now: float, batch: list[_Job]) -> list[object]:
    with connection.begin():
        return _run_verbs(connection, now, batch)


def _run_verbs(connection: Connection, now: float, batch: list[_Job]) -> list[object]:
    """Call each verb once with all its items, in the order in which the verbs were first asked for; late ones last."""
    by_verb: dict[Verb[Any, Any], list[int]] = {}
    for index in sorted(range(len(batch)), key=lambda index: batch[index].late):
        by_verb.setdefault(batch[index].verb, []).append(index)
    results: list[object] = [None] * len(batch)
    for verb, indexes in by_verb.items():
        answers = verb(connection, now, [batch[index].item for index in indexes])
        for index, answer in zip(indexes, answers, strict=True):
            results[index] = answer
    return results


def _translated(error: Exception) -> Exception:
    if isinstance(error, DBAPIError):
        log.error("store.failed", error=str(error.orig)[:200])
        return Unavailable("the database cannot commit now")
    return error


@asynccontextmanager
async def open_database(
    path: Path, *, now: Callable[[], float] = time.time, patience: float = 0.0
) -> AsyncIterator[Database]:
    """Open the SQLite file at `path`, which must have the current schema, and commit until the end of the block.

    Raises StoreLockedError when another process holds it.
    """
    with hold_lock(path, patience=patience):
        thread = _Thread(partial(_connect, path), iter_chunk_size=64)
        await thread
        try:
            engine = create_engine("sqlite://", creator=thread.dbapi, poolclass=StaticPool, hide_parameters=True)
            event.listen(engine, "begin", _begin_immediate)
            connection = await thread.run(engine.connect)
            database = Database(thread, connection, now)
            committing = asyncio.create_task(database.commit_forever(), name="database")
            try:
                yield database
            finally:
                database.close()
                await committing
                await thread.run(connection.close)
        finally:
            await thread.close()


@contextmanager
def hold_lock(path: Path, *, patience: float = 0.0) -> Iterator[None]:
    """Keep every other process away from the database at `path`. The kernel lets go when the process dies.

    Waits `patience` seconds, and everything with it, for another one to let go; then raises StoreLockedError.
    """
    lock = path.with_name(path.name + ".lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, lock, patience)
        if not lock.exists() or not os.path.samestat(os.fstat(descriptor), lock.stat()):
            raise StoreLockedError(f"{lock} was removed while another relay held it; start again")
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, lock: Path, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise StoreLockedError(f"another relay holds the database ({lock} is locked)") from None
        time.sleep(0.02)


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
