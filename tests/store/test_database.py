import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from relay.errors import Unavailable
from relay.store.engine.connection import Connection
from relay.store.engine.lock import StoreLockedError
from relay.store.engine.migrating import HEAD, SchemaError, chain, is_current, migrate, scripts
from relay.store.engine.tables import metadata
from relay.store.store import Store, open_store
from tests.store.letters import CHANNEL, update


@pytest.fixture
def place(path: Path) -> Path:
    """What is tested here is SQLite's alone."""
    return path


async def test_a_second_relay_is_kept_out(path: Path, store: Store) -> None:
    """One process holds the database; another one is told so."""
    assert await store.next_update_id(CHANNEL) == 0
    with pytest.raises(StoreLockedError, match="another relay holds the database"):
        async with open_store(path):
            pass


async def test_the_connection_is_as_safe_as_sqlite_can_be(store: Store) -> None:
    """WAL, synchronous=FULL and foreign keys are in force on the one connection."""

    def pragmas(connection: Connection, _now: float, items: Sequence[None]) -> list[dict[str, object]]:
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}
        return [found for _ in items]

    assert await store._database.run(pragmas, None) == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
    }


async def test_a_full_disk_is_an_unavailable_store_that_recovers(store: Store) -> None:
    """When SQLite cannot write, nothing is acknowledged; when it can again, everything goes on."""

    def limit(connection: Connection, _now: float, items: Sequence[int]) -> list[None]:
        connection.exec_driver_sql(f"PRAGMA max_page_count={items[0]}")
        return [None] * len(items)

    await store._database.run(limit, 1)  # SQLite clamps it to the size that the file has now
    big = "x" * 1_000_000
    with pytest.raises(Unavailable):
        await store.accept(update(1, body=big))
    await store._database.run(limit, 1_000_000_000)
    assert await store.accept(update(1, body=big)) == ["accepted"]


def test_the_migrations_make_the_schema_that_the_code_describes(path: Path) -> None:
    """A column that one of them lacks fails here, and so does a HEAD that was not raised."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert ScriptDirectory(str(scripts())).get_current_head() == HEAD


def test_no_number_is_given_twice(path: Path) -> None:
    """Others remember them longer than their rows last. Alembic does not compare this."""
    numbered = {table.name for table in metadata.tables.values() if table.autoincrement_column is not None}
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'")
        assert {name for (name,) in found} == numbered


def test_an_upgrade_gives_no_number_again_that_is_remembered(tmp_path: Path) -> None:
    """Their rows are gone, an erasure, a notice and an agent's message still name them."""
    path = tmp_path / "relay.db"
    command.upgrade(chain(path), "0019")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO lane (channel, direction, client_id) VALUES ('1', 'to_kit', '7')")
        connection.execute("INSERT INTO erasure VALUES ('1', '7', 0, 20, 30)")
        connection.execute("INSERT INTO away_notice VALUES ('1', '7', 0, 40)")
        connection.execute(
            "INSERT INTO message (channel, client_id, message_id, author, text, mark, said_at, delivery_id)"
            " VALUES ('1', '7', 1, 'agent', '', '', 0, 50)"
        )
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        given = dict(connection.execute("SELECT name, seq FROM sqlite_sequence"))
    assert given == {"lane": 1, "inbox": 20, "outbox": 50}


def test_migrating_twice_changes_nothing(path: Path) -> None:
    """A current database stays as it is."""
    assert is_current(path)
    migrate(path)
    assert is_current(path)


def test_a_database_newer_than_the_code_is_refused_in_words(path: Path) -> None:
    """An old relay does not touch what a newer one wrote."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(SchemaError, match="written by a newer relay"):
        is_current(path)


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    """A damaged file is named and left alone."""
    path = tmp_path / "relay.db"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(SchemaError, match="no healthy SQLite database"):
        is_current(path)
    assert path.read_bytes() == b"this is not a database" * 100


def test_migrating_is_a_program_of_its_own(tmp_path: Path) -> None:
    """A relay that starts leaves Alembic's memory to another process."""
    path = tmp_path / "new" / "relay.db"
    subprocess.run([sys.executable, "-m", "relay.store.engine.migrating", str(path)], check=True, capture_output=True)
    assert is_current(path)


def test_the_database_can_be_copied_while_nothing_runs(path: Path, tmp_path: Path) -> None:
    """A backup is a copy of one file."""
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    assert is_current(copy)
