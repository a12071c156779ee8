"""The delivery that kills the process is found out, and neither a death nor a stop costs anybody else anything."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import structlog

from relay.delivery.attempt import Attempt, Carry
from relay.delivery.courier import Courier
from relay.delivery.suspects import Suspects
from relay.errors import Throttled, Uncertain
from relay.model import Delivery, Direction
from relay.monitoring.log import add_fields
from relay.monitoring.metrics import Metrics
from relay.store.store import Store, open_store
from tests.databases import new_database
from tests.store.letters import CHANNEL, event, update
from tests.waiting import eventually


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(new_database(tmp_path)) as opened:
        yield opened


def courier(store: Store, carry: Carry, direction: Direction = "to_kit", suspects: Suspects | None = None) -> Courier:
    suspects = suspects or Suspects(head_start=0.05)
    metrics = Metrics().of_channel(CHANNEL)
    return Courier(CHANNEL, direction, store, carry, metrics, suspects=suspects, name=name)


def name(delivery: Delivery) -> dict[str, object]:
    """What the log calls a delivery."""
    return {"update": delivery.source_id}


@asynccontextmanager
async def running(*couriers: Courier) -> AsyncIterator[asyncio.Event]:
    """Couriers that run until the event is set, or the block ends; if they are still there then, their process dies."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(each.run(stop, grace=0.1)) for each in couriers]
    try:
        yield stop
        if stop.is_set():
            await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def total(store: Store, outcome: str, direction: Direction = "to_kit") -> int:
    return (await store.count(CHANNEL)).totals.get((direction, outcome), 0)


def reached(store: Store, outcome: str, number: int, direction: Direction = "to_kit") -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return await total(store, outcome, direction) >= number

    return check


async def deaths(store: Store, number: int, lanes: int, direction: Direction = "to_kit") -> None:
    """Let so many processes die with all these lanes in flight."""
    for _ in range(number):
        assert len((await store.claim(CHANNEL, direction, lanes)).lanes) == lanes
        await store.release_all()


async def test_a_delivery_that_kills_is_buried_after_six_deaths_and_its_neighbours_go_on(store: Store) -> None:
    """Twenty chats are busy beside it at each death: none of them is buried, or has a death on its account after it."""
    died = asyncio.Event()
    arrived: list[str] = []

    async def carry(attempt: Attempt) -> bool:
        if attempt.delivery.body == "event 999":
            died.set()
            await asyncio.sleep(100)
        await asyncio.sleep(0.01)
        arrived.append(attempt.delivery.body)
        return True

    await store.accept(update(999, client="99"))
    lives = 0
    while not await total(store, "dead"):
        for chat in range(20):
            await store.accept(update(lives * 20 + chat, client=str(chat + 1)))
        lives += 1
        died.clear()
        async with running(courier(store, carry)):
            dead = asyncio.create_task(eventually(reached(store, "dead", 1)))
            await asyncio.wait([asyncio.create_task(died.wait()), dead], return_when=asyncio.FIRST_COMPLETED)
        dead.cancel()
        await store.release_all()
    assert lives == 7
    async with running(courier(store, carry)):
        await eventually(reached(store, "delivered", 140))
    assert len(set(arrived)) == 140
    for chat in range(20):
        await store.accept(update(1000 + chat, client=str(chat + 1)))
    assert {each.crashes for each in (await store.claim(CHANNEL, "to_kit", 30)).deliveries} == {0}


