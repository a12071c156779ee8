"""Notices of an outage: each customer is told once that their message waits, and once that it has arrived."""

from relay.model import Bury, Client, Delivered, Draft, Result
from relay.store.away import Notices
from relay.store.store import Store
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, event, together, update

WAITS = Notices(CHANNEL, lambda client: _line(client, "it waits"))
ARRIVED = Notices(CHANNEL, lambda client: _line(client, "it has arrived"))


def _line(client: Client, text: str) -> Draft:
    return Draft("to_telegram", client.client_id, f"{client.client_id}: {text}")


async def settle_all(store: Store, result: Result) -> None:
    """Kit is back: everything that waits for it goes on."""
    for delivery in (await store.claim(CHANNEL, "to_kit", 100, 16)).deliveries:
        await store.settle(delivery, result)


async def heard(store: Store) -> list[str]:
    """What has been said to customers since the last look."""
    lanes = (await store.claim(CHANNEL, "to_telegram", 100, 16)).lanes
    for lane in lanes:
        for delivery in lane:
            await store.settle(delivery, Delivered(), last=delivery is lane[-1])
    return sorted(delivery.body for lane in lanes for delivery in lane)


async def test_each_is_told_once_and_only_they_hear_of_the_end(store: Store, clock: Clock) -> None:
    """However often it is asked for; whose message comes later is told then; the next outage is another one."""
    await store.accept(together(update(1), update(2), update(3, "8")))
    assert await store.tell_waiting(WAITS) == 2
    assert await store.tell_waiting(WAITS) == 0
    await store.accept(together(update(4), update(5, "9")))
    assert await store.tell_waiting(WAITS) == 1
    assert await heard(store) == ["7: it waits", "8: it waits", "9: it waits"]
    assert await store.tell_arrived(ARRIVED) == 0
    for _ in range(4):
        await settle_all(store, Delivered())
    await store.accept(update(6, "10"))
    assert await store.awaits_notice(CHANNEL)
    assert await store.tell_arrived(ARRIVED) == 3
    assert await store.tell_arrived(ARRIVED) == 0
    assert not await store.awaits_notice(CHANNEL)
    assert await heard(store) == ["7: it has arrived", "8: it has arrived", "9: it has arrived"]
    clock.advance(3600)
    await store.accept(update(7))
    assert await store.tell_waiting(WAITS) == 2
    counts = await store.count(CHANNEL)
    received, delivered = (counts.totals["to_telegram", of] for of in ("received", "delivered"))
    assert received == delivered + counts.waiting["to_telegram"] == 8


async def test_an_answer_says_it_better(store: Store, clock: Clock) -> None:
    """Who was answered since is not told that it has arrived; an answer from before says nothing of it."""
    await store.accept(together(update(1), update(2, "8")))
    await store.accept(event("before", "8"))
    clock.advance(1)
    await store.tell_waiting(WAITS)
    clock.advance(1)
    await store.accept(event("since", "7"))
    await settle_all(store, Delivered())
    await heard(store)
    assert await store.tell_arrived(ARRIVED) == 2
    assert await heard(store) == ["8: it has arrived"]


async def test_what_died_has_not_arrived(store: Store) -> None:
    """Of that the customer is told by another line."""
    await store.accept(update(1))
    await store.tell_waiting(WAITS)
    await settle_all(store, Bury("refused"))
    await heard(store)
    assert await store.tell_arrived(ARRIVED) == 1
    assert await heard(store) == []


async def test_who_cannot_be_reached_is_not_told(store: Store) -> None:
    """Nothing reaches them until they write again."""
    await store.accept(update(1))
    await store.accept(event("e1"))
    [answer] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    await store.settle(answer, Bury("blocked the bot", unreachable=True))
    assert await store.tell_waiting(WAITS) == 0
