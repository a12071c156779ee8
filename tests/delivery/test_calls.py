import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from relay.delivery.calls import Calls
from relay.errors import Uncertain
from relay.model import Delivery
from tests.virtual_time import run


def delivery(number: int) -> Delivery:
    return Delivery(
        number, "1", "to_kit", str(number), None, None, "", "", number, 1, crashes=0, attempts=1, steps_done=0,
        uncertain=0, accepted_at=0.0,
    )  # fmt: skip


class Watched:
    """Calls, and what is told of them."""

    def __init__(self, slow_places: int = 512) -> None:
        self.innocent: list[tuple[float, int]] = []
        self.room: list[float] = []
        self.began = asyncio.get_running_loop().time()
        self.calls = Calls(slow_places=slow_places)
        self.calls.tell_room(lambda: self.room.append(self.now))
        self.calls.tell_innocent(self._note_innocent)

    @property
    def now(self) -> float:
        return round(asyncio.get_running_loop().time() - self.began, 3)

    def _note_innocent(self, delivery: Delivery) -> None:
        self.innocent.append((self.now, delivery.id))

    def call(self, number: int, seconds: float, *, answered: bool = False) -> asyncio.Task[None]:
        async def out() -> None:
            with suppress(Uncertain), self.calls.out(delivery(number)):
                await asyncio.sleep(seconds)
                if not answered:
                    raise Uncertain("no answer")

        return asyncio.create_task(out())


def watched(story: Callable[[Watched], Awaitable[None]], slow_places: int = 512) -> Watched:
    async def told() -> Watched:
        watch = Watched(slow_places)
        await story(watch)
        return watch

    return run(told())


def test_who_is_out_for_three_seconds_is_innocent_and_after_five_takes_no_place() -> None:
    """Each is told of once, to the moment, also when others come and go meanwhile."""

    async def story(watch: Watched) -> None:
        watch.call(1, 10)
        await asyncio.sleep(1)
        watch.call(2, 10)
        watch.call(3, 2.9)
        await asyncio.sleep(2.5)
        assert watch.calls.slow == 0
        await asyncio.sleep(3)
        assert watch.calls.slow == 2
        await asyncio.sleep(4)
        assert watch.calls.slow == 1
        await asyncio.sleep(1)
        assert watch.calls.slow == 0

    seen = watched(story)
    assert seen.innocent == [(3.0, 1), (4.0, 2)]
    assert seen.room == [5.0, 6.0]


def test_no_more_than_so_many_are_slow_and_the_next_takes_the_place_of_one_that_ends() -> None:
    """The bound on what hangs holds; who hangs beyond it takes one of the usual places until one of these ends."""

    async def story(watch: Watched) -> None:
        watch.call(1, 7)
        watch.call(2, 20)
        watch.call(3, 20)
        await asyncio.sleep(6)
        assert watch.calls.slow == 2
        await asyncio.sleep(2)
        assert watch.calls.slow == 2

    seen = watched(story, slow_places=2)
    assert seen.room == [5.0, 7.0]


def test_who_is_overtaken_by_an_answer_takes_no_place_from_then_on() -> None:
    """Only who left a good while before it: two that are on their way together may arrive in any order."""

    async def story(watch: Watched) -> None:
        watch.call(1, 20)
        await asyncio.sleep(0.1)
        watch.call(2, 20)
        await asyncio.sleep(0.2)
        watch.call(3, 0.5, answered=True)
        await asyncio.sleep(0.6)
        assert watch.calls.slow == 1
        watch.call(4, 0.5)
        await asyncio.sleep(0.6)
        assert watch.calls.slow == 1, "an error shows nothing of the way"

    assert watched(story).room == [0.8]


def test_cut_ends_those_that_wait_for_an_answer_and_nobody_else() -> None:
    """Their tasks are cancelled; who is back already is not."""

    async def story(watch: Watched) -> None:
        back, out = watch.call(1, 1), watch.call(2, 100)
        await asyncio.sleep(2)
        watch.calls.cut()
        with pytest.raises(asyncio.CancelledError):
            await out
        await back

    watched(story)
