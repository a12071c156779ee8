"""A copy of a live database's file alone is told from a whole one, and from what a crash leaves."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from relay.store.dead_letters import DeadWish
from relay.store.engine.migrating import SchemaError, bring_up_to_date
from relay.store.engine.open_note import lacks_its_log
from relay.store.engine.restoring import restore
from relay.store.store import open_store
from tests.databases import new_database
from tests.store.letters import CHANNEL, update

#: Opens the database, writes into it, and dies.
CRASH = """
import asyncio, os, sys
from pathlib import Path
from relay.store.store import open_store
from tests.store.letters import update

async def main():
    async with open_store(Path(sys.argv[1])) as store:
        await store.accept(update(1))
        os._exit(0)

asyncio.run(main())
"""


async def live(home: Path) -> Path:
    """A database that a relay has open, with two letters, of which one may be in the log alone; and copies of it."""
    path = new_database(home / "live")
    async with open_store(path) as store:
        await store.accept(update(1))
        for name, ends in {"alone": ("",), "whole": ("", "-wal")}.items():
            (home / name).mkdir()
            for end in ends:
                shutil.copy(f"{path}{end}", home / name / f"relay.db{end}")
    return path


async def test_a_file_that_was_copied_without_its_log_is_questioned(tmp_path: Path) -> None:
    """In words that say how to go on with it; with its log it is taken, and holds everything."""
    await live(tmp_path)
    with pytest.raises(SchemaError, match=r"was copied while a relay ran, without relay\.db-wal.*relay restore"):
        bring_up_to_date(tmp_path / "alone" / "relay.db")
    bring_up_to_date(tmp_path / "whole" / "relay.db")
    async with open_store(tmp_path / "whole" / "relay.db") as store:
        assert await store.next_update_id(CHANNEL) == 2


async def test_who_restores_it_goes_on_with_what_is_there(tmp_path: Path) -> None:
    """As with any copy: what waits in it is parked."""
    await live(tmp_path)
    restore(tmp_path / "alone" / "relay.db", tmp_path / "here" / "relay.db", 1_800_000_000.0)
    bring_up_to_date(tmp_path / "here" / "relay.db")
    async with open_store(tmp_path / "here" / "relay.db") as store:
        assert await store.find_dead(DeadWish()) is not None


async def test_a_file_that_was_closed_may_be_copied(tmp_path: Path) -> None:
    """Then it is all there is."""
    path = await live(tmp_path)
    (tmp_path / "moved").mkdir()
    shutil.copy(path, tmp_path / "moved" / "relay.db")
    bring_up_to_date(tmp_path / "moved" / "relay.db")
    bring_up_to_date(path)


def test_after_a_crash_nothing_is_questioned_whoever_has_looked_into_it(tmp_path: Path) -> None:
    """The log is beside it; and when somebody else's program has taken it in, the file is still the same."""
    path = new_database(tmp_path)
    subprocess.run([sys.executable, "-c", CRASH, str(path)], check=True, cwd=Path(__file__).parents[2])
    assert path.with_name("relay.db-wal").exists()
    bring_up_to_date(path)
    with closing(sqlite3.connect(path)) as somebody:
        assert somebody.execute("SELECT count(*) FROM inbox").fetchone() == (1,)
    assert not path.with_name("relay.db-wal").exists()
    assert not lacks_its_log(path)
    bring_up_to_date(path)
