"""A copy of a database that is whole or not there: a file under the name that was asked for is a good one, always.

A copy is made beside whoever uses the database, by SQLite's backup API (https://sqlite.org/backup.html), over a
connection that cannot write and so never checkpoints: SQLite before 3.51.3 can lose a commit when two connections do.
One read transaction spans the whole copy, else every commit of the relay would make it begin anew.
"""

import os
import sqlite3
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from relay.linux import write_out
from relay.store.engine.open_note import note_closed

if TYPE_CHECKING:  # who only copies waits for none of it
    from relay.store.engine.connection import Connection

#: What the name of a copy ends with until it is known to be good. What is left under it is of no use.
UNFINISHED: Final = ".unfinished"
#: Pages of one step, a quarter of a megabyte, which is handed to the disk at once: whoever else forces a little to the
#: disk waits for what is on its way there. With eight megabytes at a time commits took a fifth longer.
_STEP: Final = 64
#: How many times as long as a step took it rests after it, if it is to be gentle, and seconds of the longest rest.
_REST: Final = 3.0
_LONGEST_REST: Final = 0.1


class CopyError(Exception):
    """There is no copy. The message says why and what to do."""


def copy_database(source: Path, target: Path, *, gently: bool = False, made_at: float | None = None) -> None:
    """Copy the database at `source`, which may be in use, to `target`, in place of what is there.

    The copy is written beside, forced to the disk and checked before it gets its name, so an end at any moment leaves
    either the file from before or a good copy. `gently` is for a process that does nothing else: it rests after each
    step, and checks, which takes a processor for long, only while nobody else wants one. `made_at` (Unix time) is noted
    in the copy, 0 takes a note away: see `made_at_of`. Raises CopyError, and takes away what it wrote.
    """
    beside = target.with_name(target.name + UNFINISHED)
    try:
        _clear(beside)
        _copy_pages(source, beside, made_at, gently=gently)
        if gently:
            _give_way()
        _put_in_place(beside, target)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            _clear(beside)
        words = f"{target} could not be written: {error}. Is there room, and may this user write there?"
        raise CopyError(words) from error


def copies_of(database: Path | str) -> list[Path]:
    """The copies that upgrades kept beside a database: all words are in them. A server's has none."""
    return list(database.parent.glob(f"{database.name}.before-*")) if isinstance(database, Path) else []


def old_copies(database: Path | str, before: float) -> list[Path]:
    """Such copies that were made before a Unix time."""
    return [copy for copy in copies_of(database) if copy.stat().st_mtime < before]


def fault_of(path: Path) -> str | None:
    """What is wrong with the database at `path`, with the log beside it if it has one; None when it is good."""
    try:
        with closing(_reader(path)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        return str(error)
    if tables == (0,):
        return "it is empty"
    return None if found == ("ok",) else str(found[0])


def made_at_of(connection: sqlite3.Connection) -> float | None:
    """When (Unix time) this database was copied, if it is such a copy and no relay has gone on with it."""
    minutes = connection.execute("PRAGMA user_version").fetchone()[0]
    return minutes * 60.0 if minutes else None


def take_note(tx: "Connection") -> float | None:
    """The same of the database of a transaction, in which the note is taken away: a relay goes on with it now."""
    minutes = tx.exec_driver_sql("PRAGMA user_version").scalar()
    if not minutes:
        return None
    tx.exec_driver_sql("PRAGMA user_version=0")
    return float(minutes * 60)


def moment(at: float) -> str:
    """A time to the minute, for people."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def force_to_disk(path: Path) -> None:
    """Return once the file at `path`, or what is in the directory, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_pages(source: Path, beside: Path, made_at: float | None, *, gently: bool) -> None:
    with closing(_reader(source)) as read, closing(_writer(beside)) as written:
        read.execute("BEGIN")
        read.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if gently:
            _in_steps(read, written, beside)
        else:
            read.backup(written)
        written.execute("PRAGMA journal_mode=DELETE")  # a file of its own, without a log beside it
        note_closed(written)
        if made_at is not None:
            written.execute(f"PRAGMA user_version={int(made_at // 60)}")


def _in_steps(read: sqlite3.Connection, written: sqlite3.Connection, beside: Path) -> None:
    """Copy so that neither the disk nor its memory is taken from others for longer than a step."""
    descriptor = os.open(beside, os.O_RDONLY | os.O_CLOEXEC)
    began = time.monotonic()

    def rest(_status: int, _remaining: int, _total: int) -> None:
        nonlocal began
        write_out(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        time.sleep(min((time.monotonic() - began) * _REST, _LONGEST_REST))
        began = time.monotonic()

    try:
        read.backup(written, pages=_STEP, progress=rest)
    finally:
        os.close(descriptor)


def _give_way() -> None:
    """Let this process run only while the machine has nothing else to do, as far as it may be asked for."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except OSError:
        os.nice(19)


def _put_in_place(written: Path, target: Path) -> None:
    force_to_disk(written)
    fault = fault_of(written)
    if fault is not None:
        raise sqlite3.DatabaseError(f"what was written is damaged ({fault})")
    written.replace(target)
    force_to_disk(target.parent)


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _writer(path: Path) -> sqlite3.Connection:
    """A connection that writes without looking back: what comes of it is forced to the disk and checked at the end."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1024", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _clear(beside: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        beside.with_name(beside.name + end).unlink(missing_ok=True)
