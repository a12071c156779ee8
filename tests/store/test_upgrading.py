"""A migration has a good copy of the database from before it, or it does not begin."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from relay.store.engine.copies import UNFINISHED, copy_database, fault_of
from relay.store.engine.lock import StoreLockedError, hold_lock
from relay.store.engine.migrating import HEAD, SchemaError, bring_up_to_date, migrate, version_of
from tests.components import needs
from tests.databases import change, older_database, rows_at

#: What a process that copies asks of the kernel, as strace names it: each call is a moment at which it may be killed.
MOMENTS = ("pwrite64", "fsync", "rename", "unlink")
COPY = (
    "import sys, pathlib, relay.store.engine.copies as copies; copies.copy_database(*map(pathlib.Path, sys.argv[1:]))"
)


def letters(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM inbox").fetchone()[0])


def run(arguments: Sequence[object], *, inject: str = "", largest_file: int = resource.RLIM_INFINITY) -> str | None:
    """Run Python, struck at a call as strace's `inject` says, on a disk that takes no larger file.

    Returns what it said last; None when it went well.
    """
    strace = (
        "strace",
        "-f",
        "-o",
        "/dev/null",
        "-e",
        f"trace={inject.split(':', maxsplit=1)[0]}",
        "-e",
        f"inject={inject}",
    )
    done = subprocess.run(
        [*(strace if inject else ()), sys.executable, "-B", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=None if largest_file == resource.RLIM_INFINITY else partial(_limit, largest_file),
    )
    if done.returncode == 0:
        return None
    return (done.stderr.splitlines() or ["killed"])[-1]


def _limit(largest_file: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))


def unfinished(directory: Path) -> list[str]:
    return [left.name for left in directory.iterdir() if left.name.endswith(UNFINISHED)]


@needs("strace")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_copy_that_is_killed_is_not_there(tmp_path: Path, moment: str) -> None:
    """Killed at each write, sync, rename and removal in turn: under the copy's name lies a good copy or nothing."""
    path = older_database(tmp_path, letters=3)
    copy = tmp_path / "copy.db"
    struck = 0
    while run(["-c", COPY, path, copy], inject=f"{moment}:signal=KILL:when={struck + 1}") is not None:
        struck += 1
        assert not copy.exists() or (fault_of(copy), letters(copy)) == (None, 3)
        copy.unlink(missing_ok=True)
    assert struck >= 1
    assert (fault_of(copy), letters(copy)) == (None, 3)
    assert unfinished(tmp_path) == []


@needs("strace")
@pytest.mark.parametrize("moment", ["pwrite64:error=ENOSPC", "fsync:error=EIO", "rename:error=ENOSPC"])
def test_a_copy_that_a_bad_disk_refuses_leaves_the_one_from_before(tmp_path: Path, moment: str) -> None:
    """Each write, sync and rename that fails in turn: the older copy is still there, nothing half-made beside it."""
    path = older_database(tmp_path, letters=3)
    copy = tmp_path / "copy.db"
    copy_database(path, copy)
    before = copy.read_bytes()
    refused = 0
    while (said := run(["-c", COPY, path, copy], inject=f"{moment}:when={refused + 1}")) is not None:
        refused += 1
        assert "CopyError" in said
        assert copy.read_bytes() == before
        assert unfinished(tmp_path) == []
    assert refused >= 1


def test_totals_survive_an_upgrade(tmp_path: Path) -> None:
    """The table that holds them gets another key, and is made anew for that."""
    path = older_database(tmp_path, letters=1)
    change(tmp_path, "INSERT INTO tally VALUES ('1', 'to_kit', 'received', 9)")
    migrate(path)
    assert rows_at(path, "SELECT total, writer FROM tally") == [(9, "")]


@pytest.mark.parametrize("kilobytes", [40, 200, 440])
def test_without_a_copy_there_is_no_migration(tmp_path: Path, kilobytes: int) -> None:
    """A disk that is full before the copy is complete: the database stays as it was, and the line says what to do."""
    path = older_database(tmp_path)
    said = run(["-m", "relay.store.engine.migrating", path], largest_file=kilobytes * 1024)
    assert said is not None
    assert "was not migrated" in said
    assert "Is there room, and may this user write there?" in said
    assert (version_of(path), letters(path)) == ("0001", 200)
    assert [left.name for left in tmp_path.iterdir() if "before" in left.name] == []
    bring_up_to_date(path)
    assert (version_of(path), letters(path)) == (HEAD, 200)
    assert version_of(tmp_path / f"relay.db.before-{HEAD}") == "0001"


