import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from relay.delivery.attempt import Attempt, Carry, Later, MakeNote
from relay.delivery.courier import Courier
from relay.delivery.suspects import Suspects
from relay.errors import (
    Down,
    NotAccepted,
    RelayError,
    SourceUnavailable,
    Throttled,
    Unavailable,
    Uncertain,
    Unreachable,
)
from relay.model import Accepted, Bury, Client, Delivery, Direction, Draft, Note, Retry, Said
from relay.monitoring.metrics import Metrics
from relay.store.store import Store, open_store
from tests.databases import new_database
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, event, update
from tests.waiting import eventually


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    async with open_store(new_database(tmp_path), now=clock) as opened:
        yield opened


class OtherSide:
    """What a test lets the other side do: fail as scripted, hold, and remember what arrived."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.script: dict[str, list[RelayError]] = {}
        self.open = asyncio.Event()
        self.open.set()
        self.at_once = self.most_at_once = 0
        self.changed = asyncio.Condition()

    async def carry(self, attempt: Attempt) -> bool:
        body = attempt.delivery.body
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self._tell()
        try:
            await self.open.wait()
            if self.script.get(body):
                raise self.script[body].pop(0)
            self.arrived.append(body)
        finally:
            self.at_once -= 1
            await self._tell()
        return True

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(condition), 90)


@asynccontextmanager
async def running(
    store: Store,
    carry: Carry,
    clock: Clock,
    *,
    direction: Direction = "to_kit",
    limit: int = 256,
    make_note: MakeNote | None = None,
) -> AsyncIterator[Courier]:
    metrics = Metrics().of_channel(CHANNEL)
    courier = Courier(CHANNEL, direction, store, carry, metrics, limit=limit, now=clock, make_note=make_note)
    stop = asyncio.Event()
    task = asyncio.create_task(courier.run(stop))
    try:
        yield courier
    finally:
        stop.set()
        await task


async def settled(store: Store, outcome: str, number: int, direction: Direction = "to_kit") -> None:
    """Wait until so many deliveries have ended that way."""

    async def reached() -> bool:
        return (await store.count(CHANNEL)).totals.get((direction, outcome), 0) >= number

    await eventually(reached)


async def time_passes(store: Store, courier: Courier, clock: Clock, outcome: str, number: int) -> None:
    """Let hours pass, as fast as the courier keeps up, until so many deliveries have ended that way."""

    async def ended() -> bool:
        clock.advance(60)
        courier.wake()
        return (await store.count(CHANNEL)).totals.get((courier.direction, outcome), 0) >= number

    await eventually(ended)


def _async(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return condition()

    return check


async def test_lanes_go_side_by_side_and_each_in_order(store: Store, clock: Clock) -> None:
    """A lane that is held costs the others nothing, and every lane keeps its order."""
    side = OtherSide()
    for number in range(30):
        await store.accept(update(number, client=str(number % 3 + 1)))
    side.open.clear()
    async with running(store, side.carry, clock):
        await side.until(lambda: side.at_once == 3)
        side.open.set()
        await settled(store, "delivered", 30)
    for client in range(3):
        own = [body for body in side.arrived if int(body.split()[1]) % 3 == client]
        assert own == sorted(own, key=lambda body: int(body.split()[1]))
    assert side.most_at_once == 3


async def test_no_more_lanes_than_the_limit_are_carried_at_once(store: Store, clock: Clock) -> None:
    """The bound on what is in flight holds."""
    side = OtherSide()
    for number in range(40):
        await store.accept(update(number, client=str(number + 1)))
    async with running(store, side.carry, clock, limit=8):
        await settled(store, "delivered", 40)
    assert side.most_at_once <= 8


async def test_who_has_just_looked_for_work_does_not_look_again_at_once(store: Store, clock: Clock) -> None:
    """What another relay has accepted is found at a glance, which costs nothing right after a look."""
    side = OtherSide()
    async with running(store, side.carry, clock) as courier:
        courier.glance(0.0)
        await store.accept(update(1))
        looked_at = courier.looked_at
        courier.glance(3600.0)
        assert courier.looked_at == looked_at
        courier.glance(0.0)
        await side.until(lambda: side.arrived == ["event 1"])


@pytest.fixture
def _only_when_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Couriers look for work when somebody wakes them, and never by themselves."""
    monkeypatch.setattr("relay.delivery.courier._LOOK", 3600.0)
    monkeypatch.setattr("relay.delivery.courier.Suspects", partial(Suspects, 3600.0))


