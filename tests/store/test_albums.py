"""An album waits a moment for its siblings, in the database, and nobody else waits for it."""

import asyncio
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model import (
    Accepted,
    Address,
    Bury,
    Client,
    Delivered,
    Delivery,
    Draft,
    Known,
    Letter,
    Outcome,
    Reading,
    Result,
    Retry,
    Wants,
)
from relay.store.accepting import Arrival
from relay.store.claiming import ALBUM_LONGEST, ALBUM_WINDOW
from relay.store.store import Store, open_store
from tests.databases import database_for_a_moment
from tests.examples import portions
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, together, update


def item(number: int, client: str = "7", group: str = "g") -> Arrival:
    """An item of an album: the body lists what came together, with a star before it if something has left before."""

    def decide(known: Known) -> Outcome:
        waiting = None if known.album is None else known.album.parts
        late, parts = orjson.loads(waiting) if waiting else (known.album is not None, [])
        parts.append(number)
        body = ("*" if late else "") + ",".join(map(str, parts))
        draft = Draft("to_kit", client, body, album=group, parts=orjson.dumps([late, parts]).decode())
        return Accepted(draft, Client(client, Address(int(client))))

    letter = Letter(CHANNEL, "telegram", str(number), f'{{"update_id":{number}}}')
    return Arrival(((letter, Reading(decide, Wants(client, album=group))),), CHANNEL, number + 1)


async def claim(store: Store, run: int = 16) -> list[Delivery]:
    return (await store.claim(CHANNEL, "to_kit", 10, run)).deliveries


async def bodies(store: Store) -> list[str]:
    """What can be claimed now; it is delivered."""
    claimed = await claim(store)
    for delivery in claimed:
        await store.settle(delivery, Delivered(), last=True)
    return [delivery.body for delivery in claimed]


async def test_an_album_leaves_once_its_siblings_have_stopped_coming(store: Store, clock: Clock) -> None:
    """Each sibling lets it wait anew; a claim says when to come again."""
    await store.accept(item(1))
    for number in (2, 3):
        clock.advance(ALBUM_WINDOW - 0.1)
        claimed = await store.claim(CHANNEL, "to_kit", 10)
        assert claimed.lanes == []
        assert claimed.next_due_at is not None
        assert clock() < claimed.next_due_at <= clock() + ALBUM_WINDOW
        await store.accept(item(number))
    clock.advance(ALBUM_WINDOW)
    assert await bodies(store) == ["1,2,3"]
    totals = (await store.count(CHANNEL)).totals
    assert totals == {("to_kit", "received"): 1, ("to_kit", "delivered"): 1}


async def test_an_album_of_one_batch_is_one_delivery(store: Store, clock: Clock) -> None:
    """As it mostly comes: all items in one answer of Telegram's, other messages between them."""
    await store.accept(together(item(1), item(2), update(3), item(4)))
    clock.advance(ALBUM_WINDOW)
    assert await bodies(store) == ["1,2,4", "event 3"]


async def test_no_album_waits_for_ever(store: Store, clock: Clock) -> None:
    """Ten seconds after its first item it leaves, and what comes then is a continuation."""
    for number in range(20):
        await store.accept(item(number))
        clock.advance(1.0)
        if left := await bodies(store):
            break
    assert left == [",".join(map(str, range(int(ALBUM_LONGEST))))]
    await store.accept(item(50))
    await store.accept(item(51))
    clock.advance(ALBUM_WINDOW)
    assert await bodies(store) == ["*50,51"]


async def test_what_follows_in_the_chat_waits_and_other_chats_do_not(store: Store, clock: Clock) -> None:
    """Order holds within the lane: what was there before the album leaves before it, what came after it after it."""
    await store.accept(together(update(1), item(2), update(3)))
    await store.accept(together(update(4, client="8"), item(5, client="9")))
    assert await bodies(store) == ["event 1", "event 4"]
    clock.advance(ALBUM_WINDOW)
    assert await bodies(store) == ["2", "event 3", "5"]


async def test_albums_do_not_mix(store: Store, clock: Clock) -> None:
    """Neither two of one customer, nor two customers' that Telegram gave the same number."""
    await store.accept(together(item(1), item(2, group="h"), item(3, client="8"), item(4), item(5, group="h")))
    clock.advance(ALBUM_WINDOW)
    assert sorted(await bodies(store)) == ["1,4", "2,5", "3"]


async def test_what_a_courier_has_in_its_hands_does_not_change(store: Store, clock: Clock) -> None:
    """A sibling that comes while the album is being carried is neither lost nor sent twice, however that ends."""
    await store.accept(item(1))
    clock.advance(ALBUM_WINDOW)
    [delivery] = await claim(store)
    await store.accept(item(2))
    await store.settle(delivery, Retry(30.0, "no answer", uncertain=True))
    await store.accept(item(3))
    clock.advance(30)
    [again, late] = await claim(store)
    assert (again.id, again.body, late.body) == (delivery.id, "1", "*2,3")
    await store.settle(again, Bury("refused"), last=False)
    await store.accept(item(4))
    await store.settle(late, Delivered())
    clock.advance(ALBUM_WINDOW)
    assert await bodies(store) == ["*4"]


