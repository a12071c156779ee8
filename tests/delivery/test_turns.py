import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.delivery.calls import Calls
from relay.delivery.turns import Turns
from relay.errors import Down
from tests.delivery.test_calls import delivery
from tests.examples import portions
from tests.virtual_time import run

DELIVERY = delivery(1)


@dataclass(frozen=True)
class Wish:
    """Who wants a turn, and when, in seconds from the start."""

    name: str
    at: float = 0.0
    urgent_since: float | None = None  #: The same.
    patience: float | None = None  #: Seconds after which it goes away.


def given_to(wishes: Sequence[Wish], rate: float, burst: int) -> list[tuple[str, float]]:
    """Who got a turn, and when, in that order."""

    async def all_of_them() -> list[tuple[str, float]]:
        loop, turns = asyncio.get_running_loop(), Turns(rate, burst, Calls())
        began, got = loop.time(), list[tuple[str, float]]()

        def note(name: str) -> Callable[[asyncio.Future[None]], None]:
            return lambda turn: None if turn.cancelled() else got.append((name, loop.time() - began))

        async def one(wish: Wish) -> None:
            await asyncio.sleep(wish.at)
            turn = turns.take(urgent_since=None if wish.urgent_since is None else began + wish.urgent_since)
            turn.add_done_callback(note(wish.name))
            if wish.patience is not None:
                loop.call_later(wish.patience, turn.cancel)
            await asyncio.wait([turn])

        await asyncio.gather(*map(one, wishes))
        return got

    return run(all_of_them())


def names(got: Sequence[tuple[str, float]]) -> str:
    return "".join(name for name, _ in got)


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        pytest.param([Wish("a"), Wish("b"), Wish("c")], "abc", id="in their order"),
        pytest.param([Wish("a"), Wish("b"), Wish("c"), Wish("X", 0.1, 0.1)], "aXbc", id="who is urgent goes first"),
        pytest.param(
            [Wish("a"), Wish("X", 0.1, 5.0), Wish("Y", 0.2, 7.0), Wish("Z", 0.3, 6.0)], "aYZX", id="the newest of them"
        ),
        pytest.param(
            [Wish("a"), Wish("b"), Wish("c"), *(Wish("X", 0.1, 1.0 + n / 10) for n in range(6))],
            "aXXbXXXcX",
            id="each fourth turn is for who has waited longest",
        ),
        pytest.param(
            [Wish("a"), Wish("X", 0.1, 1.0), *(Wish("Y", 0.2, 2.0) for _ in range(4))],
            "aYYXYY",
            id="also among the urgent",
        ),
        pytest.param([Wish("a"), Wish("b", patience=0.5), Wish("c")], "ac", id="who has gone away costs nobody a turn"),
    ],
)
def test_whose_turn_it_is(wishes: list[Wish], expected: str) -> None:
    """One turn a second, and the first at once: this is the order."""
    got = given_to(wishes, rate=1, burst=1)
    assert names(got) == expected
    assert [at for _, at in got] == pytest.approx([float(number) for number in range(len(expected))])


def test_without_a_limit_nobody_waits() -> None:
    """A rate of 0 gives each turn at once."""
    assert given_to([Wish(str(number)) for number in range(5)], rate=0, burst=5) == [(str(n), 0.0) for n in range(5)]


def test_after_a_rest_a_burst_leaves_at_once() -> None:
    """Three at once, and the fourth half a second later; three seconds later three at once again."""
    answers = [*(Wish("a", 0.0, 0.0) for _ in range(4)), *(Wish("b", 4.0, 4.0) for _ in range(4))]
    got = given_to(answers, rate=2, burst=3)
    assert [at for _, at in got] == pytest.approx([0, 0, 0, 0.5, 4.0, 4.0, 4.0, 4.5])


def test_a_backlog_leaves_a_part_of_a_burst_to_who_has_just_been_answered() -> None:
    """However long the line, an answer a second leaves at once; and the backlog takes all the other turns there are."""
    backlog = [Wish("o") for _ in range(300)]
    answers = [Wish("X", 2.0 + second, 2.0 + second) for second in range(8)]
    got = given_to([*backlog, *answers], rate=30, burst=5)
    assert [at for name, at in got if name == "X"] == pytest.approx([2.0 + second for second in range(8)], abs=0.04)
    assert got[-1][1] == pytest.approx((308 - 5) / 30, abs=0.11)


WISHES = st.lists(
    st.builds(
        Wish,
        st.uuids().map(str),
        st.floats(0, 5),
        st.none() | st.floats(0, 5),
        st.none() | st.floats(0, 3),
    ),
    min_size=1,
    max_size=60,
)