@pytest.mark.usefixtures("_only_when_woken")
async def test_what_came_while_its_lane_was_carried_is_looked_for_after_it(store: Store, clock: Clock) -> None:
    """The settlement says that there is more; when it says nothing, nobody looks."""
    side = OtherSide()
    side.open.clear()
    await store.accept(update(1))
    async with running(store, side.carry, clock) as courier:
        await side.until(lambda: side.at_once == 1)
        await store.accept(update(2))
        side.open.set()
        await settled(store, "delivered", 2)
        side.open.clear()
        await store.accept(update(3))
        courier.wake()
        await side.until(lambda: side.at_once == 1)
        looked_at = courier.looked_at
        side.open.set()
        await settled(store, "delivered", 3)
        assert courier.looked_at == looked_at


@pytest.mark.usefixtures("_only_when_woken")
@pytest.mark.parametrize(("waiting", "limit"), [(1, 256), (2, 1)])
async def test_what_somebody_else_has_freed_meanwhile_is_looked_for(
    store: Store, clock: Clock, waiting: int, limit: int
) -> None:
    """After a lost lease the lane is due again, and the place that it held is free, whatever of it was left."""
    side = OtherSide()
    side.open.clear()
    for number in range(waiting):
        await store.accept(update(number))
    async with running(store, side.carry, clock, limit=limit):
        await side.until(lambda: side.at_once == 1)
        await store.release_all()
        side.open.set()
        await settled(store, "delivered", waiting)


async def test_a_failed_delivery_is_tried_again_before_what_follows(store: Store, clock: Clock) -> None:
    """Back-off parks the lane, so the order holds; another lane passes meanwhile."""
    side = OtherSide()
    side.script["event 1"] = [Unavailable("500")]
    for number, client in ((1, "7"), (2, "7"), (3, "8")):
        await store.accept(update(number, client=client))
    async with running(store, side.carry, clock) as courier:
        await settled(store, "delivered", 1)
        assert side.arrived == ["event 3"]
        clock.advance(2)
        courier.wake()
        await settled(store, "delivered", 3)
    assert side.arrived == ["event 3", "event 1", "event 2"]


async def test_a_refused_delivery_is_a_dead_letter_and_the_lane_goes_on(store: Store, clock: Clock) -> None:
    """A final refusal costs one attempt and blocks nobody."""
    side = OtherSide()
    side.script["event 1"] = [NotAccepted("no such field")]
    await store.accept(update(1))
    await store.accept(update(2))
    async with running(store, side.carry, clock):
        await settled(store, "delivered", 1)
    assert side.arrived == ["event 2"]
    assert (await store.count(CHANNEL)).totals["to_kit", "dead"] == 1


async def test_a_throttled_chat_waits_as_long_as_it_was_told(store: Store, clock: Clock) -> None:
    """A 429 is obeyed and costs no attempt."""
    side = OtherSide()
    side.script["steps e1"] = [Throttled("429", retry_after=40.0)] * 20
    await store.accept(update(1))
    await store.accept(event("e1"))

    async def parked() -> bool:
        return (await store.claim(CHANNEL, "to_telegram", 1)).next_due_at == clock() + 40

    async with running(store, side.carry, clock, direction="to_telegram") as courier:
        for left in range(19, -1, -1):
            await side.until(lambda left=left: len(side.script["steps e1"]) == left)  # type: ignore[misc]
            await eventually(parked)
            clock.advance(40)
            courier.wake()
        await settled(store, "delivered", 1, "to_telegram")


async def test_kits_429_is_meant_for_everybody(store: Store, clock: Clock) -> None:
    """After one 429 no lane knocks at Kit again before the time is over."""
    side = OtherSide()
    for number in range(5):
        side.script[f"event {number}"] = [Throttled("429", retry_after=0.3)]
        await store.accept(update(number, client=str(number + 1)))
    async with running(store, side.carry, clock, limit=1) as courier:
        await side.until(lambda: sum(map(len, side.script.values())) == 4)
        await eventually(_async(lambda: courier.gate.is_throttled(time.monotonic())))
        began = time.monotonic()
        await side.until(lambda: sum(map(len, side.script.values())) == 3)
        assert time.monotonic() - began > 0.2