def test_the_reason_reaches_who_starts_the_relay(tmp_path: Path) -> None:
    """What the process that migrates says last is what `relay run` and `relay migrate` say."""
    path = older_database(tmp_path)
    (tmp_path / f"relay.db.before-{HEAD}").mkdir()
    with pytest.raises(SchemaError, match=r"was not migrated, because the copy from before .* could not be written"):
        bring_up_to_date(path)
    assert version_of(path) == "0001"


def test_a_new_database_that_finds_no_room_is_said_in_plain_words(tmp_path: Path) -> None:
    """What SQLite says and what to do, and no library's name."""
    code = "import sys; from pathlib import Path; from relay.store.engine.migrating import *"
    said = run(["-c", f"{code}; bring_up_to_date(Path(sys.argv[1]))", tmp_path / "relay.db"], largest_file=8192)
    assert said is not None
    line = said.splitlines()[-1]
    assert "could not be migrated: " in line
    assert "Is there room, and may this user write there?" in line
    assert "sql" not in line.partition("could not be migrated")[2].lower()


@needs("strace")
@pytest.mark.parametrize(("moment", "every"), [("pwrite64", 40), ("fsync", 2), ("rename", 1), ("unlink", 5)])
def test_an_upgrade_that_is_killed_has_its_copy_first(tmp_path: Path, moment: str, every: int) -> None:
    """Killed at any call: an old database, or a good copy of it; and the next start ends what was begun."""
    path = older_database(tmp_path, letters=3)
    copy = tmp_path / f"relay.db.before-{HEAD}"
    at = 1
    while run(["-m", "relay.store.engine.migrating", path], inject=f"{moment}:signal=KILL:when={at}") is not None:
        at += every
        assert version_of(path) == "0001" or (fault_of(copy), version_of(copy), letters(copy)) == (None, "0001", 3)
    assert at > 1
    assert (version_of(path), letters(path)) == (HEAD, 3)
    assert (fault_of(copy), version_of(copy), letters(copy)) == (None, "0001", 3)
    assert unfinished(tmp_path) == []


def test_a_migration_whose_start_was_killed_is_waited_for(tmp_path: Path) -> None:
    """The process that migrates outlives a killed start, and nobody begins a second one beside it."""
    path = older_database(tmp_path, letters=3)
    code = "import sys, pathlib, relay.store.engine.migrating as it; it.bring_up_to_date(pathlib.Path(sys.argv[1]))"
    with subprocess.Popen([sys.executable, "-c", code, str(path)]) as start:
        children = Path(f"/proc/{start.pid}/task/{start.pid}/children")
        while not (child := children.read_text().split()):
            time.sleep(0.01)
        os.kill(int(child[0]), signal.SIGSTOP)
        start.kill()
    with pytest.raises(StoreLockedError), hold_lock(path):
        pass
    os.kill(int(child[0]), signal.SIGCONT)
    with hold_lock(path, patience=60.0):
        assert (version_of(path), letters(path)) == (HEAD, 3)


@pytest.mark.parametrize("left", [b"", b"half a database" * 300], ids=["empty", "damaged"])
def test_a_copy_that_is_no_good_is_made_anew(tmp_path: Path, left: bytes) -> None:
    """What an interrupted upgrade of an earlier version left under the copy's name is not taken for a copy."""
    path = older_database(tmp_path)
    copy = tmp_path / f"relay.db.before-{HEAD}"
    copy.write_bytes(left)
    migrate(path)
    assert (fault_of(copy), version_of(copy), letters(copy)) == (None, "0001", 200)


def test_a_copy_from_an_earlier_upgrade_is_not_taken_for_todays(tmp_path: Path) -> None:
    """Upgraded, put back, used, upgraded again: the copy is of the second time."""
    path = older_database(tmp_path, letters=5)
    copy = tmp_path / f"relay.db.before-{HEAD}"
    copy_database(path, copy)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM inbox WHERE source_id = '0'")
    migrate(path)
    assert letters(copy) == letters(path) == 4
