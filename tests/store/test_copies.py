"""A copy of a database that is in use is a copy of one moment, and whoever uses it does not notice."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from relay.errors import Unavailable
from relay.store.engine.copies import UNFINISHED, CopyError, copy_database, fault_of, made_at_of, moment
from relay.store.store import open_store
from tests.databases import new_database
from tests.store.letters import update

MORNING = 1_800_000_000.0
_TABLE = "CREATE TABLE pair (id INTEGER PRIMARY KEY, one INTEGER, other INTEGER, words TEXT)"
_ROWS = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
    INSERT INTO pair SELECT i, 0, 0, hex(zeroblob(1000)) FROM n
"""
_ONE_MOMENT = "SELECT count(*), sum(one <> other) FROM pair"


def in_use(path: Path) -> sqlite3.Connection:
    """A database of some megabytes as a relay holds it, with a log that is not taken in by itself."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0", _TABLE, _ROWS):
        connection.execute(statement)
    return connection


def test_a_copy_is_of_one_moment_however_much_is_written(tmp_path: Path) -> None:
    """Commits go on all the time: the copy ends, and holds whole transactions."""
    path, copy = tmp_path / "relay.db", tmp_path / "copy.db"
    over, commits = threading.Event(), 0
    with closing(in_use(path)) as connection:

        def write() -> None:
            nonlocal commits
            while not over.is_set():
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("UPDATE pair SET one = one + 1 WHERE id % 997 = ?", (commits % 997,))
                connection.execute("UPDATE pair SET other = other + 1 WHERE id % 997 = ?", (commits % 997,))
                connection.execute("COMMIT")
                commits += 1

        writing = threading.Thread(target=write)
        writing.start()
        copy_database(path, copy)
        over.set()
        writing.join()
    assert commits > 1
    with closing(sqlite3.connect(copy)) as copied:
        assert copied.execute(_ONE_MOMENT).fetchone() == (4000, 0)
    assert fault_of(copy) is None


def test_a_copy_changes_nothing_at_its_source(tmp_path: Path) -> None:
    """Not a byte, and no checkpoint: SQLite before 3.51.3 can lose a commit when two connections make one."""
    path = tmp_path / "relay.db"
    with closing(in_use(path)):
        before = path.read_bytes(), (tmp_path / "relay.db-wal").read_bytes()
        copy_database(path, tmp_path / "copy.db")
        assert (path.read_bytes(), (tmp_path / "relay.db-wal").read_bytes()) == before


def test_not_even_as_the_last_one_does_it_checkpoint(tmp_path: Path) -> None:
    """The log that a killed relay left is still its own when the copy is made, and what is in it is in the copy."""
    path, kept = tmp_path / "relay.db", tmp_path / "killed"
    kept.mkdir()
    with closing(in_use(path)):
        for name in ("relay.db", "relay.db-wal"):  # as they lie there when the relay is killed
            (kept / name).write_bytes((tmp_path / name).read_bytes())
    before = {each.name: each.read_bytes() for each in kept.iterdir()}
    assert len(before["relay.db-wal"]) > 4_000_000
    copy_database(kept / "relay.db", tmp_path / "copy.db")
    assert {name: (kept / name).read_bytes() for name in before} == before
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copied:
        assert copied.execute("SELECT count(*) FROM pair").fetchone() == (4000,)


def test_a_copy_is_one_file_that_says_when_it_was_made(tmp_path: Path) -> None:
    """To the minute; and there is nothing beside it, neither a log nor what was unfinished."""
    path, copy = tmp_path / "relay.db", tmp_path / "copies" / "copy.db"
    copy.parent.mkdir()
    with closing(in_use(path)) as connection:
        copy_database(path, copy, made_at=MORNING)
        assert made_at_of(connection) is None
    assert [each.name for each in copy.parent.iterdir()] == ["copy.db"]
    with closing(sqlite3.connect(copy)) as copied:
        at = made_at_of(copied)
    assert at is not None
    assert moment(at) == moment(MORNING) == "2027-01-15 08:00 UTC"


def test_what_a_broken_copy_left_is_in_nobodys_way(tmp_path: Path) -> None:
    """Half a copy from before, with its log, is neither taken over nor left."""
    path = tmp_path / "relay.db"
    for end in ("", "-wal", "-journal"):
        (tmp_path / f"copy.db{UNFINISHED}{end}").write_bytes(b"half" * 5000)
    with closing(in_use(path)):
        copy_database(path, tmp_path / "copy.db")
    assert fault_of(tmp_path / "copy.db") is None
    assert [each.name for each in tmp_path.iterdir() if UNFINISHED in each.name] == []


def test_a_place_that_cannot_be_written_is_no_full_disk(tmp_path: Path) -> None:
    """Whoever reads the line looks at both."""
    with closing(in_use(tmp_path / "relay.db")), pytest.raises(CopyError, match="room, and may this user write there"):
        copy_database(tmp_path / "relay.db", Path("/proc/copy.db"), gently=True)


async def test_nobody_waits_for_a_backup_when_the_log_is_to_be_emptied(tmp_path: Path) -> None:
    """Somebody reads for minutes: the log stays as it is, that is said at once, and commits go on."""
    path = new_database(tmp_path)
    async with open_store(path) as store:
        await store.accept(update(1))
        with closing(sqlite3.connect(path, isolation_level=None)) as reading:
            reading.execute("BEGIN")
            reading.execute("SELECT count(*) FROM inbox").fetchone()
            await store.accept(update(2))
            began = time.monotonic()
            with pytest.raises(Unavailable, match="somebody reads the database"):
                await store.remove_bytes()
            assert time.monotonic() - began < 2
            await store.accept(update(3))
        await store.remove_bytes()
