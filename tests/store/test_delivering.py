import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from relay.model import (
    Address,
    Bury,
    Client,
    Delivered,
    Delivery,
    Direction,
    Known,
    Retry,
    Said,
    Wants,
)
from relay.store.accepting import Arrival
from relay.store.settling import Settled
from relay.store.store import Store, open_store
from tests.statements import heard
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, event, known, together, update

SOMEBODY = Client("7", Address(7))


async def claim(store: Store, limit: int = 10) -> list[Delivery]:
    return (await store.claim(CHANNEL, "to_kit", limit)).deliveries


async def test_a_lane_is_carried_one_at_a_time_in_order(store: Store) -> None:
    """The second delivery of a lane cannot be claimed before the first is settled."""
    for number in (1, 2, 3):
        await store.accept(update(number))
    seen = []
    while deliveries := await claim(store):
        [delivery] = deliveries
        assert await claim(store) == []
        seen.append(delivery.body)
        assert await store.settle(delivery, Delivered())
    assert seen == ["event 1", "event 2", "event 3"]


async def test_a_retry_parks_its_lane_and_no_other(store: Store, clock: Clock) -> None:
    """Order holds through a back-off, and other lanes do not wait for it."""
    await store.accept(update(1, client="7"))
    await store.accept(update(2, client="7"))
    await store.accept(update(3, client="8"))
    slow, quick = await claim(store)
    await store.settle(slow, Retry(30.0, "no answer"))
    await store.settle(quick, Delivered())
    assert await claim(store) == []
    claimed = await store.claim(CHANNEL, "to_kit", 1)
    assert claimed.next_due_at == clock() + 30
    clock.advance(30)
    [again] = await claim(store)
    assert (again.body, again.attempts) == ("event 1", 2)


async def test_a_free_retry_costs_no_attempt(store: Store) -> None:
    """A 429, or an outage, is not held against the delivery."""
    await store.accept(update(1))
    for _ in range(5):
        [delivery] = await claim(store)
        assert delivery.attempts == 1
        await store.settle(delivery, Retry(0.0, "throttled", free=True))


async def test_a_dead_letter_frees_its_lane_and_keeps_its_reason(store: Store) -> None:
    """After a burial the lane goes on with what comes next."""
    await store.accept(update(1))
    await store.accept(update(2))
    [first] = await claim(store)
    await store.settle(first, Bury("refused"))
    [second] = await claim(store)
    assert second.body == "event 2"
    assert (await store.count(CHANNEL)).totals["to_kit", "dead"] == 1


async def test_a_stale_claim_settles_nothing(store: Store) -> None:
    """What was claimed before a restart cannot be settled after it, not even together with the claim that holds."""
    await store.accept(update(1))
    [stale] = await claim(store)
    await store.release_all()
    [fresh] = await claim(store)
    assert fresh.lease == stale.lease + 1
    assert not await store.note_progress(stale, 1)
    settled = await asyncio.gather(store.settle(stale, Bury("no")), store.settle(fresh, Delivered()))
    assert [*settled] == [Settled.LOST, Settled.DONE]
    assert not await store.settle(fresh, Delivered())
    assert (await store.count(CHANNEL)).totals == {("to_kit", "received"): 1, ("to_kit", "delivered"): 1}


async def test_a_claim_holds_whatever_the_clock_says(store: Store, clock: Clock) -> None:
    """A lane in our hands is not claimed again, an hour later or earlier, and what comes meanwhile waits."""
    await store.accept(update(1))
    [delivery] = await claim(store)
    for jump in (7200.0, -14400.0):
        clock.advance(jump)
        await store.accept(update(int(clock() % 1000) + 2))
        assert await claim(store) == []
    assert await store.settle(delivery, Delivered())
    assert len(await claim(store)) == 1


async def test_what_was_due_under_another_clock_is_due_now(path: Path) -> None:
    """After a restart under a clock that was set back, nothing waits for the old future."""
    clock = Clock()
    async with open_store(path, now=clock) as before:
        await before.accept(update(1))
        [delivery] = await claim(before)
        await before.settle(delivery, Retry(30.0, "later"))
    clock.advance(-7200)
    async with open_store(path, now=clock) as after:
        assert len(await claim(after)) == 1


