"""Migrations on PostgreSQL: the same chain as on SQLite, all or nothing, and one who migrates at a time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from relay.errors import StoreLost
from relay.store.engine.migrating import HEAD, SchemaError, bring_up_to_date, chain, scripts, version_at
from relay.store.engine.postgresql import connect
from relay.store.engine.tables import metadata
from relay.store.store import open_store
from tests.postgresql import empty_postgresql, new_postgresql
from tests.store.letters import CHANNEL, update

#: Tables that are PostgreSQL's alone.
OURS = {"duty", "erased", "kit_session", "replica"}
#: A migration that comes after all of today's.
NEXT = f"""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{HEAD}", None, None


def upgrade() -> None:
    op.add_column("lane", sa.Column("colour", sa.String(8), nullable=False, server_default="red"))
"""


@pytest.fixture
def url() -> str:
    return empty_postgresql()


@pytest.fixture
def next_version(tmp_path: Path) -> Path:
    """The directory in which the migration of a newer relay lies."""
    (tmp_path / "9999_next.py").write_text(NEXT)
    return tmp_path


def upgrade(url: str, newer: Path) -> None:
    """What a newer relay does at its start."""
    config = chain(url)
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", f"{scripts() / 'versions'}:{newer}")
    command.upgrade(config, "head")


def downgrade(url: str) -> None:
    execute(url, "ALTER TABLE lane DROP COLUMN colour")
    execute(url, f"UPDATE alembic_version SET version_num = '{HEAD}'")  # noqa: S608 - a constant


def execute(url: str, statement: str) -> None:
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def differences(engine: Engine) -> list[object]:
    """What sets the schema of a database apart from that of the tables; who holds it is PostgreSQL's alone."""
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    return [each for each in found if not (each[0] == "remove_table" and each[1].name in OURS)]


def test_an_old_database_gets_todays_schema() -> None:
    """A database of an older schema, with a delivery in it, is brought up to date at a start."""
    url = new_postgresql(Path(__file__).with_name("postgresql_0013.sql").read_text())
    execute(
        url,
        "INSERT INTO lane (channel, direction, client_id) VALUES ('1', 'to_kit', '7');"
        "INSERT INTO outbox (channel, direction, lane_id, status, accepted_at) VALUES ('1', 'to_kit', 1, 'waiting', 0);"
        "INSERT INTO tally VALUES ('1', 'to_kit', 'received', 9)",
    )
    assert version_at(url) == "0013"
    bring_up_to_date(url)
    assert version_at(url) == HEAD
    engine = connect(url)
    assert differences(engine) == []
    with engine.connect() as connection:
        assert connection.execute(text("SELECT lane_id, hasty FROM outbox")).all() == [(1, False)]
        assert connection.execute(text("SELECT total, writer FROM tally")).all() == [(9, "")]
    engine.dispose()


def test_a_new_database_has_the_schema_of_the_tables(url: str) -> None:
    """What a first start makes is what the migrations lead to."""
    engine = connect(url)
    assert differences(engine) == []
    engine.dispose()


async def test_a_relay_that_runs_beside_a_newer_one_takes_nothing_any_more(url: str, next_version: Path) -> None:
    """It confirms nothing once the schema is newer than it knows, and says so; the old version does not start again."""
    async with open_store(url) as store:
        assert await store.accept(update(1)) == ["accepted"]
        upgrade(url, next_version)
        try:
            with pytest.raises(StoreLost, match="was upgraded to schema 9999 while this relay ran"):
                await store.accept(update(2))
            assert "schema 9999" in str(await store.lost())
            with pytest.raises(SchemaError, match="written by a newer relay"):
                bring_up_to_date(url)
        finally:
            downgrade(url)
    async with open_store(url) as store:
        assert await store.next_update_id(CHANNEL) == 2


def test_two_that_migrate_at_once_are_one_after_the_other(url: str, next_version: Path) -> None:
    """The second one waits, and finds nothing left to do."""
    with ThreadPoolExecutor(1) as other:
        engine = connect(url)
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(7403118)"))
            waiting = other.submit(upgrade, url, next_version)
            assert not waiting.done()
            connection.execute(text("ALTER TABLE lane ADD COLUMN colour VARCHAR(8) NOT NULL DEFAULT 'red'"))
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        engine.dispose()
        waiting.result(timeout=30)
    assert version_at(url) == "9999"
    downgrade(url)


def test_a_migration_that_fails_leaves_everything_as_it_was(url: str, next_version: Path) -> None:
    """All migrations are one transaction: the database has the old schema, and an old relay goes on with it."""
    (next_version / "9999_next.py").write_text(NEXT + '    op.execute("SELECT 1 / 0")\n')
    with pytest.raises((DBAPIError, CommandError)):
        upgrade(url, next_version)
    assert version_at(url) == HEAD
    engine = connect(url)
    assert differences(engine) == []
    engine.dispose()
