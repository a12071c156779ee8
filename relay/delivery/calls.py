"""The calls of a courier that are not answered yet. One that hangs holds up nobody, and is nobody's crime."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, takewhile
from types import TracebackType
from typing import Any, Final, Self

from relay.delivery.policy import INNOCENT_AFTER, SLOW_AFTER
from relay.errors import RelayError
from relay.model import Delivery

#: Of calls that take no place from others there are so many at most.
SLOW_PLACES: Final = 512
#: Seconds: who left so long before something that is answered already is not held up on the way, but hangs.
OVERTAKEN_BY: Final = 0.25


@dataclass(slots=True, eq=False)
class Call:
    """A call that is out until its block ends; without an error it was answered."""

    delivery: Delivery
    task: asyncio.Task[Any] | None  #: Who waits for its answer.
    since: float  #: On the loop's clock.
    on_end: list[Callable[["Call"], None]]  #: Who is told of its end; whoever came last is told first.
    innocent: bool = False
    slow: bool = False
    answered: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: TracebackType | None) -> None:
        self.answered = error is None
        for tell in reversed(self.on_end):
            tell(self)


class Calls:
    """See the module. `probe` is a harmless call that shows whether the way is free; it raises relay.errors."""

    def __init__(self, probe: Callable[[], Awaitable[object]] | None = None, *, slow_places: int = SLOW_PLACES) -> None:
        self._probe = probe
        self._slow_places = slow_places
        self._in_time: dict[Call, None] = {}  #: In the order in which they set out.
        self._slow: dict[Call, None] = {}
        self._on_room: list[Callable[[], None]] = []
        self._on_innocent: list[Callable[[Delivery], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._probing: asyncio.Task[None] | None = None

    @property
    def slow(self) -> int:
        """How many calls take no place from others."""
        return len(self._slow)

    def tell_room(self, tell: Callable[[], None]) -> None:
        """Call `tell` whenever a call has become slow, and what it took is free."""
        self._on_room.append(tell)

    def tell_innocent(self, tell: Callable[[Delivery], None]) -> None:
        """Call `tell` of each call that is out for so long that no process dies of it."""
        self._on_innocent.append(tell)

    def out(self, delivery: Delivery) -> Call:
        """A call of this task, which sets out now."""
        loop = asyncio.get_running_loop()
        call = Call(delivery, asyncio.current_task(loop), loop.time(), [self._ended])
        self._in_time[call] = None
        if self._timer is None:
            self._come_back(call.since + INNOCENT_AFTER)
        return call

    def _ended(self, call: Call) -> None:
        if call.answered:
            self._overtake(call.since)
        self._in_time.pop(call, None)
        if call.slow:
            del self._slow[call]
            self._look()  # there may be another one that hangs, for its place

    def question(self) -> None:
        """Somebody waits for calls that are not answered: find out whether it is the way, or whether they hang."""
        if self._probe is not None and self._probing is None:
            self._probing = asyncio.create_task(self._ask(self._probe), name="probe of the way")

    def close(self) -> None:
        """Ask nothing more."""
        if self._probing is not None:
            self._probing.cancel()

    def cut(self) -> None:
        """Cancel the tasks that wait for an answer."""
        for call in (*self._in_time, *self._slow):
            if call.task is not None:
                call.task.cancel()

    async def _ask(self, probe: Callable[[], Awaitable[object]]) -> None:
        loop = asyncio.get_running_loop()
        left = loop.time()
        with suppress(RelayError):
            await probe()
            self._overtake(left)
        await asyncio.sleep(max(0.0, left + OVERTAKEN_BY - loop.time()))
        self._probing = None
        self._say_room()  # whoever still waits asks again

    def _overtake(self, since: float) -> None:
        """What left then is answered."""
        self._slow_down(takewhile(lambda call: call.since < since - OVERTAKEN_BY, self._in_time))

    def _look(self) -> None:
        """See who has been out for long now, and come back when the next one will have been."""
        now = asyncio.get_running_loop().time()
        out = [*self._slow, *self._in_time]
        for call in out:
            if not call.innocent and call.since + INNOCENT_AFTER <= now:
                call.innocent = True
                for tell in self._on_innocent:
                    tell(call.delivery)
        self._slow_down(takewhile(lambda call: call.since + SLOW_AFTER <= now, self._in_time))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        times = [call.since + (SLOW_AFTER if call.innocent else INNOCENT_AFTER) for call in out]
        if coming := [time for time in times if time > now]:
            self._come_back(min(coming))

    def _slow_down(self, calls: Iterable[Call]) -> None:
        """These take no place from others any more, as far as there are places for them."""
        slow = list(islice(calls, self._slow_places - len(self._slow)))
        for call in slow:
            call.slow = True
            del self._in_time[call]
            self._slow[call] = None
        if slow:
            self._say_room()

    def _say_room(self) -> None:
        for tell in self._on_room:
            tell()

    def _come_back(self, at: float) -> None:
        self._timer = asyncio.get_running_loop().call_at(at, self._look)
