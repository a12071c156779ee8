"""Whose account a death goes to. A process that dies lets go of nothing: here that is to open the database again."""

import asyncio
from pathlib import Path

import pytest
import structlog

from relay.model import Accepted, Address, Client, Delivered, Delivery, Draft, Letter, Retry
from relay.store.accepting import Arrival
from relay.store.charging import REASON
from relay.store.claiming import CHANGE_LONGEST
from relay.store.customers import Whose
from relay.store.engine.copies import copy_database
from relay.store.hurrying import Hurry
from relay.store.settling import Settled
from relay.store.store import Store, open_store
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, event, read_as, update


async def claim(store: Store, *, suspects: bool = False, run: int = 1) -> list[Delivery]:
    return (await store.claim(CHANNEL, "to_kit", 10, run, suspects=suspects)).deliveries


async def accounts(store: Store) -> dict[str, int]:
    """What is on the account of each client that waits. Claims them, as a process does that then dies."""
    claimed = [*await claim(store), *await claim(store, suspects=True)]
    return {delivery.client_id: delivery.crashes for delivery in claimed}


async def after_deaths(path: Path, clock: Clock, deaths: int, *clients: str) -> None:
    """Let so many processes die with a delivery of each client in flight."""
    async with open_store(path, now=clock) as store:
        for number, client in enumerate(clients):
            await store.accept(update(1000 + number, client=client))
    for _ in range(deaths):
        async with open_store(path, now=clock) as store:
            assert len(await claim(store)) == len(clients)


async def test_a_death_is_charged_to_all_that_were_in_flight(path: Path, clock: Clock) -> None:
    """Of the first ones nobody knows whose they are; who had nothing in flight has nothing to do with it."""
    await after_deaths(path, clock, 2, "7", "8")
    async with open_store(path, now=clock) as store:
        await store.accept(update(1, client="9"))
        assert await accounts(store) == {"7": 2, "8": 2, "9": 0}


async def test_the_death_with_a_suspect_out_is_charged_to_it_and_to_nobody_else(path: Path, clock: Clock) -> None:
    """Its claim says so on disk, whatever else was in flight."""
    await after_deaths(path, clock, 3, "7")
    async with open_store(path, now=clock) as store:
        await store.accept(update(1, client="8"))
        assert [each.client_id for each in await claim(store)] == ["8"]
        assert [each.client_id for each in await claim(store, suspects=True)] == ["7"]
    async with open_store(path, now=clock) as store:
        assert await accounts(store) == {"7": 4, "8": 0}


async def test_who_is_acquitted_is_charged_with_nothing(path: Path, clock: Clock) -> None:
    """Neither with the death that comes, nor any more with those that were."""
    await after_deaths(path, clock, 2, "7", "8")
    async with open_store(path, now=clock) as store:
        [seven, eight] = sorted(await claim(store), key=lambda each: each.client_id)
        await store.acquit(seven)
        await store.settle(eight, Retry(0.0, "no answer"))
        await claim(store)
        await store.acquit(eight)  # its lease is over: this says nothing of the claim of today
    async with open_store(path, now=clock) as store:
        assert await accounts(store) == {"7": 0, "8": 1}


async def test_a_step_after_the_one_that_was_acquitted_can_be_charged_again(path: Path, clock: Clock) -> None:
    """To have been slow once is no licence to kill."""
    async with open_store(path, now=clock) as store:
        await store.accept(update(1))
        await store.accept(event("e1"))
        [answer] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
        await store.acquit(answer)
        await store.note_progress(answer, 1, acquitted=True)
    async with open_store(path, now=clock) as store:
        [answer] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
        assert answer.crashes == 1


@pytest.mark.parametrize("suspects", [False, True])
async def test_what_was_not_tried_keeps_its_account_and_what_was_closes_it(
    path: Path, clock: Clock, *, suspects: bool
) -> None:
    """Not its turn yet, or cut by a stop: nothing was learnt. Failed by the other side: it did not kill."""
    deaths = 3 if suspects else 2
    await after_deaths(path, clock, deaths, "7")
    async with open_store(path, now=clock) as store:
        [delivery] = await claim(store, suspects=suspects)
        await store.settle(delivery, Retry(0.0, "not its turn", free=True, paced=True))
    async with open_store(path, now=clock) as store:
        [delivery] = await claim(store, suspects=suspects)
        assert delivery.crashes == deaths
        await store.settle(delivery, Retry(0.0, "500"))
        assert [each.crashes for each in await claim(store)] == [0]


