"""The other side through the eyes of a courier, on a clock that jumps: who is blamed, and how soon it is well again."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.delivery.gate import LONE_REFUSALS, LONE_TIME, LONG_DOWN
from relay.delivery.side import Side
from relay.errors import CredentialsRefused, Down, NotAccepted, RelayError, Unavailable, Uncertain
from relay.model import Bury, Result, Retry
from tests.delivery.test_policy import delivery
from tests.virtual_time import run

REFUSED = NotAccepted("Kit refused it (HTTP 409)")
#: What is wrong with it. `black hole`: no connection comes about. `hangs`: it takes connections and answers nothing.
Fault = Literal["refuses connections", "black hole", "hangs", "fails", "a proxy fails", "refuses credentials"]


@dataclass
class Kit:
    """Whether its login is well, and how often that was asked."""

    well: bool = True
    asked: int = 0
    seconds: float = 1000.0

    async def check_login(self) -> None:
        self.asked += 1
        if not self.well:
            raise Unavailable("Kit refused the refresh token")


@pytest.fixture
def kit() -> Kit:
    return Kit()


@pytest.fixture
def side(kit: Kit) -> Side:
    return Side("to_kit", check_login=kit.check_login, now=lambda: kit.seconds)


async def refused(side: Side, kit: Kit, times: int = 1) -> list[Result]:
    """Refused so often, each time after the wait that the verdict before imposed."""
    results: list[Result] = []
    for _ in range(times):
        result = await side.failed(REFUSED, delivery(), kit.seconds)
        kit.seconds += result.after if isinstance(result, Retry) else 0.0
        results.append(result)
    return results


async def test_a_chat_that_writes_alone_is_given_up_once_the_login_is_fine(side: Side, kit: Kit) -> None:
    """Ten minutes of refusals, and Kit knows us as ever: it is the message."""
    began, results = kit.seconds, list[Result]()
    while not results or isinstance(results[-1], Retry):
        results += await refused(side, kit)
    assert LONE_TIME <= kit.seconds - began <= LONE_TIME + 60.0
    assert len(results) >= LONE_REFUSALS
    assert results[-1] == Bury(str(REFUSED), "refused_content")
    assert kit.asked == 1


async def test_it_waits_for_as_long_as_the_login_is_not(side: Side, kit: Kit) -> None:
    """Hours of it bury nothing, at a try a minute; the login's recovery ends them."""
    kit.well = False
    hours = await refused(side, kit, 300)
    assert all(isinstance(result, Retry) and result.free and result.after <= 60.0 for result in hours)
    assert kit.asked > 100
    kit.well = True
    [last] = await refused(side, kit)
    assert isinstance(last, Bury)


async def test_among_others_the_second_refusal_is_the_last(side: Side, kit: Kit) -> None:
    """And what comes behind it in the chat begins anew."""
    [first] = await refused(side, kit)
    side.gate.passed(2, set_out=kit.seconds - 0.1, now=kit.seconds)
    [second] = await refused(side, kit)
    [next_one] = await refused(side, kit)
    assert isinstance(first, Retry)
    assert isinstance(second, Bury)
    assert isinstance(next_one, Retry)
    assert kit.asked == 0


async def test_telegrams_refusal_is_its_word(kit: Kit) -> None:
    """It says what it refuses, so one is enough."""
    side = Side("to_telegram", now=lambda: kit.seconds)
    assert isinstance(await side.failed(NotAccepted("Telegram: no"), delivery("to_telegram"), kit.seconds), Bury)


