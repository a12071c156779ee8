"""What is left of letters after the retention time, and what it still does."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from relay.model import Declined, Delivered, Letter
from relay.store.accepting import Arrival
from relay.store.engine.connection import Connection
from relay.store.engine.tables import inbox
from relay.store.store import Store, open_store
from tests.databases import rows
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, event, read_as, update

DAY = 86_400.0


async def forget_all(store: Store, before: float) -> None:
    while await store.forget(before):
        pass


async def letters(store: Store) -> list[str | None]:
    """The bodies of all letters that are kept."""

    def find(tx: Connection, _now: float, items: Sequence[None]) -> list[list[str | None]]:
        bodies = list(tx.scalars(select(inbox.c.body)))
        return [bodies for _ in items]

    return await store._database.run(find, None)


async def test_a_callback_of_last_year_does_nothing(store: Store, clock: Clock) -> None:
    """Its letter is gone, and it is known all the same: repeated, or with another body under the same id."""
    await store.accept(update(1))
    await store.accept(event("e1"))
    [answer] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    await store.settle(answer, Delivered())
    clock.advance(365 * DAY)
    await forget_all(store, clock() - 7 * DAY)
    assert await store.accept(event("e1")) == ["duplicate"]
    assert await store.accept(event("e1", body='{"event_id":"e1","forged":true}')) == ["tampered"]
    assert await store.accept(event("e2")) == ["accepted"]
    assert (await store.count(CHANNEL)).totals["to_telegram", "received"] == 2


async def test_letters_of_telegram_go_two_days_after_their_bodies(store: Store, clock: Clock) -> None:
    """Until then a repetition is known; Telegram repeats nothing after a day."""
    await store.accept(update(1))
    [delivery] = (await store.claim(CHANNEL, "to_kit", 1)).deliveries
    await store.settle(delivery, Delivered())
    clock.advance(8 * DAY)
    await forget_all(store, clock() - 7 * DAY)
    assert await store.accept(update(1)) == ["duplicate"]
    clock.advance(2 * DAY)
    await forget_all(store, clock() - 7 * DAY)
    assert await letters(store) == []


async def test_what_waits_or_is_dead_keeps_its_letter(store: Store, clock: Clock) -> None:
    """However long ago it came."""
    await store.accept(update(1))
    await store.accept(event("e1"))
    clock.advance(365 * DAY)
    await forget_all(store, clock() - 7 * DAY)
    assert None not in await letters(store)
    assert len(await letters(store)) == 2


async def test_no_letter_takes_more_than_60_bytes_for_ever(path: Path, clock: Clock) -> None:
    """The file grows by that much for each event that is forgotten."""
    number = 5000
    declined = read_as(Declined("nothing to deliver"))
    async with open_store(path, now=clock) as store:
        for start in range(0, number, 500):
            some = [Letter(CHANNEL, "kit", f"event-{n}-of-kit", "{}") for n in range(start, start + 500)]
            await store.accept(Arrival(tuple((letter, declined) for letter in some), CHANNEL))
        clock.advance(30 * DAY)
        await forget_all(store, clock() - 7 * DAY)
        assert await letters(store) == []
    pages = rows(path.parent, "SELECT count(*) FROM dbstat WHERE name = 'known_event'")[0][0]
    assert pages * 4096 / number <= 60