async def test_an_outage_costs_no_attempt_and_its_end_is_noticed(store: Store, clock: Clock) -> None:
    """While nobody gets through one probe at a time goes out; the first answer lets everything flow, in order."""
    side = OtherSide()
    for number in range(20):
        side.script[f"event {number}"] = [Down("no connection")]
        await store.accept(update(number, client=str(number % 4 + 1)))
    async with running(store, side.carry, clock) as courier:
        await side.until(lambda: sum(map(len, side.script.values())) == 16)
        assert courier.gate.down
        for number in range(20):
            side.script[f"event {number}"] = []
        await settled(store, "delivered", 20)
        assert not courier.gate.down
    for client in range(4):
        own = [body for body in side.arrived if int(body.split()[1]) % 4 == client]
        assert own == sorted(own, key=lambda body: int(body.split()[1]))


async def test_a_file_server_that_is_down_does_not_stop_the_others(store: Store, clock: Clock) -> None:
    """A third party's outage parks the lanes that need it and closes no gate."""
    side = OtherSide()
    for number in range(10):
        side.script[f"event {number}"] = [SourceUnavailable("no file")]
        await store.accept(update(number, client=str(number + 1)))
    async with running(store, side.carry, clock) as courier:
        await side.until(lambda: not any(side.script.values()))
        assert not courier.gate.down


async def test_a_lost_answer_counts_for_its_own_step_only(store: Store, clock: Clock) -> None:
    """A step that was lost once and then confirmed leaves no doubt on the next one."""
    await store.accept(update(1))
    await store.accept(event("e1"))
    done: list[str] = []
    lost = {"a": 1, "b": 1}

    async def carry(attempt: Attempt) -> bool:
        for number, step in enumerate("abc"):
            if number < attempt.delivery.steps_done:
                continue
            done.append(step)
            if lost.get(step):
                lost[step] -= 1
                raise Uncertain("no answer")
            if not await attempt.confirm(number + 1):
                return False
        return True

    async with running(store, carry, clock, direction="to_telegram") as courier:
        await time_passes(store, courier, clock, "delivered", 1)
    assert done == ["a", "a", "b", "b", "c"]


async def test_a_chat_that_writes_alone_survives_an_outage(store: Store, clock: Clock) -> None:
    """Kit fails for hours and only one chat writes: nobody can tell who is to blame, so nothing is buried."""
    side = OtherSide()
    side.script["event 1"] = [Unavailable("500")] * 60
    await store.accept(update(1))
    async with running(store, side.carry, clock) as courier:
        await time_passes(store, courier, clock, "delivered", 1)
    assert ("to_kit", "dead") not in (await store.count(CHANNEL)).totals