@pytest.mark.parametrize("others", [True, False])
async def test_six_quick_kills_while_a_side_hangs_bury_nothing(store: Store, *, others: bool) -> None:
    """A lone chat, and each time it is out for less than three seconds: it is no killer until others get through."""
    await store.accept(update(1))
    await deaths(store, 3, 1)
    out = asyncio.Event()

    async def carry(attempt: Attempt) -> bool:
        if attempt.delivery.client_id == "9":
            return True
        out.set()
        with attempt.calling():
            await asyncio.sleep(100)
        return True

    lives = 0
    while not await total(store, "dead") and lives < 8:
        lives += 1
        out.clear()
        if others:
            await store.accept(update(lives + 10, client="9"))
        async with running(courier(store, carry)):
            dead = asyncio.create_task(eventually(reached(store, "dead", 1)))
            await asyncio.wait([asyncio.create_task(out.wait()), dead], return_when=asyncio.FIRST_COMPLETED)
        dead.cancel()
        await store.release_all()
    assert (lives, await total(store, "dead")) == ((4, 1) if others else (8, 0))


async def test_suspects_hold_up_nobody_and_go_one_at_a_time(store: Store) -> None:
    """Five of them hang: who comes meanwhile, in either direction, is carried at once; and never two are out."""
    for client in range(1, 6):
        await store.accept(update(client, client=str(client)))
    await deaths(store, 3, 5)
    out: set[str] = set()
    most = 0
    answers = asyncio.Event()

    async def carry(attempt: Attempt) -> bool:
        nonlocal most
        delivery = attempt.delivery
        if delivery.crashes:
            out.add(delivery.body)
            most = max(most, len(out))
            with attempt.calling():
                await answers.wait()
                await asyncio.sleep(0.05)
            out.discard(delivery.body)
        return True

    suspects = Suspects(head_start=0.05)
    couriers = courier(store, carry, "to_kit", suspects), courier(store, carry, "to_telegram", suspects)
    async with running(*couriers) as stop:
        await eventually(_is(lambda: bool(out)))
        await store.accept(update(9, client="9"))
        await store.accept(event("e9", client="9"))
        for each in couriers:
            each.wake()
        await eventually(reached(store, "delivered", 1, "to_telegram"))
        await eventually(reached(store, "delivered", 1))
        answers.set()
        await eventually(reached(store, "delivered", 6))
        stop.set()
    assert most == 1


async def test_a_suspect_that_hangs_is_innocent_after_three_seconds_and_the_next_one_goes(store: Store) -> None:
    """Before its answer comes that is on disk: a death from then on is not charged to it."""
    for client in ("1", "2"):
        await store.accept(update(int(client), client=client))
    await deaths(store, 3, 2)
    set_out: list[tuple[float, str]] = []

    async def carry(attempt: Attempt) -> bool:
        set_out.append((time.monotonic(), attempt.delivery.client_id))
        with attempt.calling():
            await asyncio.sleep(100)
        return True

    with structlog.testing.capture_logs([add_fields]) as log:
        async with running(courier(store, carry)):
            await eventually(_is(lambda: len(set_out) == 2))
    client = set_out[0][1]
    assert [(line["client"], line["update"]) for line in log if line["event"] == "delivery.slow"] == [(client, client)]
    assert 2.9 < set_out[1][0] - set_out[0][0] < 4
    await store.release_all()
    first, second = set_out[0][1], set_out[1][1]
    [cleared] = (await store.claim(CHANNEL, "to_kit", 9)).deliveries
    [charged] = (await store.claim(CHANNEL, "to_kit", 9, suspects=True)).deliveries
    assert [(cleared.client_id, cleared.crashes), (charged.client_id, charged.crashes)] == [(first, 0), (second, 4)]


async def test_a_suspect_goes_only_where_the_gate_lets_it(store: Store) -> None:
    """While the side is down none goes but as the probe."""
    await store.accept(update(1))
    await deaths(store, 3, 1)
    tried: list[float] = []

    async def carry(attempt: Attempt) -> bool:
        tried.append(time.monotonic())
        return bool(attempt)

    one = courier(store, carry)
    one.gate.throttled(Throttled("429", retry_after=0.5), time.monotonic())
    began = time.monotonic()
    async with running(one) as stop:
        await eventually(reached(store, "delivered", 1))
        stop.set()
    assert tried[0] - began >= 0.5


