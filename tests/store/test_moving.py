"""An installation moves from a file to PostgreSQL: everything, once, or it goes on where it broke off."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from relay.model import Bury, Delivered, Media
from relay.store.engine import moving
from relay.store.engine.copies import copy_database
from relay.store.engine.lock import StoreLockedError
from relay.store.engine.migrating import SchemaError, bring_up_to_date
from relay.store.engine.moving import MoveError, move
from relay.store.engine.postgresql import connect
from relay.store.engine.replica import UNFINISHED
from relay.store.engine.tables import metadata
from relay.store.store import Store, open_store
from tests.postgresql import empty_postgresql
from tests.store.letters import CHANNEL, event, update


@pytest.fixture
def url() -> str:
    return empty_postgresql()


def no_matter(_table: str, _done: int, _total: int) -> None:
    """Nobody looks on."""


def photo(number: int) -> Media:
    return Media(f"{number:032x}", "file", "photo.jpg", "image/jpeg", 10)


async def fill(path: Path, letters: int = 30) -> None:
    """A store in which things have been delivered, wait, and are in the hands of a relay that was killed."""
    async with open_store(path) as store:
        for number in range(letters):
            await store.accept(update(number, str(number % 7 + 1), media=(photo(number),)))
        claimed = (await store.claim(CHANNEL, "to_kit", 3, 2)).deliveries
        await store.settle(claimed[0], Delivered())
        await store.accept(event("from an agent", "1"))


def in_file(path: Path, table: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as file:
        return sorted(file.execute(f"SELECT * FROM {table}").fetchall(), key=repr)  # noqa: S608 - our own names


def in_server(engine: Engine, table: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return sorted((tuple(row) for row in connection.execute(text(f"SELECT * FROM {table}"))), key=repr)  # noqa: S608


def test_every_table_is_moved_in_an_order_that_its_references_allow() -> None:
    """Nothing is forgotten, whatever table is added."""
    names = [table.name for table in metadata.sorted_tables]
    assert sorted(names) == sorted(metadata.tables)
    assert names.index("outbox") > max(names.index("lane"), names.index("inbox"))


async def test_everything_is_moved(path: Path, url: str) -> None:
    """Every row of every table is there as it was; what comes next gets the next number, what waited is claimed."""
    await fill(path)
    counted = move(path, url, no_matter)
    moved = path.with_name("relay.db.moved")
    engine = connect(url)
    for table in metadata.tables:
        columns = [column.name for column in metadata.tables[table].columns]
        these = f"(SELECT {', '.join(columns)} FROM {table}) AS these"  # noqa: S608 - our own names
        here, there = in_file(moved, these), in_server(engine, these)
        assert [[_same(value) for value in row] for row in there] == [[_same(value) for value in row] for row in here]
        assert counted[table] == len(here)
    engine.dispose()
    assert counted["outbox"] == 31
    async with open_store(url) as store:
        assert await store.accept(update(99, "1")) == ["accepted"]
        assert (await store.count(CHANNEL)).waiting == {"to_kit": 30, "to_telegram": 1}
        assert len((await store.claim(CHANNEL, "to_kit", 100, 100)).lanes) == 7


async def test_no_number_of_the_file_is_given_again(path: Path, url: str) -> None:
    """Also not one whose row is gone: an erasure may still name it."""
    async with open_store(path) as store:
        for number in range(3):
            await store.accept(update(number, "1"))
        *_, last = (await store.claim(CHANNEL, "to_kit", 1, 3)).deliveries
        await store.settle(last, Bury("refused"))
        await store.drop(last.id)
    move(path, url, no_matter)
    async with open_store(url) as store:
        await store.accept(update(9, "2"))
        claimed = (await store.claim(CHANNEL, "to_kit", 2)).deliveries
        assert max(each.id for each in claimed) == last.id + 1


def _same(value: object) -> object:
    """A value as both drivers give it: SQLite's booleans are numbers."""
    if isinstance(value, bool):
        return int(value)
    return bytes(value) if isinstance(value, memoryview) else value


class BrokenOffError(Exception):
    """Something ends the move."""


