"""A copy of a database that is whole or not there: a file under the name that was asked for is a good one, always."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

#: What the name of a copy ends with until it is known to be good. What is left under it is of no use.
UNFINISHED = ".unfinished"


class CopyError(Exception):
    """There is no copy. The message says why and what to do."""


def copy_database(source: Path, target: Path) -> None:
    """Copy the database at `source`, which nobody writes to meanwhile, to `target`, in place of what is there.

    The copy is written beside, forced to the disk and checked before it gets its name, so an end at any moment leaves
    either the file from before or a good copy. Raises CopyError, and takes away what it wrote.
    """
    beside = target.with_name(target.name + UNFINISHED)
    try:
        beside.unlink(missing_ok=True)
        with closing(sqlite3.connect(source)) as connection:
            connection.execute("VACUUM INTO ?", (str(beside),))
        put_in_place(beside, target)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise CopyError(f"{target} could not be written: {error}. Is the disk full? Make room and try again") from error


def put_in_place(written: Path, target: Path) -> None:
    """Give a copy that was written its name, once it is on the disk and good. Raises OSError and sqlite3.Error."""
    _force_to_disk(written)
    fault = fault_of(written)
    if fault is not None:
        raise sqlite3.DatabaseError(f"what was written is damaged ({fault})")
    written.replace(target)
    _force_to_disk(target.parent)


def fault_of(path: Path) -> str | None:
    """What is wrong with the database at `path`, which nobody writes to; None when it is good. Leaves no trace."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        return str(error)
    if tables == (0,):
        return "it is empty"
    return None if found == ("ok",) else str(found[0])


def _force_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