@given(WISHES, st.floats(0.5, 50), st.integers(1, 5))
def test_however_they_come_the_rate_holds_and_all_get_one(wishes: list[Wish], rate: float, burst: int) -> None:
    """Nobody who stays is forgotten, nobody gets two, and no T seconds hold more than burst + rate * T turns."""
    got = given_to(wishes, rate, burst)
    stayed = {wish.name for wish in wishes if wish.patience is None}
    assert stayed <= {name for name, _ in got}
    assert len(got) == len({name for name, _ in got})
    times = [at for _, at in got]
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= burst + rate * (times[last] - start) + 1e-6


@portions(1 / 4)
@given(st.integers(1, 12), st.floats(0.1, 0.24), st.sampled_from([1, 5]))
def test_nobody_starves(others: int, gap: float, burst: int) -> None:
    """However many urgent ones come, and however fast, the others get each fourth turn."""
    flood = [Wish("X", number * gap, number * gap) for number in range(int(others * 4 / gap))]
    got = names(given_to([*(Wish("o") for _ in range(others)), *flood], rate=1, burst=burst))
    for number in range(1, others):
        assert got.count("o", 0, 4 * number + 1) >= number


def test_what_is_not_answered_holds_up_what_is_behind_it() -> None:
    """Of a rate of ten, eight calls may be on their way: the ninth leaves when one of them is answered."""

    async def slow_answers() -> list[float]:
        loop, calls = asyncio.get_running_loop(), Calls()
        turns = Turns(10, 1, calls)
        began, left = loop.time(), list[float]()

        async def one() -> None:
            await turns.take(urgent_since=None)
            left.append(loop.time() - began)
            with calls.out(DELIVERY) as call:
                turns.unanswered(call)
                await asyncio.sleep(5)

        await asyncio.gather(*(one() for _ in range(10)))
        return left

    left = run(slow_answers())
    assert left[:8] == pytest.approx([number / 10 for number in range(8)])
    assert left[8:] == pytest.approx([5.0, 5.1])


def test_after_five_seconds_a_call_holds_up_nobody() -> None:
    """All that may be on their way hang for good: those behind them leave after five seconds, and each five more."""

    async def hang() -> list[float]:
        loop, calls = asyncio.get_running_loop(), Calls()
        turns = Turns(10, 1, calls)
        began, left = loop.time(), list[float]()

        async def one() -> None:
            await turns.take(urgent_since=None)
            left.append(loop.time() - began)
            with calls.out(DELIVERY) as call:
                turns.unanswered(call)
                await asyncio.sleep(1000)

        hanging = [asyncio.create_task(one()) for _ in range(24)]
        await asyncio.sleep(11)
        for each in hanging:
            each.cancel()
        return left

    assert run(hang()) == pytest.approx([5 * row + number / 10 for row in range(3) for number in range(8)])


def test_who_is_overtaken_by_an_answer_holds_up_nobody() -> None:
    """Chats hang while others are answered: it is not the way that holds them up, so the others wait for none of it."""

    async def some_hang() -> list[tuple[float, float]]:
        loop, calls = asyncio.get_running_loop(), Calls()
        turns = Turns(30, 5, calls)
        waited = list[tuple[float, float]]()

        async def hanging() -> None:
            await turns.take(urgent_since=0.0)
            with calls.out(DELIVERY) as call:
                turns.unanswered(call)
                await asyncio.sleep(1000)

        async def answered() -> None:
            came = loop.time()
            await turns.take(urgent_since=came)
            waited.append((came, loop.time() - came))
            with calls.out(DELIVERY) as call:
                turns.unanswered(call)
                await asyncio.sleep(0.02)

        tasks = [asyncio.create_task(hanging()) for _ in range(200)]
        for _ in range(100):
            tasks.append(asyncio.create_task(answered()))
            await asyncio.sleep(0.1)
        for each in tasks:
            each.cancel()
        return waited

    assert max(seconds for _, seconds in run(some_hang())) < 0.1


@pytest.mark.parametrize("answers", [True, False])
def test_while_nobody_is_answered_the_way_is_asked(*, answers: bool) -> None:
    """All chats hang at once: if Telegram answers a harmless call, they hold up nobody; if not, the way is held up."""

    async def all_hang() -> tuple[float, int]:
        loop, probes = asyncio.get_running_loop(), 0

        async def probe() -> None:
            nonlocal probes
            probes += 1
            await asyncio.sleep(0.02)
            if not answers:
                raise Down("no answer")

        calls = Calls(probe)
        turns = Turns(30, 5, calls)

        async def hanging() -> None:
            await turns.take(urgent_since=0.0)
            with calls.out(DELIVERY) as call:
                turns.unanswered(call)
                await asyncio.sleep(1000)

        tasks = [asyncio.create_task(hanging()) for _ in range(200)]
        await asyncio.sleep(2)
        since = loop.time()
        await turns.take(urgent_since=since)
        waited = loop.time() - since
        for each in tasks:
            each.cancel()
        return waited, probes

    waited, probes = run(all_hang())
    assert probes <= 4 * 5
    if answers:
        assert waited < 0.1
    else:
        assert 2.5 < waited < 3.1
