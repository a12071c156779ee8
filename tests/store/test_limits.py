"""Blocks end when they should, what waits of each customer is known, and a flood is not taken for an outage."""

import pytest

from relay.model import Retry, Wants
from relay.store.customers import Whose
from relay.store.limits import FOREVER, Block
from relay.store.store import Store
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, known, together, update

ANNA = Whose(CHANNEL, "7")


async def is_blocked(store: Store, client: str = "7") -> bool:
    """What the next letter of the client is told."""
    return (await known(store, Wants(client))).blocked


async def test_a_block_has_an_end_or_none(store: Store, clock: Clock) -> None:
    """Until a moment, for ever, or until it is taken back; it outlives what the customer changes by writing."""
    await store.accept(update(1))
    assert await store.block(Block(ANNA, clock.time + 60))
    await store.accept(update(2))
    assert await is_blocked(store)
    assert await store.find_blocked(CHANNEL) == {"7": clock.time + 60}
    clock.advance(60)
    assert not await is_blocked(store)
    assert await store.find_blocked(CHANNEL) == {}
    assert await store.block(Block(ANNA, FOREVER))
    clock.advance(3600 * 24 * 3650)
    assert await is_blocked(store)
    assert await store.block(Block(ANNA, None))
    assert not await is_blocked(store)


async def test_nobody_is_blocked_who_never_wrote(store: Store) -> None:
    """A slip in the number is said; and others stay as they were."""
    await store.accept(update(1, "8"))
    assert not await store.block(Block(ANNA, FOREVER))
    assert not await is_blocked(store, "8")


async def test_what_waits_of_each_customer_is_known(store: Store) -> None:
    """Of each for itself, with what came in the same transaction, and without what has arrived."""
    await store.accept(together(update(1), update(2), update(3, "8")))
    assert (await known(store, Wants("7", limits=True))).waiting == 2
    assert (await known(store, Wants("9", limits=True))).waiting == 0
    assert (await known(store, Wants("7"))).waiting == 0, "nobody asked"


@pytest.mark.parametrize("paced", [True, False])
async def test_a_flood_that_waits_its_turn_is_no_message_that_hangs(store: Store, clock: Clock, *, paced: bool) -> None:
    """The alarm looks at the oldest that waits without being meant to."""
    await store.accept(together(update(1), update(2), update(3)))
    first, *_ = (await store.claim(CHANNEL, "to_kit", 1, 3)).deliveries
    await store.settle(first, Retry(2.0, "not its turn", free=True, paced=paced))
    expected = {} if paced else {"to_kit": clock.time}
    assert (await store.count(CHANNEL)).oldest == expected
    clock.advance(2)
    first, *_ = (await store.claim(CHANNEL, "to_kit", 1, 3)).deliveries
    await store.settle(first, Retry(2.0, "Kit is down", free=True))
    assert (await store.count(CHANNEL)).oldest == {"to_kit": clock.time - 2}
