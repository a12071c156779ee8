"""Who was erased stays erased in a copy from before, and who writes again is a new customer. Links and words end."""

import os
import time
from pathlib import Path

import pytest

from relay.control.customers import mark_again
from relay.model import Bury, Media
from relay.store.customers import Page
from relay.store.dead_letters import DeadWish
from relay.store.engine.copies import copies_of, old_copies
from relay.store.engine.erased import ErasedListError, beside, enter, list_of, merge, read_list
from relay.store.store import Store
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, event
from tests.store.letters import update as nobodys
from tests.store.test_customers import ANNA, BEN, adds_up, go_on_erasing, update


async def test_a_copy_from_before_is_erased_again(store: Store, clock: Clock, tmp_path: Path) -> None:
    """Up to the moment at which it was asked for, and nobody else's: what came later is a new customer's."""
    erased = tmp_path / "list"
    for number in range(5):
        await store.accept(update(number, "7"))
    await store.accept(update(1000, "8"))
    before = await store.count_customer(BEN)
    clock.advance(10)
    enter(erased, CHANNEL, "7", clock())
    clock.advance(10)
    await store.accept(update(5, "7"))
    assert await mark_again(store, erased) == 1
    await go_on_erasing(store, ANNA)
    rows = await store.count_customer(ANNA)
    assert (rows["inbox"], rows["outbox"]) == (1, 1)
    assert await store.count_customer(BEN) == before
    assert await adds_up(store)
    assert await mark_again(store, erased) == 0


async def test_without_a_list_nobody_goes(store: Store, tmp_path: Path) -> None:
    """Neither without a file, nor with one in which others are."""
    await store.accept(update(1, "7"))
    assert await mark_again(store, tmp_path / "none") == 0
    enter(tmp_path / "list", CHANNEL, "nobody", time.time())
    assert await mark_again(store, tmp_path / "list") == 0
    assert await store.count_customer(ANNA)


def test_the_list_names_nobody(tmp_path: Path) -> None:
    """Neither client nor channel stands in it, and it is its owner's only."""
    enter(tmp_path / "list", CHANNEL, "107804195", 1.0)
    raw = (tmp_path / "list").read_text()
    assert "107804195" not in raw
    assert CHANNEL not in raw
    assert (tmp_path / "list").stat().st_mode & 0o077 == 0
    assert read_list(tmp_path / "list").asked_at(CHANNEL, "107804195") == 1.0
    assert read_list(tmp_path / "list").asked_at("another", "107804195") is None


def test_lists_of_two_installations_become_one(tmp_path: Path) -> None:
    """Each under its own key; the later time of a customer counts."""
    for name, client, at in (("one", "7", 1.0), ("two", "7", 3.0), ("two", "8", 2.0)):
        enter(tmp_path / name, CHANNEL, client, at)
    merge(tmp_path / "one", tmp_path / "two")
    merge(tmp_path / "none", tmp_path / "two")
    erased = read_list(tmp_path / "two")
    assert [erased.asked_at(CHANNEL, client) for client in ("7", "8", "9")] == [3.0, 2.0, None]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"key": 5}', b'{"key": {"a": "b"}}'])
def test_a_damaged_list_is_not_taken_for_an_empty_one(tmp_path: Path, content: bytes) -> None:
    """Nobody is entered in it, and the error says what to do."""
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(ErasedListError, match="Take the one from the newest backup"):
        enter(tmp_path / "list", CHANNEL, "7", 1.0)
    assert (tmp_path / "list").read_bytes() == content


def test_where_it_lies(tmp_path: Path) -> None:
    """Beside an SQLite file; of a PostgreSQL in the relay's data."""
    assert list_of(tmp_path / "relay.db", tmp_path / "data") == beside(tmp_path / "relay.db")
    assert list_of("postgresql://host/relay", tmp_path / "data") == tmp_path / "data" / "relay.erased"


async def test_a_dropped_dead_letter_takes_the_words_of_its_letter_along(store: Store) -> None:
    """Unless something else comes of that letter."""
    await store.accept(update(1, "7"))
    await store.accept(event("e1", "7"))
    for direction in ("to_kit", "to_telegram"):
        [delivery] = (await store.claim(CHANNEL, direction, 10)).deliveries
        await store.settle(delivery, Bury("no"))
    dead = (await store.find_dead(DeadWish())).letters
    assert await store.drop(dead[0].id)
    letters = await store.read_customer(Page(ANNA, "inbox"))
    assert [letter["body"] is None for letter in letters] == [True, False]


async def test_links_end(store: Store, clock: Clock) -> None:
    """After their time, a part at a time; one that is taken back at once, and only that one."""
    links = [Media(str(number) * 22, f"file{number}", "a.pdf", "application/pdf", None) for number in range(3)]
    await store.accept(nobodys(1, "7", media=tuple(links[:2])))
    clock.advance(100)
    await store.accept(nobodys(2, "7", media=(links[2],)))
    assert await store.revoke_media(links[0].id) == ("file0", None)
    assert await store.revoke_media(links[0].id) is None
    assert [await store.find_media(link.id) is None for link in links] == [True, False, False]
    assert await store.end_links(clock() - 50) == 1
    assert await store.end_links(clock() - 50) == 0
    assert [await store.find_media(link.id) is None for link in links] == [True, True, False]


def test_copies_from_before_upgrades_have_an_end(tmp_path: Path) -> None:
    """Only those, only beside this database, and only when they are old enough."""
    names = ["relay.db.before-0001", "relay.db.before-0002", "relay.db", "other.db.before-0001"]
    for name in names:
        (tmp_path / name).write_text("words")
        os.utime(tmp_path / name, (1000.0, 3000.0 if name.endswith("2") else 1000.0))
    assert [path.name for path in old_copies(tmp_path / "relay.db", 2000.0)] == names[:1]
    assert sorted(path.name for path in copies_of(tmp_path / "relay.db")) == names[:2]
    assert copies_of("postgresql://host/relay") == []
