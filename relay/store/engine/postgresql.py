"""PostgreSQL: the same statements on a server of its own, for who runs one anyway.

A transaction runs on psycopg's synchronous connection in a thread of the store's: a hop a transaction, not a hop a
statement. One relay holds the database at a time. A row says which one and until when; it is renewed each second on a
connection of its own, and every transaction makes sure of it first: a relay that was thought dead and is replaced
commits nothing any more, whatever its clock says. (A session's advisory lock would strand behind PgBouncer.)
"""

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeVar

import psycopg
import structlog
from sqlalchemy import URL, Engine, bindparam, create_engine, make_url, text
from sqlalchemy import Connection as Pooled
from sqlalchemy.exc import DBAPIError

from relay.errors import StoreFull, StoreLost, StoreUnavailable
from relay.store.engine.commit import Database, committing
from relay.store.engine.connection import Connection, Statements
from relay.store.engine.lock import StoreLockedError
from relay.store.engine.tables import metadata

log = structlog.get_logger()

Result = TypeVar("Result")

#: Seconds for which the database is held, and how often that is renewed.
_TERM: Final = 4.0
_BEAT: Final = 1.0
#: How often a transaction is tried that another one stood in the way of.
_TRIES: Final = 3
#: What PostgreSQL says then: serialization_failure, deadlock_detected.
#: https://www.postgresql.org/docs/current/errcodes-appendix.html
_AGAIN: Final = frozenset({"40001", "40P01"})
#: disk_full
_FULL: Final = "53100"
#: Seconds that a connection may take.
_CONNECT: Final = 5
#: The table that is there while the rows of an SQLite file come in.
UNFINISHED: Final = "unfinished_move"
#: Whoever brings the schema up to date holds this: any number, the same in every version.
_MIGRATING: Final = 7_403_118


class PostgreSQL:
    """The engine that group commit asks for transactions."""

    def __init__(self, engine: Engine, holder: str, version: str | None) -> None:
        self._engine = engine
        self._statements = Statements(engine.dialect, pipelines=True)
        self._holder = holder
        self._version = version  #: Of the schema, when the database was opened.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="postgresql")

    async def transaction(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction in the store's thread, in one hop, and commit it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._in_transaction, work)

    def _in_transaction(self, work: Callable[[Connection], Result]) -> Result:
        for left in reversed(range(_TRIES)):
            try:
                with self._engine.begin() as pooled:
                    connection = Connection(pooled.connection.cursor(), self._statements)
                    self._make_sure(connection)
                    return work(connection)
            except (psycopg.Error, DBAPIError) as error:
                if not left or _state(error) not in _AGAIN:
                    raise
        raise AssertionError  # the last try raises or returns

    def _make_sure(self, connection: Connection) -> None:
        if is_held(connection, self._holder):
            return
        version = _version(connection)
        if version != self._version:
            raise StoreLost(
                f"the database was upgraded to schema {version} while this relay ran, and it knows {self._version}. "
                "Run the newer version"
            )
        raise StoreLost("another relay has taken the database over")

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
    url: str, *, now: Callable[[], float] = time.time, patience: float = 0.0
) -> AsyncIterator[Database]:
    """Hold the database at `url`, which must have the current schema, and commit until the end of the block.

    Raises StoreLockedError when another relay holds it, and sqlalchemy.exc.DBAPIError when it cannot be reached.
    """
    engine = connect(url)
    try:
        with held(engine, patience + _TERM) as holder:
            postgresql = PostgreSQL(engine, holder, _version_now(engine))
            try:
                async with committing(postgresql, now) as database:
                    yield database
            finally:
                postgresql.close()
    finally:
        engine.dispose()


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
        connection.execute(text(_HOLDING))
        return head


@contextmanager
def migrating_alone(url: str) -> Iterator[Pooled]:
    """A transaction that changes the schema: nobody else migrates, and whoever held the database holds it no more.

    A relay that runs finishes its transaction first. It commits nothing after that, and ends: it knows no new schema.
    """
    with _alone(url) as connection:
        connection.execute(text("DELETE FROM duty"))
        yield connection