async def test_of_a_lane_with_an_account_one_delivery_goes_at_a_time(path: Path, clock: Clock) -> None:
    """So that what gets through clears the chat at once, and the next death is not charged on top of old ones."""
    await after_deaths(path, clock, 1, "7")
    async with open_store(path, now=clock) as store:
        for number in range(2):
            await store.accept(update(number, client="7"))
        [first] = await claim(store, run=16)
        assert first.crashes == 1
        await store.settle(first, Delivered())
        assert [each.crashes for each in await claim(store, run=16)] == [0, 0]


async def test_the_least_suspect_goes_first(path: Path, clock: Clock) -> None:
    """Deaths from outside are spread over all suspects; and nobody waits behind the one that kills."""
    await after_deaths(path, clock, 3, "7", "8", "9")
    seen = []
    for _ in range(4):
        async with open_store(path, now=clock) as store:
            [suspect] = (await store.claim(CHANNEL, "to_kit", 1, suspects=True)).deliveries
            seen.append((suspect.client_id, suspect.crashes))
    assert seen == [("7", 3), ("8", 3), ("9", 3), ("7", 4)]


async def test_a_suspect_s_due_time_wakes_nobody_but_who_asks_for_suspects(path: Path, clock: Clock) -> None:
    """A courier that asks for the others would else come back at once, for nothing, again and again."""
    await after_deaths(path, clock, 3, "7")
    async with open_store(path, now=clock) as store:
        assert (await store.claim(CHANNEL, "to_kit", 10)).next_due_at is None
        [suspect] = await claim(store, suspects=True)
        await store.settle(suspect, Retry(30.0, "not its turn", tried=False))
        assert (await store.claim(CHANNEL, "to_kit", 10, suspects=True)).next_due_at == clock() + 30


async def test_what_a_stop_lets_go_of_is_charged_with_nothing(path: Path, clock: Clock) -> None:
    """All of it in the transaction in which it is asked for, together with what else ends."""
    async with open_store(path, now=clock) as store:
        for number in range(3):
            await store.accept(update(number, client=str(number + 7)))
        held = await claim(store)
        cut = Retry(0.0, "stopped", free=True, tried=False)
        assert await asyncio.gather(*(store.settle(each, cut) for each in held)) == [Settled.MORE] * 3
    async with open_store(path, now=clock) as store:
        assert await accounts(store) == {"7": 0, "8": 0, "9": 0}


async def slow_deaths(path: Path, clock: Clock, deaths: int, *clients: str) -> None:
    """Let so many processes die while a delivery of each client has been out for long."""
    async with open_store(path, now=clock) as store:
        for number, client in enumerate(clients):
            await store.accept(update(2000 + number, client=client))
    for _ in range(deaths):
        async with open_store(path, now=clock) as store:
            held = await claim(store)
            assert {each.client_id for each in held} == set(clients)
            await asyncio.gather(*(store.acquit(each) for each in held))


async def test_who_is_out_for_long_at_one_death_after_the_other_is_held_back_longer_each_time(
    path: Path, clock: Clock
) -> None:
    """Though nothing proves that it kills. Neither a start, nor the other side's recovery, nor what is new ends it."""
    await slow_deaths(path, clock, 3, "7")
    for seconds in (60.0, 120.0, 240.0, 480.0, 900.0, 900.0):
        async with open_store(path, now=clock) as store:
            await store.accept(update(int(clock()), client="7"))
            assert await store.hurry(Hurry(CHANNEL, "to_kit")) == 0
            assert await store.hurry(Hurry(CHANNEL, "to_kit", told_to_wait=True)) == 0
            assert await claim(store) == []
            clock.advance(seconds - 1)
        async with open_store(path, now=clock) as store:
            assert await claim(store) == []
            clock.advance(1)
            [delivery] = await claim(store)
            assert (delivery.client_id, delivery.crashes, delivery.attempts) == ("7", 0, 1)
            await store.acquit(delivery)


