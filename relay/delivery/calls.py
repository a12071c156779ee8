"""The calls of a courier that are not answered yet. One that hangs holds up nobody, and is nobody's crime."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from relay.delivery.policy import INNOCENT_AFTER, SLOW_AFTER
from relay.model import Delivery

#: Of calls that take no place from others there are so many at most.
SLOW_PLACES: Final = 512


@dataclass(slots=True, eq=False)
class Call:
    """A call that is out."""

    delivery: Delivery
    task: asyncio.Task[Any] | None  #: Who waits for its answer.
    since: float  #: On the loop's clock.
    innocent: bool = False
    slow: bool = False


class Calls:
    """See the module. `on_innocent` is told of each call that is out for long, `on_room` that a place is free again."""

    def __init__(
        self, on_innocent: Callable[[Delivery], None], on_room: Callable[[], None], *, slow_places: int = SLOW_PLACES
    ) -> None:
        self.slow = 0  #: Calls that take no place from others.
        self._slow_places = slow_places
        self._on_innocent = on_innocent
        self._on_room = on_room
        self._out: dict[Call, None] = {}  #: In the order in which they set out.
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def out(self, delivery: Delivery) -> Iterator[Call]:
        """A call of this task is on its way meanwhile."""
        call = Call(delivery, asyncio.current_task(), asyncio.get_running_loop().time())
        self._out[call] = None
        if self._timer is None:
            self._come_back(call.since + INNOCENT_AFTER)
        try:
            yield call
        finally:
            del self._out[call]
            if call.slow:
                self.slow -= 1
                self._look()  # there may be another one that hangs, for its place

    def cut(self) -> None:
        """Cancel the tasks that wait for an answer."""
        for call in self._out:
            if call.task is not None:
                call.task.cancel()

    def _look(self) -> None:
        """See who has been out for long now, and come back when the next one will have been."""
        now, slow_before = asyncio.get_running_loop().time(), self.slow
        for call in self._out:
            if not call.innocent and call.since + INNOCENT_AFTER <= now:
                call.innocent = True
                self._on_innocent(call.delivery)
            if not call.slow and call.since + SLOW_AFTER <= now and self.slow < self._slow_places:
                call.slow = True
                self.slow += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        times = [call.since + (SLOW_AFTER if call.innocent else INNOCENT_AFTER) for call in self._out]
        coming = [time for time in times if time > now]
        if coming:
            self._come_back(min(coming))
        if self.slow > slow_before:
            self._on_room()

    def _come_back(self, at: float) -> None:
        self._timer = asyncio.get_running_loop().call_at(at, self._look)
