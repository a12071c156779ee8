"""PostgreSQL: the same statements on a server of its own, for who runs one anyway.

A transaction runs on psycopg's synchronous connection in a thread of the store's: a hop a transaction, not a hop a
statement. Any number of relays share the database (see `replica`). Every transaction makes sure first that this one is
still one of them: who was thought dead commits nothing any more, whatever its clock says.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeVar

import psycopg
import structlog
from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy import Connection as Pooled
from sqlalchemy.exc import DBAPIError

from relay.errors import StoreFull, StoreLost, StoreUnavailable
from relay.store.engine.commit import Database, committing
from relay.store.engine.connection import Connection, Statements
from relay.store.engine.replica import MIGRATING, TABLES, Replica, is_in, joined
from relay.store.engine.tables import metadata

log = structlog.get_logger()

Result = TypeVar("Result")

#: Seconds between two looks whether this relay is cut off.
_LOOK: Final = 0.25
#: How often a transaction is tried that another one stood in the way of.
_TRIES: Final = 6
#: What PostgreSQL says then: serialization_failure, deadlock_detected.
#: https://www.postgresql.org/docs/current/errcodes-appendix.html
_AGAIN: Final = frozenset({"40001", "40P01"})
#: disk_full
_FULL: Final = "53100"
#: Seconds that a connection may take.
_CONNECT: Final = 5


class PostgreSQL:
    """The engine that group commit asks for transactions."""

    def __init__(self, engine: Engine, replica_id: str, head: str) -> None:
        self._engine = engine
        self._statements = Statements(engine.dialect, pipelines=True)
        self._id = replica_id
        self._head = head
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="postgresql")

    async def transaction(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction in the store's thread, in one hop, and commit it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._in_transaction, work)

    def _in_transaction(self, work: Callable[[Connection], Result]) -> Result:
        for left in reversed(range(_TRIES)):
            try:
                with self._engine.begin() as pooled:
                    connection = Connection(pooled.connection.cursor(), self._statements, self._id)
                    self._make_sure(connection)
                    return work(connection)
            except (psycopg.Error, DBAPIError) as error:
                if not left or _state(error) not in _AGAIN:
                    raise
        raise AssertionError  # the last try raises or returns

    def _make_sure(self, connection: Connection) -> None:
        if is_in(connection, self._id):
            return
        version = _version(connection)
        if version != self._head:
            raise StoreLost(
                f"the database was upgraded to schema {version} while this relay ran, and it knows {self._head}. "
                "Run the newer version"
            )
        raise StoreLost("another relay has taken this one for dead, and has gone on with what it had in its hands")

    async def remove_bytes(self) -> None:
        """Let PostgreSQL give deleted rows' room to others. Its write-ahead log and replicas are not ours to clean."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._vacuum)

    def _vacuum(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM"))

    def translated(self, error: Exception) -> Exception:
        """Data that the database cannot hold are their own fault; whatever else the driver raises is an outage."""
        if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
            return error
        if isinstance(error, psycopg.Error | DBAPIError):
            reason = str(_original(error)).strip().partition("\n")[0][:200]
            log.error("store.failed", error=reason)
            if _state(error) == _FULL:
                return StoreFull(f"cannot commit: {reason}")
            return StoreUnavailable(f"cannot commit: {reason}")
        return error

    async def takes_more(self) -> bool:
        """Its disk is the server's matter."""
        return True

    async def make_room(self) -> bool:
        """Nothing is kept for the worst here."""
        return False

    def close(self) -> None:
        """End the thread; nothing may be in it."""
        self._thread.shutdown()


def _original(error: BaseException) -> BaseException | None:
    """The driver's own error: SQLAlchemy, which opens and keeps the connections, wraps it."""
    return error.orig if isinstance(error, DBAPIError) else error


def _state(error: BaseException) -> str | None:
    return getattr(_original(error), "sqlstate", None)


@asynccontextmanager
async def open_postgresql(
    url: str, head: str, *, now: Callable[[], float] = time.time, patience: float = 0.0, duties: Iterable[str] = ()
) -> AsyncIterator[tuple[Database, Replica]]:
    """Be one of the relays on the database at `url`, of schema `head`, until the end of the block.

    Raises StoreLockedError when it may not be, and sqlalchemy.exc.DBAPIError when the database cannot be reached.
    """
    engine = connect(url)
    try:
        with joined(engine, head=head, patience=patience, duties=duties) as replica:
            postgresql = PostgreSQL(engine, replica.id, head)
            try:
                async with committing(postgresql, now) as database:
                    watching = asyncio.create_task(_end_when_cut_off(replica, database), name="replica")
                    try:
                        yield database, replica
                    finally:
                        watching.cancel()
            finally:
                postgresql.close()
    finally:
        engine.dispose()


async def _end_when_cut_off(replica: Replica, database: Database) -> None:
    """Who shares the database and has not reached it for long ends: the others go on with what it has in its hands.

    Who is alone may wait for it.
    """
    while replica.trusts_itself or not replica.others:  # noqa: ASYNC110 - it is time that changes it
        await asyncio.sleep(_LOOK)
    database.give_up(StoreLost("the database was out of reach for so long that the other relays have taken over"))


def connect(url: str) -> Engine:
    """A pool of two connections: one for transactions, one for the beat."""
    wanted: URL = make_url(url).set(drivername="postgresql+psycopg")
    options: dict[str, Any] = {
        "connect_timeout": _CONNECT,
        "prepare_threshold": None,  # PgBouncer gives each transaction another session
        "application_name": "relay",
    }
    return create_engine(
        wanted,
        pool_size=2,
        max_overflow=0,
        pool_pre_ping=True,
        paramstyle="format",
        hide_parameters=True,
        connect_args=options,
    )


def prepare(url: str, head: str) -> str:
    """Give a new database the schema of version `head`. Returns the version that the database has.

    In one transaction, which whoever comes at the same time waits for.
    """
    with _alone(url) as connection:
        found = _version(connection)
        if found is not None:
            return found
        metadata.create_all(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})
        connection.execute(text(TABLES))
        return head


@contextmanager
def migrating_alone(url: str) -> Iterator[Pooled]:
    """A transaction that changes the schema: nobody else migrates, and whoever held the database holds it no more.

    A relay that runs finishes its transaction first. It commits nothing after that, and ends: it knows no new schema.
    """
    with _alone(url) as connection:
        for table in ("duty", "replica"):
            if connection.scalar(text(f"SELECT to_regclass('{table}')")) is not None:
                connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - constants
        yield connection


@contextmanager
def _alone(url: str) -> Iterator[Pooled]:
    engine = connect(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATING})
            yield connection
    finally:
        engine.dispose()


def version_of(url: str) -> str | None:
    """The schema's version; None when there is none yet."""
    engine = connect(url)
    try:
        return _version_now(engine)
    finally:
        engine.dispose()


def _version_now(engine: Engine) -> str | None:
    with engine.begin() as connection:
        return _version(connection)


def _version(connection: Connection | Pooled) -> str | None:
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    version = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if version is None else str(version)