async def test_attempts_belong_to_a_step(store: Store, clock: Clock) -> None:
    """What failed often and then succeeded does not shorten the patience with the next step."""
    await store.accept(update(1))
    await store.accept(event("e1"))
    for _ in range(6):
        [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
        await store.settle(delivery, Retry(0.0, "failed"))
    stop = asyncio.Event()

    async def carry(attempt: Attempt) -> bool:
        assert await attempt.confirm(1)
        stop.set()
        raise SourceUnavailable("no file")

    await Courier(CHANNEL, "to_telegram", store, carry, Metrics().of_channel(CHANNEL), now=clock).run(stop)
    clock.advance(600)
    [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    assert (delivery.steps_done, delivery.attempts) == (1, 2)


async def test_a_bad_message_among_good_ones_is_buried(store: Store, clock: Clock) -> None:
    """Others get through while it fails: it is to blame, its attempts count, and they end."""
    side = OtherSide()
    side.script["event 1"] = [Unavailable("500")] * 100
    await store.accept(update(1, client="7"))
    async with running(store, side.carry, clock) as courier:
        for number in range(2, 60):
            await store.accept(update(number, client="8"))
            courier.wake()
            await settled(store, "delivered", number - 1)
            clock.advance(600)
            courier.wake()
            if (await store.count(CHANNEL)).totals.get(("to_kit", "dead")):
                break
    assert (await store.count(CHANNEL)).totals["to_kit", "dead"] == 1


async def test_a_gate_is_forgotten_when_nothing_waits(store: Store, clock: Clock) -> None:
    """Three chats whose answers are lost twice are buried; then nothing is known, and nothing is probed in a circle."""
    side = OtherSide()
    for number in range(3):
        await store.accept(update(number, client=str(number + 1)))
        await store.accept(event(f"e{number}", client=str(number + 1)))
        side.script[f"steps e{number}"] = [Uncertain("no answer")] * 2
    async with running(store, side.carry, clock, direction="to_telegram") as courier:
        await time_passes(store, courier, clock, "dead", 3)
        await eventually(_async(lambda: not courier.gate.down))


async def test_stopping_finishes_what_is_in_hand_and_starts_nothing_new(store: Store, clock: Clock) -> None:
    """After the stop the delivery in flight ends well; the next one stays for the next start."""
    side = OtherSide()
    side.open.clear()
    await store.accept(update(1))
    await store.accept(update(2))
    courier = Courier(CHANNEL, "to_kit", store, side.carry, Metrics().of_channel(CHANNEL), now=clock)
    stop = asyncio.Event()
    task = asyncio.create_task(courier.run(stop))
    await side.until(lambda: side.at_once == 1)
    stop.set()
    await asyncio.sleep(0)
    side.open.set()
    await task
    counts = await store.count(CHANNEL)
    assert (side.arrived, counts.waiting) == (["event 1"], {"to_kit": 1})


async def test_a_delivery_of_many_steps_stops_between_two_and_goes_on_after_them(store: Store, clock: Clock) -> None:
    """A stop does not wait for a long delivery, and what was confirmed is not repeated."""
    await store.accept(update(1))
    await store.accept(event("e1"))
    done: list[int] = []
    stop = asyncio.Event()

    async def carry(attempt: Attempt) -> bool:
        for step in range(attempt.delivery.steps_done, 4):
            done.append(step)
            if step == 1:
                stop.set()
            if not await attempt.confirm(step + 1):
                return False
        return True

    first = Courier(CHANNEL, "to_telegram", store, carry, Metrics().of_channel(CHANNEL), now=clock)
    await first.run(stop)
    assert done == [0, 1]
    async with running(store, carry, clock, direction="to_telegram"):
        await settled(store, "delivered", 1, "to_telegram")
    assert done == [0, 1, 2, 3]


async def test_a_bug_costs_one_delivery_and_is_told_aloud(store: Store, clock: Clock) -> None:
    """What is no RelayError is a bug of ours: a dead letter that names it, and the lane and its neighbours go on."""
    side = OtherSide()

    async def carry(attempt: Attempt) -> bool:
        if attempt.delivery.body == "event 1":
            raise ZeroDivisionError("words of a customer")
        return await side.carry(attempt)

    for number, client in ((1, "7"), (2, "7"), (3, "8")):
        await store.accept(update(number, client=client))
    async with running(store, carry, clock):
        await settled(store, "delivered", 2)
    assert sorted(side.arrived) == ["event 2", "event 3"]
    assert (await store.count(CHANNEL)).totals["to_kit", "dead"] == 1


@pytest.mark.parametrize("odd", [Said(2**63, "agent", "hi"), Said(1, "agent", "\ud800")], ids=["id", "words"])
@pytest.mark.parametrize("at", ["in between", "at the end"])
async def test_done_is_done_whatever_cannot_be_remembered_of_it(store: Store, clock: Clock, at: str, odd: Said) -> None:
    """What no database holds of an answer is left out: the step is neither repeated nor anybody's end."""
    done: list[str] = []

    async def carry(attempt: Attempt) -> bool:
        done.append(attempt.delivery.body)
        attempt.said += (odd,)
        if at == "in between":
            assert await attempt.confirm(1)
        attempt.finish()
        return True

    await store.accept(update(1))
    for number in range(2):
        await store.accept(event(f"e{number}"))
    async with running(store, carry, clock, direction="to_telegram"):
        await settled(store, "delivered", 2, "to_telegram")
    assert done == ["steps e0", "steps e1"]


async def test_a_note_that_cannot_be_made_costs_only_itself(store: Store, clock: Clock) -> None:
    """The dead letter is one all the same, and what comes behind it is carried."""

    def broken(_: Delivery, __: Bury | Retry) -> Note:
        def note(_: Client) -> Accepted:
            raise ZeroDivisionError

        return note

    side = OtherSide()
    side.script["steps e0"] = [NotAccepted("no")]
    await store.accept(update(1))
    for number in range(2):
        await store.accept(event(f"e{number}"))
    async with running(store, side.carry, clock, direction="to_telegram", make_note=broken):
        await settled(store, "delivered", 1, "to_telegram")
        await settled(store, "dead", 1, "to_telegram")
    assert side.arrived == ["steps e1"]


def noting(delivery: Delivery, bury: Bury | Retry) -> Note:
    def note(client: Client) -> Accepted | None:
        draft = Draft("to_kit", client.client_id, f"{delivery.body}: {bury.reason}")
        return None if client.unreachable_told else Accepted(draft, replace(client, unreachable_told=True))

    return note


async def test_who_blocks_in_the_middle_of_a_run_costs_one_call_and_one_note(store: Store, clock: Clock) -> None:
    """What was claimed with it fails without a call; after the customer's next word everything is carried again."""
    side = OtherSide()
    side.script["steps e5"] = [Unreachable("blocked", why="blocked")] * 9
    await store.accept(update(1))
    for number in range(1, 17):
        await store.accept(event(f"e{number}"))
    async with running(store, side.carry, clock, direction="to_telegram", make_note=noting) as courier:
        await settled(store, "dead", 12, "to_telegram")
        assert (side.arrived, len(side.script["steps e5"])) == ([f"steps e{n}" for n in range(1, 5)], 8)
        await store.accept(update(2))
        await store.accept(event("e17"))
        courier.wake()
        await settled(store, "delivered", 5, "to_telegram")
    assert side.arrived[-1] == "steps e17"
    to_kit = (await store.claim(CHANNEL, "to_kit", 10, 16)).deliveries
    assert [delivery.body for delivery in to_kit] == ["event 1", "steps e5: blocked", "event 2"]


async def test_a_chat_that_moves_in_a_run_is_asked_for_once(store: Store, clock: Clock) -> None:
    """The rest of the run goes straight to where the chat is now."""
    went: list[int] = []

    async def carry(attempt: Attempt) -> bool:
        address = attempt.delivery.address
        assert address is not None
        went.append(address.chat_id)
        if address.chat_id == 7:
            went.append((await attempt.move(address, -1007)).chat_id)
        return True

    await store.accept(update(1))
    for number in range(4):
        await store.accept(event(f"e{number}"))
    async with running(store, carry, clock, direction="to_telegram"):
        await settled(store, "delivered", 4, "to_telegram")
    assert went == [7, -1007, -1007, -1007, -1007]


async def test_who_must_wait_for_a_turn_lets_go_of_the_place(store: Store, clock: Clock) -> None:
    """One place, and a chat that may not write yet: another one passes, no attempt is counted, and the order holds."""
    arrived: list[tuple[str, int]] = []
    waits = {"event 1": 20}

    async def carry(attempt: Attempt) -> bool | Later:
        body = attempt.delivery.body
        if waits.get(body):
            waits[body] -= 1
            return Later(5.0)
        arrived.append((body, attempt.delivery.attempts))
        return True

    for number, client in ((1, "7"), (2, "7"), (3, "8")):
        await store.accept(update(number, client=client))
    async with running(store, carry, clock, limit=1) as courier:
        await settled(store, "delivered", 1)
        assert arrived == [("event 3", 1)]
        await time_passes(store, courier, clock, "delivered", 3)
    assert arrived == [("event 3", 1), ("event 1", 1), ("event 2", 1)]


async def test_however_many_fresh_lanes_come_a_quarter_of_the_places_is_for_the_old(store: Store, clock: Clock) -> None:
    """Each delivery brings another lane that is newer: the old backlog drains all the same."""
    arrived: list[str] = []

    async def carry(attempt: Attempt) -> bool:
        arrived.append(attempt.delivery.body)
        if len(arrived) < 40:
            await store.accept(update(100 + len(arrived), client=str(100 + len(arrived))))
        return True

    for number in range(5):
        await store.accept(update(number, client=str(number + 1)))
    clock.advance(60)
    async with running(store, carry, clock, limit=1):
        await settled(store, "delivered", 44)
    assert {f"event {number}" for number in range(5)} <= set(arrived[:20])
    assert sum(int(body.split()[1]) >= 100 for body in arrived[:20]) == 15


async def test_an_old_backlog_leaves_places_free_for_who_comes_meanwhile(store: Store, clock: Clock) -> None:
    """All that a backlog may hold is held, and hangs: a fresh lane is carried at once, beside it."""
    side = OtherSide()

    async def carry(attempt: Attempt) -> bool:
        return True if attempt.delivery.body == "event 99" else await side.carry(attempt)

    for number in range(40):
        await store.accept(update(number, client=str(number + 1)))
    clock.advance(60)
    side.open.clear()
    async with running(store, carry, clock, limit=8) as courier:
        await side.until(lambda: side.at_once == 6)
        await store.accept(update(99, client="99"))
        courier.wake()
        await settled(store, "delivered", 1)
        assert side.arrived == []
        side.open.set()
        await settled(store, "delivered", 41)
