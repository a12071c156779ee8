"""Databases of relays, for tests: new ones, migrated once a run and then copied; and a look into them from outside."""

import functools
import struct
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, NullPool, create_engine, text

from relay.store.engine.migrating import migrate, scripts

#: Bytes before the first page's own head; and of the head of a page of a tree, by its kind.
_FILE_HEAD: Final = 100
_TREE_HEADS: Final = {2: 12, 5: 12, 10: 8, 13: 8}


@functools.cache
def template() -> bytes:
    """An SQLite file of the current schema with nothing in it."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "template.db"
        migrate(path)
        return path.read_bytes()


def new_database(directory: Path) -> Path:
    """A database of the current schema in `directory`, with nothing in it."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "relay.db"
    path.write_bytes(template())
    return path


@asynccontextmanager
async def database_for_a_moment() -> AsyncIterator[Path]:
    """A new one in a directory of its own, which goes with the block: for tests that take one for each example."""
    with tempfile.TemporaryDirectory() as directory:
        yield new_database(Path(directory))


def older_database(directory: Path, letters: int = 200) -> Path:
    """A database as the first version of the relay left it, with `letters` letters of 2 KB in it."""
    path = directory / "relay.db"
    config = Config()
    config.set_main_option("script_location", str(scripts()))
    config.attributes["path"] = path
    command.upgrade(config, "0001")
    insert = text(
        "INSERT INTO inbox (channel, source, source_id, body, body_sha256, received_at) "
        "VALUES ('1', 'telegram', :source_id, :body, '', :received_at)"
    )
    with _engine(directory).begin() as connection:
        connection.execute(text("PRAGMA journal_mode=WAL"))
        letter = {"body": "x" * 2000, "received_at": time.time()}  # older ones go with retention
        connection.execute(insert, [{"source_id": str(number), **letter} for number in range(letters)])
    return path


def rows(home: Path, select: str, **values: object) -> list[tuple[Any, ...]]:
    """What a SELECT finds in the database of the relay that lives in `home`, whether it runs or not."""
    return rows_at(home / "relay.db", select, **values)


def rows_at(path: Path, select: str, **values: object) -> list[tuple[Any, ...]]:
    """The same of the database in this file."""
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(text(select), values)]


def change(home: Path, *statements: str, **values: object) -> None:
    """Change the database of the relay that lives in `home`, as a bug or a person might have, in one transaction."""
    with _engine(home).begin() as connection:
        for statement in statements:
            connection.execute(text(statement), values)


def without_gaps(database: Path) -> bytes:
    """The bytes of an SQLite file, with zeros between the pointers and the cells of each page of a tree.

    There SQLite leaves copies of rows that it moves, also with `secure_delete`; what is free elsewhere it empties.
    The format: https://www.sqlite.org/fileformat2.html#b_tree_pages.
    """
    content = bytearray(database.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    for page in range(0, len(content), size):
        head = page + (_FILE_HEAD if page == 0 else 0)
        if content[head] in _TREE_HEADS:
            cells, first = struct.unpack_from(">HH", content, head + 3)
            gap = head + _TREE_HEADS[content[head]] + 2 * cells
            content[gap : page + first] = bytes(page + first - gap)
    return bytes(content)


@contextmanager
def held(home: Path, begin: str) -> Iterator[None]:
    """While the block runs, another program is in a transaction that it began with this statement."""
    with _engine(home).execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(begin))
        yield
        connection.execute(text("ROLLBACK"))


def _engine(home: Path) -> Engine:
    return create_engine(f"sqlite:///{home / 'relay.db'}", poolclass=NullPool)
