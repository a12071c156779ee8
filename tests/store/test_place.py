"""The file under the database's name: a commit into what nobody will ever read is told to nobody."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.errors import StoreLost
from relay.store.engine.migrating import SchemaError, bring_up_to_date
from relay.store.store import Store, open_store
from tests.components import needs
from tests.databases import new_database
from tests.store.letters import CHANNEL, update
from tests.waiting import eventually


def vanish(path: Path) -> None:
    path.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))


def replace(path: Path) -> None:
    shutil.copy(path, path.with_name("copy.db"))
    path.with_name("copy.db").replace(path)


def lose_log(path: Path) -> None:
    path.with_name(path.name + "-wal").unlink()


@pytest.mark.parametrize("what", [vanish, move, replace, lose_log])
async def test_a_database_that_is_another_one_acknowledges_nothing(path: Path, what: Callable[[Path], None]) -> None:
    """Neither what was just committed into nowhere nor anything later; and whoever watches is told, in words."""
    async with open_store(path) as store:
        await store.accept(update(1))
        what(path)
        with pytest.raises(StoreLost, match=r"was removed|was replaced"):
            await store.accept(update(2))
        with pytest.raises(StoreLost):
            await store.count(CHANNEL)
        lost = await asyncio.wait_for(store.lost(), 90)
        assert str(path) in str(lost)
        assert store.failure is not None


def test_what_is_done_is_written_down_on_a_full_disk_and_nothing_new_comes_in(tmp_path: Path) -> None:
    """A real one: with it full to the last byte all settlements fit; when there is room again, so does what is new."""
    assert _on_a_small_disk(tmp_path, "full") == ["20 settled", "refused", "accepted"]


@needs("strace")
def test_who_cannot_know_what_is_on_the_disk_says_so_and_ends(tmp_path: Path) -> None:
    """The kernel reports once that it could not write: to try again would believe what is not there."""
    new_database(tmp_path)
    inject = ["-f", "-qq", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=12+", "-o", "/dev/null"]
    done = subprocess.run(
        ["strace", *inject, sys.executable, "-m", "tests.store.broken_disk", "fsync", str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert _said(done.stdout) == ["lost", "lost"], done.stderr[-2000:]


def _on_a_small_disk(directory: Path, what: str) -> list[str]:
    """Run a part of `broken_disk` on a file system of 16 MB that only it sees."""
    ours = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = f'mount -t tmpfs -o size=16m tmpfs "$1" && exec "$2" -m tests.store.broken_disk {what} "$1"'
    done = subprocess.run(
        ["unshare", *ours, "--mount", "sh", "-c", script, "sh", str(directory), sys.executable],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"this machine lets nobody have a small disk of their own: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr[-2000:]
    return _said(done.stdout)


def _said(output: str) -> list[str]:
    """Its own lines, without the log's."""
    return [line for line in output.splitlines() if "store." not in line]


@pytest.mark.parametrize("left", [".lock", "-wal", "-journal"])
def test_an_empty_database_beside_what_a_relay_left_is_questioned(tmp_path: Path, left: str) -> None:
    """It was lost, or copied by cp: a relay that began anew there would know no customer. It says what to do."""
    path = tmp_path / "relay.db"
    path.touch()
    sign = tmp_path / f"relay.db{left}"
    sign.write_text("something")
    with pytest.raises(SchemaError, match=re.escape(str(sign))):
        bring_up_to_date(path)
    sign.unlink()
    bring_up_to_date(path)


async def test_a_relay_that_has_run_leaves_a_sign_and_goes_on_with_its_own_database(path: Path) -> None:
    """The next start finds database and sign together; without the database it asks."""
    async with open_store(path):
        pass
    bring_up_to_date(path)
    vanish(path)
    with pytest.raises(SchemaError, match="backup"):
        bring_up_to_date(path)


async def test_damage_is_found_beside_the_work_after_an_end_that_was_not_clean(path: Path) -> None:
    """A page that nothing reads is rubbish: the relay works, and says that its database is damaged."""
    async with open_store(path) as store:
        for number in range(300):
            await store.accept(update(number, client=str(number), body="x" * 2000))
    with path.open("r+b") as file:
        file.seek(40 * 4096)
        file.write(b"\xff" * 4096)
    log = path.with_name(path.name + "-wal")
    log.touch()
    async with open_store(path) as store:
        await eventually(lambda: _says_damaged(store))
        assert await store.next_update_id(CHANNEL) == 300


async def _says_damaged(store: Store) -> bool:
    return store.failure is not None and "damaged" in store.failure
