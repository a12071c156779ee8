"""What waits by itself can be hurried: by a new message of the chat, by the side's recovery, by a person."""

from dataclasses import replace

import pytest

from relay.model import Delivery, Direction, Retry
from relay.store.hurrying import Hurry
from relay.store.store import Store
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, event, update


async def parked(store: Store, result: Retry, *clients: str, direction: Direction = "to_kit") -> list[Delivery]:
    """A delivery for each of these clients, which has failed so."""
    deliveries = []
    for client in clients:
        await store.accept(update(int(client), client=client))
        if direction == "to_telegram":
            await store.accept(event(f"e{client}", client=client))
    deliveries = (await store.claim(CHANNEL, direction, 10)).deliveries
    for delivery in deliveries:
        await store.settle(delivery, result)
    return deliveries


async def due(store: Store, direction: Direction = "to_kit") -> list[str]:
    """The clients that may be carried now."""
    return [delivery.client_id for delivery in (await store.claim(CHANNEL, direction, 10)).deliveries]


BACKS_OFF = Retry(60.0, "500", backs_off=True)
TOLD = Retry(60.0, "429", free=True)


async def test_a_new_message_makes_a_chat_due_that_backs_off(store: Store, clock: Clock) -> None:
    """A second later, however many come; no other chat is touched."""
    await parked(store, BACKS_OFF, "7", "8")
    for number in range(20, 25):
        await store.accept(update(number, client="7"))
        clock.advance(0.1)
    assert await due(store) == []
    clock.advance(0.6)
    assert await due(store) == ["7"]


@pytest.mark.parametrize("result", [TOLD, Retry(60.0, "its turn", free=True, paced=True)], ids=["told", "paced"])
async def test_a_new_message_changes_nothing_for_who_was_told_to_wait(
    store: Store, clock: Clock, result: Retry
) -> None:
    """What the other side asked for holds, and so does a pace."""
    await parked(store, result, "7")
    await store.accept(update(20, client="7"))
    clock.advance(59)
    assert await due(store) == []
    clock.advance(1)
    assert await due(store) == ["7"]


async def test_a_chat_that_is_due_soon_is_not_put_off(store: Store, clock: Clock) -> None:
    """What is new makes it due sooner or changes nothing."""
    await parked(store, replace(BACKS_OFF, after=0.5), "7")
    await store.accept(update(20, client="7"))
    clock.advance(0.5)
    assert await due(store) == ["7"]


async def test_a_recovery_makes_those_due_that_back_off(store: Store) -> None:
    """Of its direction, and not those that were told to wait."""
    await parked(store, BACKS_OFF, "7", "8")
    await parked(store, BACKS_OFF, "9", direction="to_telegram")
    assert await store.hurry(Hurry(CHANNEL, "to_kit")) == 2
    assert sorted(await due(store)) == ["7", "8", "9"], "nobody has carried 9's message to Kit yet"
    assert await due(store, "to_telegram") == []
    assert await store.hurry(Hurry(CHANNEL, "to_telegram")) == 1
    assert await due(store, "to_telegram") == ["9"]


async def test_a_person_makes_due_whatever_waits(store: Store) -> None:
    """Of one client, by its own id or the chat's, or of all; another channel's stays."""
    await parked(store, TOLD, "7", "8", "9")
    assert await store.hurry(Hurry("another", told_to_wait=True)) == 0
    assert await store.hurry(Hurry(CHANNEL, client="nobody", told_to_wait=True)) == 0
    assert await store.hurry(Hurry(CHANNEL, client="8", told_to_wait=True)) == 1
    assert await due(store) == ["8"]
    assert await store.hurry(Hurry(CHANNEL, told_to_wait=True)) == 2
    assert sorted(await due(store)) == ["7", "9"]
    assert await store.hurry(Hurry(CHANNEL, told_to_wait=True)) == 0, "what is on its way does not wait"


async def test_since_when_it_fails_is_remembered_until_a_step_is_done(store: Store, clock: Clock) -> None:
    """Attempts that do not count leave it as it is; a confirmed step begins anew."""
    began = clock()
    await parked(store, replace(BACKS_OFF, after=0.0, free=True), "7", direction="to_telegram")
    clock.advance(10)
    [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    assert delivery.failing_since is None
    for after in (100, 200):
        await store.settle(delivery, Retry(0.0, "500"))
        clock.advance(after)
        [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
        assert delivery.failing_since == began + 10
    await store.note_progress(delivery, 1)
    await store.settle(delivery, Retry(0.0, "interrupted", free=True))
    [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    assert delivery.failing_since == began + 10, "what its courier held to the end"
