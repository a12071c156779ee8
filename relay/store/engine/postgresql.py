"""PostgreSQL: the same statements on a server of its own, for who runs one anyway.

A transaction runs on psycopg's synchronous connection in a thread of the store's: a hop a transaction, not a hop a
statement. Any number of relays share the database (see `replica`). Every transaction makes sure first that this one is
still one of them: who was thought dead commits nothing any more, whatever its clock says.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final, TypeVar, cast

import psycopg
import structlog
from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy import Connection as Pooled
from sqlalchemy.exc import DBAPIError

from relay.errors import StoreAway, StoreFull, StoreLost, StoreUnavailable
from relay.store.engine.commit import Database, committing
from relay.store.engine.connection import Connection, Statements
from relay.store.engine.replica import MIGRATING, TABLES, Kind, Replica, at_once, is_in, joined, reason_of
from relay.store.engine.sql import keys
from relay.store.engine.tables import metadata

log = structlog.get_logger()

Result = TypeVar("Result")

#: Seconds between two looks whether this relay is cut off.
_LOOK: Final = 1.0
#: How often a transaction is tried that another one stood in the way of.
_TRIES: Final = 6
#: What PostgreSQL says then: serialization_failure, deadlock_detected.
#: https://www.postgresql.org/docs/current/errcodes-appendix.html
_AGAIN: Final = frozenset({"40001", "40P01"})
#: disk_full
_FULL: Final = "53100"
#: Classes of what it says when it goes, takes nobody in, or loses somebody; and that a transaction stood still.
_AWAY: Final = frozenset({"08", "53", "57"})
_IDLE: Final = "25P03"
#: Seconds for which a server that has just gone is waited for, between two tries, and between two lines about it.
_PATIENCE: Final = 2.0
_PAUSE: Final = 0.1
_SAY_AGAIN: Final = 30.0
#: Seconds after which a VACUUM that is to break off is told so again.
_TELL_AGAIN: Final = 0.05
#: Seconds that a connection may take, and that of the beat, which must come twice in a term.
_CONNECT: Final = 5
_CONNECT_TO_BEAT: Final = 2
#: Statements that ran so often are read once for all; and how many a connection keeps, of which each has several forms.
_OFTEN: Final = 5
_KEPT: Final = 500
#: Milliseconds after which a connection is given up on which nothing is heard. https://www.postgresql.org/docs/current/libpq-connect.html
_DEAF: Final = 3000


#: Rows of an INSERT from which on it is worth to say how they are planned. An INSERT leaves nothing to choose, and what
#: looks after its foreign keys has their indexes: one plan does for all rows, whatever becomes of the tables. To plan
#: each row, and each of its foreign keys, takes the server as long as to write it.
_MANY: Final = 8
_PLAN_ONCE: Final = "SELECT set_config('plan_cache_mode', 'auto', true), set_config('enable_seqscan', 'off', true)"
_PLAN_EACH: Final = (
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'on', true)"
)


class _Cursor(psycopg.Cursor[Any]):
    """psycopg's, which has an INSERT of many rows planned once where statements are kept."""

    def executemany(self, query: Any, params_seq: Any, *, returning: bool = False) -> None:  # noqa: ANN401
        driver = self.connection
        if len(params_seq) < _MANY or not query.startswith("INSERT") or driver.prepare_threshold is None:
            super().executemany(query, params_seq, returning=returning)
            return
        with driver.pipeline():  # one way there and back, as without the two
            driver.execute(_PLAN_ONCE)
            super().executemany(query, params_seq, returning=returning)
            driver.execute(_PLAN_EACH)


