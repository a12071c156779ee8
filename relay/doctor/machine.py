"""What can be seen without asking anybody: the database, the disk, the versions of what is installed."""

import importlib.metadata
import os
import re
import sqlite3
import stat
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from relay.doctor.advisories import FLOORS, is_older
from relay.doctor.finding import Finding, well, wrong
from relay.monitoring.disk import ROOM, free_bytes, nearest
from relay.settings.schema import Settings
from relay.store.engine.lock import StoreLockedError, hold_lock
from relay.store.engine.migrating import HEAD, SchemaError, is_current, version_at, version_of

_GIGABYTE: Final = 2**30
#: How a setting begins that is a secret itself, and not where a secret stands.
_SECRET: Final = re.compile(rb"^\s*(export\s+)?\w+_(token|salt|secret)(_previous)?\s*=", re.IGNORECASE | re.MULTILINE)


def check_database(settings: Settings) -> Finding:
    """Whether the database is there, healthy, and of this version; or held by a relay, which is as good."""
    name, path = "database", settings.database
    if not isinstance(path, Path):
        return _on_a_server(settings, path)
    if problem := _unwritable(path.parent, path):
        return wrong(name, f"{path.parent}: {problem}", "Give the relay's user a directory of its own to write in.")
    if not path.exists():
        return well(name, f"{path} will be made at the first start")
    try:
        with hold_lock(path):
            return _at_rest(path)
    except StoreLockedError:
        return well(name, f"{path} is held by a running relay")
    except SchemaError as error:
        words, _, remedy = str(error).partition(": ")
        return wrong(name, words, f"{remedy[:1].upper()}{remedy[1:]}.")


def _on_a_server(settings: Settings, url: str) -> Finding:
    name = settings.database_name
    try:
        version = version_at(url)
    except SchemaError as error:
        return wrong("database", str(error), "Look at RELAY_DATABASE_URL, and whether the server runs and lets you in.")
    if version is None:
        return well("database", f"{name} gets its tables at the first start")
    if version != HEAD:
        return wrong("database", f"{name} has schema {version}, this relay knows {HEAD}", "Run the version that fits.")
    return well("database", f"{name} answers, schema {version}")


def _at_rest(path: Path) -> Finding:
    version = version_of(path)
    if version is None:
        return well("database", f"{path} will be made at the first start")
    current = is_current(path)
    with closing(sqlite3.connect(path)) as connection:
        try:
            health = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        except sqlite3.DatabaseError as error:
            health = str(error)
    if health != "ok":
        return wrong("database", f"{path} is damaged ({health[:100]})", "Restore it from a backup; docs/backups.md.")
    return well(
        "database", f"{path} is healthy" + ("" if current else "; the next start migrates it, and keeps a copy")
    )


def check_disk(settings: Settings) -> Finding:
    """Whether there is room, and the data directory can be written."""
    directory = settings.relay_data_dir
    if problem := _unwritable(directory):
        return wrong("disk", f"RELAY_DATA_DIR, {directory}: {problem}", "Let the relay's user write there.")
    places = [each for each in settings.written_directories if not _unwritable(each)]
    free = free_bytes(places)
    words = f"{free / _GIGABYTE:.1f} GB free"
    return well("disk", words) if free >= ROOM else wrong("disk", f"only {words}", "Make room: at least 0.5 GB.")


def check_secrecy(files: Iterable[Path]) -> list[Finding]:
    """Whether files of settings that hold secrets can be read by every user of this machine."""
    return [
        wrong("secrets", f"{path} can be read by every user of this machine", f"chmod 600 {path}")
        for path in files
        if path.is_file() and path.stat().st_mode & stat.S_IROTH and _SECRET.search(path.read_bytes())
    ]


def check_versions() -> list[Finding]:
    """Whether something is installed that an advisory warns of."""
    old = [
        wrong("versions", f"{name} {version} has a known weakness ({advisory})", f"Install {floor} or newer.")
        for name, (floor, advisory) in FLOORS.items()
        if (version := _version(name)) is not None and is_older(version, floor)
    ]
    return old or [well("versions", f"no known advisory; SQLite {sqlite3.sqlite_version}")]


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _unwritable(directory: Path, file: Path | None = None) -> str:
    """Why nothing can be written there; "" when it can. Tried, since permissions alone do not tell (root, mounts)."""
    try:
        place = nearest(directory)
        with tempfile.TemporaryFile(dir=place):
            pass
        if file is not None and file.exists():
            with file.open("r+b"):
                pass
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "no file can be there"
        return f"cannot be written ({reason})"
    return ""
