"""The schema's version: whether the database is current, older, or newer than this code."""

import sqlite3
import sys
from pathlib import Path

#: The newest migration in `migrations/versions`. A test holds it to what Alembic says.
HEAD = "0001"


class SchemaError(Exception):
    """The database cannot be used by this version of the relay. The message says what to do."""


def version_of(path: Path) -> str | None:
    """The version that the database at `path` has; None when it is new. Raises SchemaError when it is no database."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    try:
        with sqlite3.connect(path) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise SchemaError(f"the database {path} cannot be opened: {error}") from None
    except sqlite3.DatabaseError as error:
        raise SchemaError(f"the file {path} is no healthy SQLite database: {error}. Restore it from a backup") from None
    finally:
        if "connection" in locals():
            connection.close()
    return str(row[0]) if row else None


def is_current(path: Path) -> bool:
    """Whether the database at `path` has this code's schema. Raises SchemaError when it is newer than this code."""
    version = version_of(path)
    if version is not None and version > HEAD:
        raise SchemaError(
            f"the database {path} was written by a newer relay (schema {version}, this one knows {HEAD}): "
            "start the newer version again, or restore the backup from before the upgrade"
        )
    return version == HEAD


def migrate(path: Path) -> None:
    """Bring the database at `path` to this code's schema, creating it if need be, each migration in a transaction."""
    # Alembic costs 10 MB that a running relay should not carry: it is imported by who migrates, and only then.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    path.parent.mkdir(parents=True, exist_ok=True)
    config = Config(stdout=sys.stderr)
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.attributes["path"] = path
    command.upgrade(config, "head")


def scripts() -> Path:
    """Where the migrations are: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parents[1]
    inside = package / "_migrations"
    return inside if inside.is_dir() else package.parent / "migrations"