class PostgreSQL:
    """The engine that group commit asks for transactions."""

    def __init__(self, engine: Engine, replica: Replica, head: str) -> None:
        self._engine = engine
        self._statements = Statements(engine.dialect, pipelines=True, tells_ids=False)
        self._replica = replica
        self._head = head
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="postgresql")
        self._vacuuming = ThreadPoolExecutor(1, thread_name_prefix="vacuum")
        self._vacuum: Future[None] | None = None  #: The last one.
        self._vacuums: psycopg.Connection[Any] | None = None  #: Where it runs now.
        self._closing = False
        self._in_hand: set[tuple[int, int]] = set()  #: Lanes that were leased, each with its lease.
        self._is_in_doubt = False  #: A commit may have happened whose answer was lost.
        self._away_since: float | None = None
        self._said_away_at = -math.inf

    async def transaction(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction in the store's thread, in one hop, and commit it.

        When the connection is lost, all of it is tried again, and at the beginning of an outage for two seconds: who
        waits for its commit need not hear of a server that has only been started again.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._in_transaction, work)

    async def glance(self, look: Callable[[Connection], Result]) -> Result:
        """Run a statement in the store's thread, at once: one way there and back, where a transaction has four."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._glance, look)

    def _glance(self, look: Callable[[Connection], Result]) -> Result:
        with at_once(self._engine, self._statements) as connection:
            return look(connection)

    def _in_transaction(self, work: Callable[[Connection], Result]) -> Result:
        conflicts = 0
        while True:
            try:
                result = self._try(work)
            except (psycopg.Error, DBAPIError) as error:
                if _is_away(error):
                    self._is_in_doubt = True
                    if not self._waits_for_it():
                        raise
                elif _state(error) not in _AGAIN or (conflicts := conflicts + 1) >= _TRIES:
                    raise
            else:
                self._away_since = None
                return result

    def _waits_for_it(self) -> bool:
        """Wait a moment for a server that is away, unless it has been so for long."""
        now = time.monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        if now - self._away_since >= _PATIENCE:
            return False
        time.sleep(_PAUSE)
        return True

    def _try(self, work: Callable[[Connection], Result]) -> Result:
        with self._engine.begin() as pooled:
            driver: Any = pooled.connection.driver_connection
            cursor = driver.cursor()
            connection = Connection(cursor, self._statements, self._replica.id)
            self._make_sure(connection)
            if self._is_in_doubt:
                self._let_go_of_the_lost(connection)
            result = work(connection)
        self._is_in_doubt = False
        self._in_hand.difference_update(connection.let_go)
        self._in_hand.update(connection.leased)
        return result

    def _let_go_of_the_lost(self, connection: Connection) -> None:
        """A claim may have been committed whose answer was lost: nobody carries these lanes. It is nobody's crime."""
        values = {"me": self._replica.id, "in_hand": keys(self._in_hand)}
        if freed := connection.execute(_FREE_THE_LOST, values).rowcount:
            log.warning("store.claims_lost", lanes=freed)

    def _make_sure(self, connection: Connection) -> None:
        if is_in(connection, self._replica.id):
            return
        version = _version(connection)
        if version != self._head:
            raise StoreLost(
                f"the database was upgraded to schema {version} while this relay ran, and it knows {self._head}. "
                "Run the newer version"
            )
        self._in_hand.clear()
        raise StoreAway("another relay has taken this one for dead, and goes on with what it had in its hands")

    async def remove_bytes(self) -> None:
        """Let PostgreSQL give deleted rows' room to others. Its write-ahead log and replicas are not ours to clean.

        Where there are many this takes minutes: it goes beside all transactions, and breaks off at the end.
        """
        self._vacuum = self._vacuuming.submit(self._run_vacuum)
        await asyncio.wrap_future(self._vacuum)

    def _run_vacuum(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            self._vacuums = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
            try:
                if not self._closing:
                    connection.execute(text("VACUUM"))
            finally:
                self._vacuums = None

    def translated(self, error: Exception) -> Exception:
        """Data that the database cannot hold are their own fault; whatever else the driver raises is an outage."""
        if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
            return error
        if isinstance(error, psycopg.Error | DBAPIError):
            reason = reason_of(error)
            if _is_away(error):
                self._say_away(reason)
                return StoreAway(f"out of reach: {reason}")
            log.error("store.failed", error=reason)
            if _state(error) == _FULL:
                return StoreFull(f"cannot commit: {reason}")
            return StoreUnavailable(f"cannot commit: {reason}")
        return error

    def _say_away(self, reason: str) -> None:
        if time.monotonic() >= self._said_away_at + _SAY_AGAIN:
            self._said_away_at = time.monotonic()
            log.error("store.failed", error=reason)

    async def takes_more(self) -> bool:
        """Its disk is the server's matter."""
        return True

    async def make_room(self) -> bool:
        """Nothing is kept for the worst here."""
        return False

    def close(self) -> None:
        """End the threads; no transaction may be in hand."""
        self._closing = True
        while self._vacuum is not None and not self._vacuum.done():
            if (vacuums := self._vacuums) is not None:
                with suppress(psycopg.Error):  # a server that cannot be told is gone, and its connection ends by itself
                    vacuums.cancel()  # one that the server has not begun yet does not notice: it is told again
            wait([self._vacuum], _TELL_AGAIN)
        self._vacuuming.shutdown()
        self._thread.shutdown()


def _original(error: BaseException) -> BaseException | None:
    """The driver's own error: SQLAlchemy, which opens and keeps the connections, wraps it."""
    return error.orig if isinstance(error, DBAPIError) else error


def _state(error: BaseException) -> str | None:
    return getattr(_original(error), "sqlstate", None)


def _is_away(error: BaseException) -> bool:
    """Whether the server, or the way there, is to blame: whatever was asked of it, it would have said the same."""
    state = _state(error)
    if state is None:
        return isinstance(_original(error), psycopg.OperationalError)
    return state == _IDLE or (state[:2] in _AWAY and state != _FULL)


@asynccontextmanager
async def open_postgresql(
    url: str,
    head: str,
    *,
    now: Callable[[], float] | None = None,
    patience: float = 0.0,
    duties: Iterable[str] | None = (),
) -> AsyncIterator[tuple[Database, Replica]]:
    """Be one of the relays on the database at `url`, of schema `head`, until the end of the block.

    Without `duties`, not even none, it is a visit and no relay. `now` is the server's clock unless it is given.
    Raises StoreLockedError when it may not be, and StoreAway when the database cannot be reached.
    """
    engine, beating = connect(url), connect(url, connections=1, seconds=_CONNECT_TO_BEAT)
    try:
        kind: Kind = "visit" if duties is None else "relay"
        with joined(beating, kind, head=head, patience=patience, duties=duties or ()) as replica:
            postgresql = PostgreSQL(engine, replica, head)
            try:
                async with committing(postgresql, now or replica.clock) as database:
                    watching = asyncio.create_task(_end_when_out(replica, postgresql, database), name="replica")
                    try:
                        yield database, replica
                    finally:
                        watching.cancel()
            finally:
                postgresql.close()
    finally:
        engine.dispose()
        beating.dispose()


async def _end_when_out(replica: Replica, postgresql: PostgreSQL, database: Database) -> None:
    """Who may not share the database any more ends: the schema is a newer one, or a file is moved into it.

    Who cannot reach it waits, and carries nothing meanwhile; who was taken for dead joins again.
    """
    while True:
        await asyncio.sleep(_LOOK)
        if replica.refusal is not None:
            try:
                await postgresql.transaction(lambda _: None)
            except StoreLost as error:
                database.give_up(error)
                return
            except StoreAway:
                database.give_up(StoreLost(replica.refusal))
                return
            except (psycopg.Error, DBAPIError):
                continue


def connect(url: str, *, connections: int = 2, seconds: int = _CONNECT) -> Engine:
    """A pool of so many connections, each of which may take so many seconds to come about.

    One is for transactions, the other for what must not hold them up.
    """
    wanted: URL = make_url(url).set(drivername="postgresql+psycopg")
    options: dict[str, Any] = {
        "connect_timeout": seconds,
        "tcp_user_timeout": _DEAF,
        "keepalives_idle": 5,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        "prepare_threshold": None,  # PgBouncer gives each transaction another session
        "application_name": "relay",
        "cursor_factory": _Cursor,
    }
    engine = create_engine(
        wanted,
        pool_size=connections,
        max_overflow=0,
        paramstyle="format",
        hide_parameters=True,
        connect_args=options,
    )
    event.listen(engine, "connect", _prepare_where_a_session_stays)
    return engine


def _prepare_where_a_session_stays(driver: psycopg.Connection[Any], _record: object) -> None:
    """Let the server read a statement that comes again and again only once, unless a pool stands between.

    PgBouncer may give each transaction another session. It cannot know the number of the process behind it, and says
    one of its own.
    """
    [pid] = driver.execute("SELECT pg_backend_pid()").fetchone() or (None,)
    if pid == driver.info.backend_pid:
        # To read a statement takes the server longer than to plan it; a plan for all values would be of the tables as
        # they were when it was made.
        driver.execute("SET plan_cache_mode = force_custom_plan")
        driver.prepare_threshold, driver.prepared_max = _OFTEN, _KEPT
    driver.commit()


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


# They are due as they were.
_FREE_THE_LOST = text(
    "UPDATE lane SET leased = false, blame = NULL, holder = NULL WHERE holder = :me AND leased"
    " AND NOT EXISTS (SELECT FROM jsonb_array_elements(CAST(:in_hand AS jsonb)) AS mine"
    " WHERE (mine ->> 0)::bigint = lane.id AND (mine ->> 1)::bigint = lane.lease)"
)
