"""A copy becomes the database only if it is a good one, and the database from before is never lost."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from relay.store.engine.copies import copy_database
from relay.store.engine.lock import StoreLockedError, hold_lock
from relay.store.engine.restoring import RestoreError, restore
from relay.store.store import open_store
from tests.databases import change, new_database, rows
from tests.store.letters import CHANNEL, update

NOW = 1_800_000_000.0
NO_GOOD = {
    "nothing.db": "there is no file",
    "torn.db": "is damaged",
    "empty.db": r"is damaged \(it is empty\)",
    "text.db": "is damaged",
    "others.db": "is no relay's database",
    "relay.db": "is the database itself",
    "newer/relay.db": "written by a newer relay",
}


@pytest.mark.parametrize(("file", "words"), NO_GOOD.items(), ids=NO_GOOD)
def test_what_is_no_good_is_not_restored(tmp_path: Path, file: str, words: str) -> None:
    """Nothing there, damaged, another program's, the database itself, a newer relay's: in words, nothing changes."""
    path = new_database(tmp_path)
    copy_database(path, tmp_path / "copy.db")
    whole = (tmp_path / "copy.db").read_bytes()
    (tmp_path / "torn.db").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.db").write_bytes(b"")
    (tmp_path / "text.db").write_text("hello " * 5000)
    with closing(sqlite3.connect(tmp_path / "others.db")) as connection:
        connection.execute("CREATE TABLE recipe (name)")
    change(new_database(tmp_path / "newer").parent, "UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    with pytest.raises(RestoreError, match=words):
        restore(tmp_path / file, path, NOW)
    assert path.read_bytes() == before
    assert sorted(tmp_path.glob("relay.db.*")) == [tmp_path / "relay.db.lock"]


def test_the_copy_waits_until_the_database_is_let_go(tmp_path: Path) -> None:
    """While somebody holds the database nothing is replaced."""
    path = new_database(tmp_path)
    copy_database(path, tmp_path / "copy.db")
    with hold_lock(path), pytest.raises(StoreLockedError):
        restore(tmp_path / "copy.db", path, NOW)
    assert not list(tmp_path.glob("relay.db.replaced-*"))


def test_a_new_place_is_made_for_it(tmp_path: Path) -> None:
    """On another machine there is nothing to be replaced, not even the directory."""
    copy_database(new_database(tmp_path), tmp_path / "copy.db")
    done = restore(tmp_path / "copy.db", tmp_path / "new" / "data" / "relay.db", NOW)
    assert (done.aside, done.waiting, done.current) == (None, 0, True)
    assert rows(tmp_path / "new" / "data", "SELECT count(*) FROM inbox") == [(0,)]


def test_a_damaged_database_is_kept_as_it_is_with_its_log(tmp_path: Path) -> None:
    """The worst day: what cannot be read any more stays, byte for byte, for who may know how to read it."""
    copy_database(new_database(tmp_path), tmp_path / "copy.db")
    path = tmp_path / "relay.db"
    path.write_bytes(b"damaged" * 3000)
    (tmp_path / "relay.db-wal").write_bytes(b"its log")
    done = restore(tmp_path / "copy.db", path, NOW)
    assert done.aside == tmp_path / "relay.db.replaced-20270115T080000Z"
    assert done.aside.read_bytes() == b"damaged" * 3000
    assert done.aside.with_name(done.aside.name + "-wal").read_bytes() == b"its log"
    assert not (tmp_path / "relay.db-wal").exists()
    assert rows(tmp_path, "SELECT count(*) FROM inbox") == [(0,)]


@pytest.mark.parametrize("lost", [False, True], ids=["killed", "emptied"])
def test_what_is_only_in_its_log_is_kept_with_it(tmp_path: Path, *, lost: bool) -> None:
    """The last commits of a killed relay are in its log: what was replaced has them, even if nothing else is left."""
    path, killed = new_database(tmp_path), tmp_path / "killed"
    copy_database(path, tmp_path / "copy.db")
    killed.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("INSERT INTO polling_offset VALUES ('1', 42)")
        connection.commit()
        for name in ("relay.db", "relay.db-wal"):
            (killed / name).write_bytes((tmp_path / name).read_bytes())
    log = (killed / "relay.db-wal").read_bytes()
    if lost:
        (killed / "relay.db").write_bytes(b"")
    done = restore(tmp_path / "copy.db", killed / "relay.db", NOW)
    assert rows(killed, "SELECT count(*) FROM polling_offset") == [(0,)]
    assert done.aside is not None
    if lost:
        assert done.aside.with_name(done.aside.name + "-wal").read_bytes() == log
        return
    restore(done.aside, killed / "relay.db", NOW)  # in the same second: each that was replaced has a name of its own
    assert rows(killed, "SELECT next_update_id FROM polling_offset") == [(42,)]


@pytest.mark.parametrize("by_hand", [False, True])
async def test_who_opens_it_first_parks_what_waited_and_nobody_after(tmp_path: Path, *, by_hand: bool) -> None:
    """What waits becomes dead letters, counted as such; no crash is counted. By `restore` or copied to its place."""
    path = new_database(tmp_path)
    async with open_store(path) as store:
        await store.accept(update(1))
        await store.accept(update(2, "8"))
        await store.claim(CHANNEL, "to_kit", limit=1)
        copy_database(path, tmp_path / "copy.db", made_at=NOW)
    if by_hand:
        path.write_bytes((tmp_path / "copy.db").read_bytes())
    else:
        assert restore(tmp_path / "copy.db", path, NOW).waiting == 2
    async with open_store(path) as store:
        counts = await store.count(CHANNEL)
        assert (counts.waiting, counts.dead_letters("to_kit")) == ({}, 2)
        assert (await store.claim(CHANNEL, "to_kit", limit=9)).deliveries == []
        await store.accept(update(3))
    assert rows(tmp_path, "SELECT sum(crashes) FROM lane") == [(0,)]
    async with open_store(path) as store:
        assert (await store.count(CHANNEL)).waiting == {"to_kit": 1}


async def test_what_waited_goes_on_when_no_relay_ran_in_between(tmp_path: Path) -> None:
    """Moved to another machine: the backup's own note is taken away, and the next start delivers."""
    async with open_store(new_database(tmp_path)) as store:
        await store.accept(update(1))
    copy_database(tmp_path / "relay.db", tmp_path / "copy.db", made_at=NOW)
    restore(tmp_path / "copy.db", tmp_path / "new" / "relay.db", NOW, go_on=True)
    async with open_store(tmp_path / "new" / "relay.db") as store:
        assert len((await store.claim(CHANNEL, "to_kit", limit=1)).deliveries) == 1
