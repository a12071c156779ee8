"""New databases for tests: migrated once a run, then copied."""

import functools
import tempfile
from pathlib import Path

from relay.store.migrating import migrate


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