async def test_a_claim_and_a_sibling_at_the_same_moment(store: Store, clock: Clock) -> None:
    """Asked for together, the sibling is in before the album leaves, or follows it."""
    await store.accept(item(1))
    clock.advance(ALBUM_WINDOW)
    claimed, _ = await asyncio.gather(store.claim(CHANNEL, "to_kit", 10), store.accept(item(2)))
    left = [delivery.body for delivery in claimed.deliveries]
    for delivery in claimed.deliveries:
        await store.settle(delivery, Delivered())
    clock.advance(ALBUM_WINDOW)
    left += await bodies(store)
    assert left in (["1,2"], ["1", "*2"])


@pytest.mark.parametrize("claimed", [False, True])
async def test_an_album_outlives_the_process(path: Path, clock: Clock, *, claimed: bool) -> None:
    """What waited still waits and takes siblings; what was being carried when the process died is not changed."""
    async with open_store(path, now=clock) as before:
        await before.accept(item(1))
        if claimed:
            clock.advance(ALBUM_WINDOW)
            assert [delivery.body for delivery in await claim(before)] == ["1"]
    async with open_store(path, now=clock) as after:
        clock.advance(1.0)
        await after.accept(item(2))
        left = await bodies(after)
        clock.advance(ALBUM_WINDOW)
        left += await bodies(after)
    assert left == (["1", "*2"] if claimed else ["1,2"])


async def test_a_suspect_is_carried_alone_even_if_it_is_an_album(path: Path, clock: Clock) -> None:
    """With which processes died is found out before anything else; siblings that come meanwhile follow."""
    for _ in range(3):
        async with open_store(path, now=clock) as store:
            await store.accept(update(1))
            await claim(store, run=1)
    async with open_store(path, now=clock) as store:
        await store.accept(item(2))
        [delivery] = (await store.claim(CHANNEL, "to_kit", 1, suspects=True)).deliveries
        assert delivery.body == "event 1"
        await store.settle(delivery, Delivered())
        clock.advance(ALBUM_WINDOW)
        assert await bodies(store) == ["2"]


class Life:
    """Two customers' items and texts, a courier that may fail or die, and what became of them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.held: list[Delivery] = []
        self.sent: dict[str, list[int]] = {"7": [], "8": []}
        self.left: dict[str, list[list[int]]] = {"7": [], "8": []}

    async def do(self, action: str, number: int, client: str, group: str) -> None:
        match action:
            case "item" | "text":
                await self.store.accept(item(number, client, group) if action == "item" else update(number, client))
                self.sent[client].append(number)
            case "claim":
                self.held += await claim(self.store, run=1)
            case "deliver" | "retry" if self.held:
                await self.settle(Delivered() if action == "deliver" else Retry(1.0, "no answer"))
            case "crash":
                await self.store.release_all()  # whatever is held now is a ghost with a stale lease
            case "moment" | "while":
                self.clock.advance(0.7 if action == "moment" else 4.0)

    async def settle(self, result: Result) -> None:
        delivery = self.held.pop(0)
        if await self.store.settle(delivery, result) and isinstance(result, Delivered):
            numbers = delivery.body.removeprefix("event ").removeprefix("*").split(",")
            self.left[delivery.client_id].append([int(number) for number in numbers])

    async def end(self) -> None:
        """Let everything leave, lanes with which processes have died first."""
        await self.store.release_all()
        self.held = []
        while (await self.store.count(CHANNEL)).waiting:
            self.clock.advance(ALBUM_LONGEST)
            self.held += (await self.store.claim(CHANNEL, "to_kit", 9, suspects=True)).deliveries
            self.held += await claim(self.store, run=1)
            while self.held:
                await self.settle(Delivered())


ACTIONS = st.tuples(
    st.sampled_from(["item", "item", "item", "text", "claim", "deliver", "retry", "crash", "moment", "while"]),
    st.sampled_from(["7", "8"]),
    st.sampled_from(["g", "h"]),
)


@portions(0.3)
@given(actions=st.lists(ACTIONS, min_size=40, max_size=80))
async def test_whatever_happens_each_item_leaves_once_and_in_order(actions: list[tuple[str, str, str]]) -> None:
    """Claims, failures and crashes at any moment between siblings: nothing is lost or doubled, nothing overtakes."""
    clock = Clock()
    async with database_for_a_moment() as path, open_store(path, now=clock) as store:
        life = Life(store, clock)
        for number, (action, client, group) in enumerate(actions):
            await life.do(action, number, client, group)
        await life.end()
    for client, left in life.left.items():
        assert sorted(number for numbers in left for number in numbers) == life.sent[client]
        firsts = [numbers[0] for numbers in left]
        assert firsts == sorted(firsts)