@contextmanager
def _alone(url: str) -> Iterator[Pooled]:
    engine = connect(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATING})
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


@contextmanager
def held(engine: Engine, patience: float, *, for_a_move: bool = False) -> Iterator[str]:
    """Hold the database until the end of the block. A relay that died holds it for the rest of its term.

    Raises StoreLockedError when another relay holds it, or when not all rows of an SQLite file have come yet.
    """
    if not for_a_move and (source := unfinished_move(engine)) is not None:
        raise StoreLockedError(
            f"not all rows of {source} are here yet. Go on: relay migrate --from sqlite:///{source} --to postgresql://…"
        )
    holder = secrets.token_hex(8)
    until = time.monotonic() + patience
    while not _take(engine, holder):
        if time.monotonic() >= until:
            raise StoreLockedError("another relay holds the database")
        time.sleep(0.1)
    stop = threading.Event()
    beating = threading.Thread(target=_beat, args=(engine, holder, stop), name="postgresql: beat", daemon=True)
    beating.start()
    try:
        yield holder
    finally:
        stop.set()
        beating.join()
        _let_go(engine, holder)


def is_held(connection: Connection | Pooled, holder: str) -> bool:
    """Whether the database is still ours, and stays so until the transaction ends."""
    return connection.scalar(_STILL_OURS, {"me": holder}) is not None


def unfinished_move(engine: Engine) -> str | None:
    """The SQLite file whose rows are not all here yet."""
    with engine.connect() as connection:
        if connection.scalar(text(f"SELECT to_regclass('{UNFINISHED}')")) is None:
            return None
        return str(connection.scalar(text(f"SELECT source FROM {UNFINISHED}")))  # noqa: S608 - a constant


def _take(engine: Engine, holder: str) -> bool:
    with engine.begin() as connection:
        return connection.scalar(_TAKE, {"me": holder, "term": _TERM}) is not None


def _beat(engine: Engine, holder: str, stop: threading.Event) -> None:
    """Renew the term. A beat that fails is no harm by itself: every transaction makes sure."""
    while not stop.wait(_BEAT):
        try:
            with engine.begin() as connection:
                connection.execute(_RENEW, {"me": holder, "term": _TERM})
        except DBAPIError as error:
            log.warning("store.not_renewed", error=str(error.orig).strip().partition("\n")[0][:200])


def _let_go(engine: Engine, holder: str) -> None:
    try:
        with engine.begin() as connection:
            connection.execute(_LET_GO, {"me": holder})
    except DBAPIError:
        log.warning("store.not_let_go", seconds=_TERM)


#: Who holds the database. PostgreSQL's own clock decides, so that no relay's does.
_HOLDING: Final = """
CREATE TABLE duty (
    name VARCHAR(32) PRIMARY KEY,
    holder VARCHAR(32) NOT NULL,
    until TIMESTAMP WITH TIME ZONE NOT NULL
)
"""
_UNTIL = "clock_timestamp() + make_interval(secs => :term)"
_TAKE = text(
    f"INSERT INTO duty VALUES ('store', :me, {_UNTIL}) ON CONFLICT (name) DO UPDATE SET holder = excluded.holder,"  # noqa: S608 - constants
    " until = excluded.until WHERE duty.until < clock_timestamp() RETURNING holder"
).bindparams(bindparam("me"), bindparam("term"))
_RENEW = text(f"UPDATE duty SET until = {_UNTIL} WHERE name = 'store' AND holder = :me")  # noqa: S608 - constants
_LET_GO = text("DELETE FROM duty WHERE name = 'store' AND holder = :me")
# FOR SHARE: nobody takes the database over between this and the commit.
_STILL_OURS = text("SELECT holder FROM duty WHERE name = 'store' AND holder = :me FOR SHARE")