@dataclass
class Outage:
    """A side with a fault that ends, and a courier with much to send. Every request is written down."""

    fault: Fault
    ends: float
    slow: float = 0.01  #: Seconds that its answers take once it is well.
    requests: list[float] = field(default_factory=list)
    well_at: float | None = None
    attempts: Counter[int] = field(default_factory=Counter)  #: By chat, those that count.

    async def answer(self, connect: float, patience: float, *, probe: bool = False) -> None:
        """What becomes of a request that has so long for a connection, and in all. Raises what the adapters raise."""
        now = asyncio.get_running_loop().time
        self.requests.append(now())
        if now() >= self.ends:
            await self._well(patience)
            return
        match self.fault:
            case "refuses connections":
                raise Down("no connection")
            case "black hole":
                await asyncio.sleep(connect)
                raise Down("no connection in time")
            case "hangs":
                await asyncio.sleep(patience)
                raise Uncertain("no answer")
            case "fails":
                raise Unavailable("503")
            case "a proxy fails" if not probe:
                raise Unavailable("502")
            case "refuses credentials" if not probe:
                raise CredentialsRefused("401")

    async def _well(self, patience: float) -> None:
        await asyncio.sleep(min(self.slow, patience))
        if self.slow > patience:
            raise Uncertain("no answer")

    async def probe(self, seconds: float) -> None:
        """A harmless call."""
        await self.answer(3.0, seconds, probe=True)

    async def send(self, side: Side, lane: int) -> float:
        """A message of some chat. Returns when the chat's next attempt may be."""
        now = asyncio.get_running_loop().time
        set_out, which = now(), replace(delivery(attempts=self.attempts[lane] + 1), lane_id=lane)
        try:
            await self.answer(10.0, 30.0)
        except RelayError as error:
            result = await side.failed(error, which, set_out)
            assert isinstance(result, Retry)
            self.attempts[lane] += not result.free
            return now() + result.after
        side.passed(which, set_out)
        if now() >= self.ends:
            self.well_at = self.well_at or now()
        return now() + 1.0

    async def play(self, chats: int) -> None:
        """Everybody writes all the time, from the fault's beginning until a message is through after its end."""
        loop = asyncio.get_running_loop()
        began, self.ends = loop.time(), loop.time() + self.ends
        side = Side("to_kit", self.probe, now=loop.time)
        due = dict.fromkeys(range(chats), began)

        async def carry(lane: int) -> None:
            due[lane] = await self.send(side, lane)

        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(side.watch())
            while self.well_at is None:
                now = loop.time()
                if side.returned:
                    side.returned, due = False, {lane: min(at, now) for lane, at in due.items()}
                waiting = sorted((at, lane) for lane, at in due.items() if at <= now)
                setting_out = waiting[: side.gate.room(len(waiting), now)]
                if setting_out and not side.gate.is_open(now):
                    side.gate.tried(now)
                for _, lane in setting_out:
                    del due[lane]
                    tasks.create_task(carry(lane))
                await asyncio.sleep(0.2)
                assert now < self.ends + 60, "it is never well again"
            watching.cancel()
        self.well_at -= began
        self.ends -= began


def played(fault: Fault, seconds: float, *, chats: int = 10, slow: float = 0.01) -> Outage:
    outage = Outage(fault, seconds, slow)
    run(outage.play(chats))
    assert outage.well_at is not None
    return outage


FAULTS: list[Fault] = ["refuses connections", "black hole", "hangs", "fails", "a proxy fails"]


@settings(max_examples=20)
@given(fault=st.sampled_from(FAULTS), seconds=st.floats(37, 600), chats=st.integers(1, 20))
def test_it_is_well_within_five_seconds_after_up_to_ten_minutes(fault: Fault, seconds: float, chats: int) -> None:
    """Whatever it was that it could not, and without a storm meanwhile."""
    outage = played(fault, seconds, chats=chats)
    assert outage.well_at is not None
    assert outage.well_at - seconds <= 5.0
    meanwhile = [at for at in outage.requests if at - outage.requests[0] > 36]  # those before hang for half a minute
    assert sum(at - outage.requests[0] < seconds for at in meanwhile) <= seconds - 36 + 2


@settings(max_examples=8)
@given(fault=st.sampled_from(FAULTS), seconds=st.floats(LONG_DOWN + 40, 3 * LONG_DOWN))
def test_it_is_well_within_fifteen_seconds_after_hours(fault: Fault, seconds: float) -> None:
    """A request each ten seconds is enough then, or two."""
    outage = played(fault, seconds)
    assert outage.well_at is not None
    assert outage.well_at - seconds <= 15.0
    late = [at for at in outage.requests if LONG_DOWN + 40 < at - outage.requests[0] < seconds]
    assert len(late) <= (seconds - LONG_DOWN) / 4 + 2


def test_refused_credentials_are_tried_each_ten_seconds() -> None:
    """Well again within thirty: each try may be a login, and too many of them lock us out."""
    outage = played("refuses credentials", 120.0)
    assert outage.well_at is not None
    assert outage.well_at - 120.0 <= 30.0
    assert sum(at - outage.requests[0] < 120 for at in outage.requests) <= 10 + 120 / 10


@pytest.mark.parametrize("fault", ["black hole", "refuses connections"])
def test_no_message_is_sent_into_a_black_hole_once_that_is_known(fault: Fault) -> None:
    """Probes find out; a chat's message would hang for ten seconds, and its chat with it."""
    outage = played(fault, 300.0, chats=20)
    sent = [at - outage.requests[0] for at in outage.requests]
    assert sum(10.5 < at < 300 for at in sent) <= 300 / 1.5 + 1, "only the probes"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_side_that_answers_after_six_seconds_is_up(fault: Fault) -> None:
    """It was down, and is slow now: a probe that has more time finds out, once in fifteen seconds."""
    outage = played(fault, 60.0, slow=6.0)
    assert outage.well_at is not None
    assert outage.well_at - 60.0 <= 5.0 + 15.0 + 2 * 6.0 + 1.0
