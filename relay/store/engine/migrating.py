"""The schema's version: whether the database is current, older, or newer than this code."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from relay.store.engine.copies import CopyError, copy_database, fault_of
from relay.store.engine.lock import hold_lock, signs_of_use
from relay.store.engine.open_note import lacks_its_log
from relay.store.engine.place import whereabouts

if TYPE_CHECKING:  # see bring_up_to_date
    from alembic.config import Config

#: Seconds that a start waits for a command that looks at the store, or for a relay that is about to end.
PATIENCE = 2.0
#: The newest migration in `migrations/versions`. A test holds it to what Alembic says.
HEAD = "0023"
_REMEDY = "Is there room, and may this user write there?"
#: What stands before a database's own words: `sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) …`.
_LIBRARIES = re.compile(r"^[\w.]+: (?:\([\w.]+\) )?")
#: The exit status of the process that migrates when its last line says what to do.
_REFUSED = 3


class SchemaError(Exception):
    """The database cannot be used by this version of the relay. The message says what to do."""


def version_of(path: Path) -> str | None:
    """The version that the database at `path` has; None when it is new. Raises SchemaError when it is no database."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    try:
        with closing(sqlite3.connect(path)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise SchemaError(f"the database {path} cannot be opened: {error}") from None
    except sqlite3.DatabaseError as error:
        raise SchemaError(f"the file {path} is no healthy SQLite database: {error}. Restore it from a backup") from None
    return str(row[0]) if row else None


def is_current(path: Path) -> bool:
    """Whether the database at `path` has this code's schema. Raises SchemaError when it is newer than this code."""
    version = version_of(path)
    _refuse_newer(f"the database {path}", version)
    return version == HEAD


def _refuse_newer(database: str, version: str | None) -> None:
    if version is not None and version > HEAD:
        raise SchemaError(
            f"{database} was written by a newer relay (schema {version}, this one knows {HEAD}): "
            "start the newer version again, or restore the backup from before the upgrade"
        )


def migrate(place: Path | str) -> None:
    """Bring a database to this code's schema: each migration in a transaction, or on PostgreSQL all of them in one.

    A file is created if need be, and a copy of an older one kept. On PostgreSQL the schema must be there.
    """
    from alembic import command  # noqa: PLC0415 - see bring_up_to_date

    if isinstance(place, Path):
        place.parent.mkdir(parents=True, exist_ok=True)
        if version_of(place) is not None and not is_current(place):
            _back_up(place)
    command.upgrade(chain(place), "head")


def chain(place: Path | str) -> "Config":
    """The migrations, as Alembic wants them said, for a file or for the URL of a PostgreSQL."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config(stdout=sys.stderr)
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.attributes["path" if isinstance(place, Path) else "url"] = place
    return config


def _back_up(path: Path) -> None:
    """Leave a good copy from before the upgrade beside the database: downgrades are not supported, restoring is."""
    copy = path.with_name(f"{path.name}.before-{HEAD}")
    if _is_of_an_unfinished_upgrade(copy, path):
        return
    try:
        copy_database(path, copy)
    except CopyError as error:
        raise SchemaError(f"the database {path} was not migrated, because the copy from before {error}") from None


def _is_of_an_unfinished_upgrade(copy: Path, path: Path) -> bool:
    """Whether `copy` is good and older than the database: then some migrations are done, and it is from before them."""
    if not copy.exists() or fault_of(copy) is not None:
        return False
    before, now = version_of(copy), version_of(path)
    return before is not None and now is not None and before < now


def scripts() -> Path:
    """Where the migrations are: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parents[2]
    inside = package / "_migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def version_at(url: str) -> str | None:
    """The version that the PostgreSQL at `url` has; None when it is new. Raises SchemaError when it cannot be asked."""
    from relay.store.engine import postgresql  # noqa: PLC0415 - psycopg is an extra

    try:
        return postgresql.version_of(url)
    except DBAPIError as error:
        raise SchemaError(f"the database cannot be asked: {_first_line(error)}") from None


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0][:200]


def _bring_server_up_to_date(url: str) -> None:
    try:
        from relay.store.engine import postgresql  # noqa: PLC0415 - psycopg is an extra
    except ImportError:
        raise SchemaError("RELAY_DATABASE_URL names a PostgreSQL, for which the extra `postgres` is missing") from None
    try:
        found = postgresql.prepare(url, HEAD)
    except DBAPIError as error:
        raise SchemaError(f"the database cannot be used: {_first_line(error)}") from None
    _refuse_newer("the database", found)
    if found != HEAD:
        _migrate_apart("the database", url=url)


def bring_up_to_date(place: Path | str) -> None:
    """Give the database this version's schema, if it needs it: an SQLite file, or a PostgreSQL by its URL.

    Raises SchemaError when that fails, and StoreLockedError when a relay holds the file.
    """
    if isinstance(place, Path):
        _bring_file_up_to_date(place)
    else:
        _bring_server_up_to_date(place)


def _bring_file_up_to_date(path: Path) -> None:
    """Migrate the database at `path`, if it needs it, while nobody else holds it.

    Raises SchemaError when that fails, and StoreLockedError when a relay runs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with hold_lock(path, patience=PATIENCE) as lock:
        if lacks_its_log(path):
            raise SchemaError(
                f"{path} was copied while a relay ran, without {path.name}-wal: what came last is missing. Take a copy "
                f"by `relay backup`, or that file too. To go on with what is there: mv {path} {path}.copy && "
                f"relay restore {path}.copy"
            )
        if is_current(path):
            return
        if not path.exists() and (moved := whereabouts(path)):
            raise SchemaError(moved)
        if version_of(path) is None and (signs := signs_of_use(path)):
            names = " ".join(map(str, signs))
            raise SchemaError(
                f"there was a database at {path}, and now it is empty or gone. Put it back from a backup (not by cp of "
                f"a file in use); if the relay is to begin anew, remove {names}"
            )
        _migrate_apart(f"the database {path}", path, lock=lock)


def _migrate_apart(database: str, path: Path | None = None, *, lock: int | None = None, url: str = "") -> None:
    """Migrate in a process of its own. A URL is told by its input, since it may hold a password.

    That process holds the `lock` too: when this one is killed meanwhile, the next start waits for it.
    Alembic costs 10 MB that a running relay should not carry. Raises SchemaError when that process fails.
    """
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "relay.store.engine.migrating", *([] if path is None else [str(path)])],
        check=False,
        capture_output=True,
        text=True,
        input=url,
        pass_fds=() if lock is None else (lock,),
    )
    if done.returncode == _REFUSED:
        raise SchemaError(done.stderr.splitlines()[-1])
    if done.returncode:
        raise SchemaError(f"{database} could not be migrated: {_reason(done.stderr)}. {_REMEDY}")


def _reason(output: str) -> str:
    """The line of a traceback that says what went wrong: the last one with an error's name, not what libraries add."""
    lines = [line.strip() for line in output.splitlines() if "Error" in line and not line.startswith(" ")]
    return _LIBRARIES.sub("", lines[-1]) if lines else "no reason given"


if __name__ == "__main__":
    try:
        migrate(Path(sys.argv[1]) if len(sys.argv) > 1 else sys.stdin.read())
    except SchemaError as refusal:
        sys.stderr.write(f"{refusal}\n")
        sys.exit(_REFUSED)