async def test_lanes_with_which_processes_died_are_claimed_only_as_suspects(path: Path, clock: Clock) -> None:
    """After three deaths a lane is a suspect; a delivery that it survives clears it."""
    for deaths in range(3):
        async with open_store(path, now=clock) as store:
            await store.accept(update(deaths, client="7"))
            await store.accept(update(10 + deaths, client="8"))
            claimed = {delivery.client_id: delivery for delivery in await claim(store, 2)}
            assert claimed["7"].crashes == deaths
            await store.settle(claimed["8"], Delivered())
    async with open_store(path, now=clock) as store:
        await store.accept(update(20, client="8"))
        assert [delivery.client_id for delivery in await claim(store)] == ["8"]
        [suspect] = (await store.claim(CHANNEL, "to_kit", 1, suspects=True)).deliveries
        assert (suspect.client_id, suspect.crashes, suspect.attempts) == ("7", 3, 1)
        await store.settle(suspect, Delivered())
        assert (await store.claim(CHANNEL, "to_kit", 1, suspects=True)).lanes == []
        assert [delivery.client_id for delivery in await claim(store)] == ["7"]


async def test_a_claim_sees_what_was_asked_for_before_it(store: Store) -> None:
    """Asked for at the same moment, a settlement comes before a claim: no lane is missed."""
    await store.accept(update(1))
    await store.accept(update(2))
    [delivery] = await claim(store)
    _, _, claimed = await asyncio.gather(
        store.claim(CHANNEL, "to_telegram", 1), store.settle(delivery, Delivered()), store.claim(CHANNEL, "to_kit", 1)
    )
    assert [delivery.body for delivery in claimed.deliveries] == ["event 2"]


@pytest.mark.parametrize(("came", "direction"), [(update(2), "to_kit"), (event("e1"), "to_telegram")])
async def test_who_claims_what_is_just_accepted_gets_what_a_claim_would_find(
    store: Store, came: Arrival, direction: Direction
) -> None:
    """What comes alone is handed over in its own transaction, as if it had been looked for."""
    await store.accept(update(1))
    await store.settle((await claim(store))[0], Delivered())
    claimed, _ = await asyncio.gather(store.claim(CHANNEL, direction, 9, 16, fresh=9), store.accept(came))
    [handed] = claimed.deliveries
    assert await store.settle(handed, Retry(0.0, "not now", free=True)) is Settled.MORE
    [found] = (await store.claim(CHANNEL, direction, 9, 16, fresh=9)).deliveries
    assert handed == replace(found, lease=handed.lease)
    assert found.lease == handed.lease + 1


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("came", "direction"), [(update(2), "to_kit"), (event("e2"), "to_telegram")])
async def test_what_is_handed_over_is_not_read_again(store: Store, came: Arrival, direction: Direction) -> None:
    """What a claim would find there is what has just been written."""
    await store.accept(together(update(1), event("e1")))
    for each in (await store.claim(CHANNEL, "to_kit", 1), await store.claim(CHANNEL, "to_telegram", 1)):
        await store.settle(each.deliveries[0], Delivered())
    said = await heard(store)
    claimed, _ = await asyncio.gather(store.claim(CHANNEL, direction, 9, 16, fresh=9), store.accept(came))
    assert len(claimed.deliveries) == 1
    assert [statement for statement in said if "FROM outbox" in statement] == []


async def test_what_is_handed_over_takes_nobodys_place(store: Store, clock: Clock) -> None:
    """The places that are kept for who has waited longest are theirs."""
    for number, client in ((1, "7"), (2, "8")):
        await store.accept(update(number, client=client))
    await store.settle((await claim(store, 1))[0], Delivered())
    clock.advance(60.0)
    claimed, _ = await asyncio.gather(store.claim(CHANNEL, "to_kit", 1, fresh=0), store.accept(update(3)))
    assert [each.client_id for each in claimed.deliveries] == ["8"]
    assert [each.client_id for each in await claim(store)] == ["7"]


