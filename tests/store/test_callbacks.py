"""The record of Kit's callbacks: what is counted, for how long, and that it takes no room."""

import asyncio
from pathlib import Path

from relay.store.callbacks import Callbacks, CallbacksSeen
from relay.store.store import Store, open_store
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, update


def refused(**clients: int) -> CallbacksSeen:
    return CallbacksSeen(CHANNEL, accepted=False, refused={name.removeprefix("c"): n for name, n in clients.items()})


async def test_only_refused_ones_of_known_clients_count(store: Store, clock: Clock) -> None:
    """Whoever has written to this bot is known; a client of another channel, or of none, is a stranger's guess."""
    await store.accept(update(1, "7"))
    assert await store.note_callbacks(refused(c7=3, c8=100)) == 3
    assert await store.note_callbacks(CallbacksSeen("987654321", accepted=False, refused={"7": 5})) == 0
    assert await store.find_callbacks(CHANNEL) == Callbacks(None, clock.time, 3)
    assert await store.find_callbacks("987654321") == Callbacks()


async def test_they_count_for_an_hour_and_leave_no_rows(store: Store, clock: Clock) -> None:
    """What is older is not counted any more; when the last one came stays known, as does the last that was taken."""
    await store.accept(update(1, "7"))
    first = clock.time
    await store.note_callbacks(CallbacksSeen(CHANNEL, accepted=True))
    for _ in range(90):
        await store.note_callbacks(refused(c7=2))
        clock.advance(60)
    assert (await store.find_callbacks(CHANNEL)).refused == 2 * 59
    clock.advance(3600)
    assert await store.find_callbacks(CHANNEL) == Callbacks(first, first + 89 * 60, 0)
    await store.note_callbacks(refused(c7=1))
    assert (await store.find_callbacks(CHANNEL)).refused == 1


async def test_a_note_with_patience_shares_a_commit(store: Store, clock: Clock) -> None:
    """It needs none of its own when something else is written meanwhile, and gets one when its patience ends."""
    noting = asyncio.create_task(store.note_callbacks(CallbacksSeen(CHANNEL, accepted=True), patience=3600.0))
    await asyncio.sleep(0)
    await store.accept(update(1, "7"))
    assert await asyncio.wait_for(noting, 10.0) == 0
    assert await store.note_callbacks(refused(c7=2), patience=0.01) == 2
    assert await store.find_callbacks(CHANNEL) == Callbacks(clock.time, clock.time, 2)


async def test_it_survives_a_restart(path: Path, clock: Clock) -> None:
    """A relay that was restarted with the same wrong salt still says so."""
    async with open_store(path, now=clock) as store:
        await store.accept(update(1, "7"))
        await store.note_callbacks(CallbacksSeen(CHANNEL, accepted=True, refused={"7": 4}))
    async with open_store(path, now=clock) as store:
        assert await store.find_callbacks(CHANNEL) == Callbacks(clock.time, clock.time, 4)
