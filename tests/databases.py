"""New databases for tests: migrated once a run, then copied."""

import functools
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config

from relay.store.migrating import migrate, scripts


@functools.cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "template.db"
        migrate(path)
        return path.read_bytes()


def new_database(directory: Path) -> Path:
    """A database of the current schema in `directory`, with nothing in it."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "relay.db"
    path.write_bytes(_template())
    return path


def older_database(directory: Path, letters: int = 200) -> Path:
    """A database as the first version of the relay left it, with `letters` letters of 2 KB in it."""
    path = directory / "relay.db"
    config = Config()
    config.set_main_option("script_location", str(scripts()))
    config.attributes["path"] = path
    command.upgrade(config, "0001")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executemany(
            "INSERT INTO inbox (channel, source, source_id, body, body_sha256, received_at) "
            "VALUES ('1', 'telegram', ?, ?, '', 0)",
            [(str(number), "x" * 2000) for number in range(letters)],
        )
    return path