async def test_who_is_held_back_is_told_and_goes_when_a_person_names_it(path: Path, clock: Clock) -> None:
    """Its state says how, and why it waits."""
    await slow_deaths(path, clock, 2, "7")
    async with open_store(path, now=clock) as store:
        [delivery] = await claim(store)
        await store.acquit(delivery)
    with structlog.testing.capture_logs() as log:
        async with open_store(path, now=clock) as store:
            [waits] = (await store.look_over(CHANNEL)).lanes
            assert (waits.client_id, waits.due_in, waits.reason) == ("7", 60.0, REASON.format("7", 3))
            assert await store.hurry(Hurry(CHANNEL, client="7", told_to_wait=True)) == 1
            [delivery] = await claim(store)
            await store.settle(delivery, Delivered())
            await store.accept(update(1, client="7"))
            await store.acquit((await claim(store))[0])
    told = {"event": "delivery.held_back", "log_level": "warning", "direction": "to_kit", "client": "7"}
    assert log == [{**told, "delivery": delivery.id, "deaths": 3, "seconds": 60}]
    async with open_store(path, now=clock) as store:
        assert len(await claim(store)) == 1, "what got through closes the account"


async def test_who_is_held_back_goes_at_a_time_of_its_own(path: Path, clock: Clock) -> None:
    """Else the one that needs long for good reasons would be out at each death of the one that kills."""
    await slow_deaths(path, clock, 3, "7", "8", "9")
    seen: dict[str, int] = {}
    async with open_store(path, now=clock) as store:
        for second in range(1, 121):
            clock.advance(1)
            seen |= {each.client_id: second for each in await claim(store)}
    assert seen == {"7": 60, "8": 80, "9": 100}


async def test_a_death_that_comes_at_once_holds_nobody_back(path: Path, clock: Clock) -> None:
    """Of such a one it is known whose it is, and six of them end it; what it does not know of, it does not close."""
    await slow_deaths(path, clock, 2, "7")
    async with open_store(path, now=clock) as store:
        assert len(await claim(store)) == 1
    async with open_store(path, now=clock) as store:
        [delivery] = await claim(store)
        assert delivery.crashes == 1
        await store.acquit(delivery)
    async with open_store(path, now=clock) as store:
        assert await claim(store) == []
        clock.advance(60)
        assert len(await claim(store)) == 1


async def test_what_is_hasty_does_not_leave_before_its_time_when_it_is_held_back(path: Path, clock: Clock) -> None:
    """What comes behind sends off what waits to be joined, and that is over."""
    edit = Draft("to_kit", "7", "an edit", album="changes", parts="{}", hasty=True)
    letter = Letter(CHANNEL, "telegram", "1", "{}")
    async with open_store(path, now=clock) as store:
        await store.accept(Arrival(((letter, read_as(Accepted(edit, Client("7", Address(7))))),), CHANNEL))
    clock.advance(CHANGE_LONGEST)
    for _ in range(3):
        async with open_store(path, now=clock) as store:
            [delivery] = await claim(store)
            await store.acquit(delivery)
    async with open_store(path, now=clock) as store:
        await store.accept(update(2, client="7"))
        assert await claim(store) == []


async def test_who_is_erased_takes_the_account_along(path: Path, clock: Clock) -> None:
    """What came meanwhile in a chat that was held back goes at once, and a death of its own is its first one."""
    await slow_deaths(path, clock, 3, "7")
    async with open_store(path, now=clock) as store:
        await store.ask_erasure(Whose(CHANNEL, "7"))
        await store.accept(update(1, client="7"))
        assert await claim(store) == []
        while await store.erase_part(Whose(CHANNEL, "7")):
            pass
        [delivery] = await claim(store)
        assert (delivery.body, delivery.crashes) == ("event 1", 0)
        await store.acquit(delivery)
    async with open_store(path, now=clock) as store:
        assert len(await claim(store)) == 1


async def test_what_waited_in_a_copy_takes_the_account_along(path: Path, clock: Clock) -> None:
    """It is a dead letter, so the next message of the chat answers for itself."""
    await slow_deaths(path, clock, 3, "7")
    copy = path.with_name("copy.db")
    copy_database(path, copy, made_at=clock())
    async with open_store(copy, now=clock) as store:
        await store.accept(update(1, client="7"))
        [delivery] = await claim(store)
        await store.acquit(delivery)
    async with open_store(copy, now=clock) as store:
        assert len(await claim(store)) == 1