async def test_a_stop_lets_go_of_what_hangs_and_charges_nobody(store: Store) -> None:
    """Six stops while both sides hang: nothing is charged or buried; what Telegram may have is marked, Kit's is not."""
    await store.accept(update(1))
    await store.accept(event("e1"))
    out = 0

    async def carry(attempt: Attempt) -> bool:
        nonlocal out
        out += 1
        with attempt.calling(on_its_way=attempt.delivery.direction == "to_kit" or not attempt.delivery.uncertain):
            await asyncio.sleep(100)
        return True

    for life in range(6):
        async with running(courier(store, carry), courier(store, carry, "to_telegram")) as stop:
            await eventually(_is(lambda life=life: out == 2 * life + 2))  # type: ignore[misc]
            stop.set()
        await store.release_all()
    [to_kit] = (await store.claim(CHANNEL, "to_kit", 9)).deliveries
    [to_telegram] = (await store.claim(CHANNEL, "to_telegram", 9)).deliveries
    assert (to_kit.crashes, to_kit.attempts, to_kit.uncertain) == (0, 1, 0)
    assert (to_telegram.crashes, to_telegram.attempts, to_telegram.uncertain) == (0, 1, 1)


async def test_a_call_that_was_uncertain_before_is_not_made_a_third_time_after_a_stop(store: Store) -> None:
    """Its answer was lost once, and the stop did not wait for the second: it may have arrived, and says so."""
    await store.accept(update(1))
    await store.accept(event("e1"))
    calls = 0

    async def carry(attempt: Attempt) -> bool:
        nonlocal calls
        calls += 1
        with attempt.calling():
            if calls == 1:
                raise Uncertain("no answer")
            await asyncio.sleep(100)
        return True

    async with running(courier(store, carry, "to_telegram")) as stop:
        await eventually(_is(lambda: calls == 2))
        stop.set()
    assert await total(store, "dead", "to_telegram") == 1


async def test_a_file_that_was_still_being_fetched_did_not_arrive(store: Store) -> None:
    """A stop while it is fetched leaves no doubt; one after it has left for Telegram does."""
    await store.accept(update(1))
    doubts = []
    for leaves in (False, True):
        await store.accept(event(f"e{leaves}"))
        out = asyncio.Event()

        async def carry(attempt: Attempt, *, leaves: bool = leaves, out: asyncio.Event = out) -> bool:
            with attempt.calling(on_its_way=False):
                if leaves:
                    attempt.leave()
                out.set()
                await asyncio.sleep(100)
            return True

        async with running(courier(store, carry, "to_telegram")) as stop:
            await asyncio.wait_for(out.wait(), 90)
            stop.set()
        [delivery] = (await store.claim(CHANNEL, "to_telegram", 9)).deliveries
        doubts.append(delivery.uncertain)
        await store.release_all()
    assert doubts == [0, 1]


async def test_calls_that_hang_take_no_place_from_others(store: Store) -> None:
    """All places hang: after five seconds the next ones are carried, and so on; the bound on the others holds."""
    for client in range(1, 25):
        await store.accept(update(client, client=str(client)))
    out = set[str]()

    async def carry(attempt: Attempt) -> bool:
        out.add(attempt.delivery.client_id)
        with attempt.calling():
            await asyncio.sleep(100)
        return True

    one = Courier(CHANNEL, "to_kit", store, carry, Metrics().of_channel(CHANNEL), limit=8)
    async with running(one):
        await eventually(_is(lambda: len(out) == 8))
        began = time.monotonic()
        await store.accept(update(99, client="99"))
        one.wake()
        await eventually(_is(lambda: "99" in out))
        assert 4.5 < time.monotonic() - began < 6
        await eventually(_is(lambda: len(out) >= 14))  # a quarter of the places is kept for who comes meanwhile
        with suppress(TimeoutError):
            await eventually(_is(lambda: len(out) > 16), within=2)
        assert len(out) <= 16


def _is(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return condition()

    return check