async def test_what_broke_off_goes_on(path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken off after each part in turn: no relay can start on either side meanwhile, and the end is complete."""
    await fill(path)
    monkeypatch.setattr(moving, "_PART", 9)
    told: list[tuple[str, int, int]] = []

    def break_off(*far: Any) -> None:
        told.append(far)
        raise BrokenOffError

    while True:
        try:
            counted = move(path, url, break_off)
        except BrokenOffError:
            with pytest.raises(SchemaError, match="is on its way to PostgreSQL"):
                bring_up_to_date(path)
            with pytest.raises(StoreLockedError, match="not all rows of"):
                async with open_store(url):
                    pass
        else:
            break
    assert len(told) > 10
    assert [(done, total) for table, done, total in told if table == "outbox"] == [
        (9, 31),
        (18, 31),
        (27, 31),
        (31, 31),
    ]
    assert counted["outbox"] == 31
    async with open_store(url) as store:
        assert (await store.count(CHANNEL)).waiting == {"to_kit": 29, "to_telegram": 1}
    with pytest.raises(SchemaError, match="was moved to PostgreSQL: set RELAY_DATABASE_URL"):
        bring_up_to_date(path)


async def test_who_went_back_to_the_file_begins_anew(path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay has gone on with the file: what a part of it was in PostgreSQL is old, and would be sent once more."""
    await fill(path)
    monkeypatch.setattr(moving, "_PART", 9)

    def break_off_late(table: str, *_far: int) -> None:
        if table == "outbox":
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        move(path, url, break_off_late)
    path.with_name(f"{path.name}.moving").rename(path)
    async with open_store(path) as store:
        for delivery in (await store.claim(CHANNEL, "to_kit", 100, 100)).deliveries:
            await store.settle(delivery, Delivered())
        left = (await store.count(CHANNEL)).waiting
    with pytest.raises(MoveError, match="is not empty"):
        move(path, url, no_matter)
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text(f"DROP TABLE {UNFINISHED}"))
    engine.dispose()
    move(path, empty_postgresql(), no_matter)
    async with open_store(url) as store:
        assert (await store.count(CHANNEL)).waiting == left


async def test_a_relay_that_runs_is_not_moved(path: Path, url: str) -> None:
    """Neither the one on the file nor one on the server is moved away under its feet."""
    async with open_store(path) as store:
        await store.accept(update(1))
        with pytest.raises(StoreLockedError):
            move(path, url, no_matter)
        assert await store.accept(update(2)) == ["accepted"]
    async with open_store(url):
        with pytest.raises(StoreLockedError):
            move(path, url, no_matter)
    assert move(path, url, no_matter)["inbox"] == 2


async def test_two_installations_are_not_mixed(path: Path, url: str) -> None:
    """A database in which there is something is no target, and the file stays where it is."""
    async with open_store(url) as store:
        await store.accept(update(1))
    async with open_store(path) as other:
        await other.accept(update(2))
    with pytest.raises(MoveError, match="is not empty"):
        move(path, url, no_matter)
    async with open_store(path) as store:
        assert await store.next_update_id(CHANNEL) == 3


async def test_a_backup_is_not_moved(path: Path, url: str, tmp_path: Path) -> None:
    """What waits in a copy may have arrived since: it must be asked first whether it goes on."""
    await fill(path)
    copy = tmp_path / "copy.db"
    copy_database(path, copy, made_at=1_800_000_000.0)
    with pytest.raises(MoveError, match="is a copy of 2027-01-15 08:00 UTC"):
        move(copy, url, no_matter)
    assert copy.exists()


async def test_what_postgresql_cannot_keep_is_replaced(path: Path, url: str) -> None:
    """A zero byte in somebody's words stops no move."""
    async with open_store(path) as store:
        await _with_words(store, "a\0b")
    move(path, url, no_matter)
    engine = connect(url)
    assert [row[0] for row in in_server(engine, "(SELECT body FROM inbox) AS rows")] == ["a\N{REPLACEMENT CHARACTER}b"]
    engine.dispose()


async def _with_words(store: Store, body: str) -> None:
    assert await store.accept(update(1, body=body)) == ["accepted"]


def test_where_there_is_nothing_nothing_is_moved(tmp_path: Path, url: str) -> None:
    """A path that names no file is a mistake, and says so."""
    with pytest.raises(MoveError, match="there is no database at"):
        move(tmp_path / "none.db", url, no_matter)