async def test_confirmed_steps_are_remembered(store: Store) -> None:
    """A retry goes on after the last confirmed step, and certainty starts anew there."""
    await store.accept(update(1))
    await store.accept(event("e1"))
    [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    await store.settle(delivery, Retry(0.0, "no answer", uncertain=True))
    [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    assert delivery.uncertain == 1
    assert await store.note_progress(delivery, 2)
    await store.settle(delivery, Retry(0.0, "no answer"))
    [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    assert (delivery.steps_done, delivery.uncertain) == (2, 0)


async def test_what_was_delivered_is_remembered_with_its_progress(store: Store) -> None:
    """Each step's words with its confirmation, the last one's with the settlement; a lost lease remembers nothing."""
    await store.accept(update(1))
    await store.accept(event("e1"))
    [stale] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    await store.release_all()
    [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    one, two, ghost = (Said(number, "agent", f"words {number}") for number in (11, 12, 13))
    assert not await store.note_progress(stale, 1, (ghost,))
    assert not await store.settle(stale, Delivered((ghost,)))
    assert await store.note_progress(delivery, 1, (one,))
    assert await known(store, Wants("7", (11, 12, 13))) == Known(SOMEBODY, {11: one})
    assert await store.settle(delivery, Delivered((two,)))
    assert await known(store, Wants("7", (11, 12, 13))) == Known(SOMEBODY, {11: one, 12: two})
    assert await known(store, Wants("8", (11, 12, 13))) == Known()


async def test_a_new_process_takes_over_at_once(path: Path, clock: Clock) -> None:
    """Leases of a courier that died do not delay its successor, and parked lanes stay parked."""
    async with open_store(path, now=clock) as before:
        await before.accept(update(1, client="7"))
        await before.accept(update(2, client="8"))
        parked, _held = await claim(before)
        await before.settle(parked, Retry(100.0, "later"))
    async with open_store(path, now=clock) as after:
        assert [delivery.body for delivery in await claim(after)] == ["event 2"]


async def test_delivered_words_are_forgotten_and_waiting_ones_are_not(store: Store, clock: Clock) -> None:
    """After the retention time words are gone; ids stay, so that a duplicate is still known."""
    await store.accept(update(1, client="7"))
    await store.accept(update(2, client="8"))
    [first] = await claim(store, 1)
    await store.settle(first, Delivered())
    clock.advance(1000)
    assert await store.forget(clock() - 500) == 2
    assert await store.forget(clock() - 500) == 0
    assert await store.accept(update(1)) == ["duplicate"]
    assert [delivery.body for delivery in await claim(store)] == ["event 2"]
    assert (await store.count(CHANNEL)).totals["to_kit", "delivered"] == 1


@pytest.mark.untraced
async def test_who_has_just_been_answered_goes_before_an_old_backlog(store: Store, clock: Clock) -> None:
    """Behind a thousand lanes that are due, also such as have just come due again, a fresh one is claimed first."""
    backlog = [update(number, client=str(1000 + number)) for number in range(1000)]
    await store.accept(Arrival(tuple(letter for each in backlog for letter in each.letters), CHANNEL, 1000))
    await asyncio.gather(
        *(store.settle(each, Retry(30.0, "not its turn", free=True)) for each in await claim(store, 300))
    )
    clock.advance(30)
    await store.accept(update(5000, client="8"))
    clock.advance(1)
    await store.accept(update(5001, client="9"))
    claimed = (await store.claim(CHANNEL, "to_kit", 4, fresh=3)).deliveries
    assert [delivery.body for delivery in claimed] == ["event 300", "event 301", "event 5000", "event 5001"]
    assert [delivery.body for delivery in (await store.claim(CHANNEL, "to_kit", 1, fresh=1)).deliveries] == [
        "event 302"
    ]


async def test_of_fresh_lanes_the_newest_goes_first_and_of_the_others_the_oldest(store: Store, clock: Clock) -> None:
    """When many are answered at once somebody waits anyway: so a lone answer is quick, and nobody waits for ever."""
    for number in range(10):
        await store.accept(update(number, client=str(number + 1)))
        clock.advance(0.1)
    [first] = (await store.claim(CHANNEL, "to_kit", 1, fresh=1)).deliveries
    [second] = (await store.claim(CHANNEL, "to_kit", 1)).deliveries
    assert (first.body, second.body) == ("event 9", "event 0")
    clock.advance(60)
    [third] = (await store.claim(CHANNEL, "to_kit", 1, fresh=1)).deliveries
    assert third.body == "event 1"
