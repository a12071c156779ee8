"""An installation moves from an SQLite file to PostgreSQL: every row once, or it is not done and can go on.

The file gets another name before the first row leaves, so that no relay can start on it any more, and PostgreSQL holds
a table that keeps relays away until every row is there. So at no moment can two relays go on with the same rows.
Each part is a transaction, and how many rows a table has there says where to go on: nothing else writes in it.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, func, select, text
from sqlalchemy.exc import DBAPIError

from relay.errors import StoreAway
from relay.store.engine.copies import made_at_of, moment
from relay.store.engine.lock import hold_lock
from relay.store.engine.migrating import bring_up_to_date
from relay.store.engine.place import MOVED, MOVING
from relay.store.engine.postgresql import connect
from relay.store.engine.replica import TERM, UNFINISHED, is_in, joined, reason_of, source_of_move
from relay.store.engine.tables import metadata

#: Rows of one transaction.
_PART: Final = 20_000
#: What PostgreSQL keeps in no text.
_NUL: Final = "\0"

#: Is told how far it has come: a table's name, its rows there now, and how many there are to be.
Tell = Callable[[str, int, int], None]


class MoveError(Exception):
    """The installation was not moved, or not to its end. The message says what to do."""


def move(path: Path, url: str, tell: Tell) -> dict[str, int]:
    """Move everything from the file at `path` to the PostgreSQL at `url`. Returns how many rows each table has.

    A move that broke off goes on where it was. Raises MoveError, SchemaError, and StoreLockedError when a relay runs on
    one of the two.
    """
    if path.exists():
        bring_up_to_date(path)
    bring_up_to_date(url)
    engine = connect(url)
    try:
        with hold_lock(path), joined(engine, "move", patience=TERM) as replica:
            source = _begin(path, engine)
            with closing(_opened(source)) as file:
                for table in metadata.sorted_tables:
                    _move_table(file, engine, replica.id, table, tell)
                counted = _compare(file, engine)
                given = dict(file.execute("SELECT name, seq FROM sqlite_sequence"))
            source.rename(path.with_name(path.name + MOVED))
            _end(engine, given)
            return counted
    except (DBAPIError, StoreAway, sqlite3.Error) as error:
        reason = reason_of(error)
        raise MoveError(f"not everything is moved: {reason}. Run the same command again: it goes on") from None
    finally:
        engine.dispose()


def _begin(path: Path, engine: Engine) -> Path:
    """Keep relays away from both places. Returns the file to read."""
    with engine.connect() as connection:
        begun = source_of_move(connection)
    if begun is not None and begun != str(path.resolve()):
        raise MoveError(
            f"the PostgreSQL database holds a part of {begun}. Move that one to its end, or use an empty one"
        )
    if begun is None or path.exists():  # who went back to the file may have gone on with it: what is there is old
        _check(path, engine)
    moving = path.with_name(path.name + MOVING)
    if not path.exists():
        return moving if moving.exists() else path.with_name(path.name + MOVED)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.execute("PRAGMA journal_mode=DELETE")  # nothing of it is left in a file beside it
    if begun is None:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE TABLE {UNFINISHED} (source TEXT NOT NULL)"))
            connection.execute(text(f"INSERT INTO {UNFINISHED} VALUES (:path)"), {"path": str(path.resolve())})  # noqa: S608 - a constant
    return path.rename(moving)


def _check(path: Path, engine: Engine) -> None:
    """Raise MoveError unless there is a file that a relay could go on with, and nothing in PostgreSQL."""
    if not path.exists():
        raise MoveError(f"there is no database at {path}")
    with closing(sqlite3.connect(path)) as file:
        if (made_at := made_at_of(file)) is not None:
            raise MoveError(
                f"{path} is a copy of {moment(made_at)}: what waits in it may have arrived since. Start a relay on it "
                "once, or restore it with --continue, and move it then"
            )
    with engine.connect() as connection:
        filled = [
            table.name for table in metadata.sorted_tables if connection.scalar(select(table).limit(1)) is not None
        ]
    if filled:
        raise MoveError(
            f"the PostgreSQL database is not empty (there are rows in {', '.join(filled)}). Use an empty one"
        )


def _opened(source: Path) -> sqlite3.Connection:
    if not source.exists():
        raise MoveError(f"there is no database at {source}")
    return sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)


def _move_table(file: sqlite3.Connection, engine: Engine, replica_id: str, table: Table, tell: Tell) -> None:
    total = _count_in_file(file, table)
    with engine.connect() as connection:
        done = _count(connection, table)
    for rows in _parts(file, table, done):
        with engine.begin() as connection:
            if not is_in(connection, replica_id):
                raise MoveError("another relay has taken the PostgreSQL database over. Stop it, and use an empty one")
            _copy(connection, table, rows)
        done += len(rows)
        tell(table.name, done, total)


def _parts(file: sqlite3.Connection, table: Table, done: int) -> Iterator[list[tuple[Any, ...]]]:
    """The rows that are not there yet, in an order that is the same each time."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    order = ", ".join(f'"{column.name}"' for column in table.primary_key)
    cursor = file.execute(f'SELECT {columns} FROM "{table.name}" ORDER BY {order} LIMIT -1 OFFSET ?', (done,))  # noqa: S608 - our own names
    while rows := cursor.fetchmany(_PART):
        yield rows


def _copy(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    driver = connection.connection.driver_connection
    if driver is None:
        raise MoveError("the connection to PostgreSQL is lost. Run the same command again: it goes on")
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row([_fit(value) for value in row])


def _fit(value: object) -> object:
    """A value as PostgreSQL can keep it."""
    if isinstance(value, str) and _NUL in value:
        return value.replace(_NUL, "\N{REPLACEMENT CHARACTER}")
    return value


def _compare(file: sqlite3.Connection, engine: Engine) -> dict[str, int]:
    """How many rows each table has. Raises MoveError when they are not the same on both sides."""
    with engine.connect() as connection:
        there = {table.name: _count(connection, table) for table in metadata.sorted_tables}
    here = {table.name: _count_in_file(file, table) for table in metadata.sorted_tables}
    if wrong := [f"{name}: {here[name]} here, {there[name]} there" for name in here if here[name] != there[name]]:
        raise MoveError(f"not all rows are there ({'; '.join(wrong)}). Begin anew with an empty PostgreSQL database")
    return there


def _end(engine: Engine, given: dict[str, int]) -> None:
    """Let new rows get the numbers after those that the file has given by table, and let relays in."""
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            if table.autoincrement_column is not None:
                statement = text(_NUMBERS.format(table.name, table.autoincrement_column.name))
                connection.execute(statement, {"next": given.get(table.name, 0) + 1})
        connection.execute(text(f"DROP TABLE {UNFINISHED}"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


_NUMBERS: Final = "SELECT setval(pg_get_serial_sequence('{0}', '{1}'), :next, false)"


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _count_in_file(file: sqlite3.Connection, table: Table) -> int:
    return int(file.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()[0])  # noqa: S608 - our own names
