"""Whose turn it is to send: so many messages a second for all chats together, and who is urgent goes first."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from relay.delivery.pace import Pace
from relay.delivery.policy import SLOW_AFTER

_ALL: Final = 0
#: Every so many turns one goes to who has waited longest, urgent or not: nobody waits for ever.
_SHARE: Final = 4
#: Calls that may be unanswered at a time, as a share of those that may leave in a second: what leaves in time and is
#: held up on its way must not arrive in a bunch that is over the limit.
_UNANSWERED: Final = 0.8
#: Who is overtaken by an answer to what left so many seconds later is not held up on the way, but hangs.
_OVERTAKEN_BY: Final = 0.25


@dataclass(frozen=True, slots=True)
class _Waiting:
    turn: asyncio.Future[None]
    since: float | None  #: Of who is urgent: since when somebody waits for it.


class Turns:
    """Gives turns at `rate` a second after a burst; a rate of 0 means no limit.

    Of those that are urgent the newest goes first: when many are answered at once somebody waits anyway, and so a lone
    answer is quick even then. The others go in their order.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._pace = Pace(rate, burst)
        self._most = max(1.0, rate * _UNANSWERED) if rate else math.inf
        self._out: dict[object, float] = {}  #: Calls that are not answered yet: when they left.
        self._answered = -math.inf  #: When the last one left of those that are answered.
        self._waiting: list[_Waiting] = []  #: In the order in which they came; not more than there are lanes in flight.
        self._timer: asyncio.TimerHandle | None = None
        self._given = 0

    def take(self, *, urgent_since: float | None) -> asyncio.Future[None]:
        """A turn: done at once, or when it comes. Who does not want it any more cancels it.

        `urgent_since` is when the wait for what is urgent began, and None for what is not.
        """
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(turn, urgent_since))
        self._give()
        return turn

    @contextmanager
    def unanswered(self) -> Iterator[None]:
        """A call whose turn came is on its way meanwhile. Of slow ones so many hold up those behind them.

        One that hangs does not: its chat is to blame, and not the way.
        """
        loop, call = asyncio.get_running_loop(), object()
        left = self._out[call] = loop.time()
        hangs = loop.call_at(left + SLOW_AFTER, self._give)
        try:
            yield
            self._answered = max(self._answered, left)
        finally:
            hangs.cancel()
            del self._out[call]
            self._give()

    def _held_up(self, now: float) -> int:
        """How many calls are unanswered, and may be so because of what holds up all of them."""
        after = max(now - SLOW_AFTER, self._answered - _OVERTAKEN_BY)
        return sum(left > after for left in self._out.values())

    def _give(self) -> None:
        """Give the turns that there are now, and come back for the next one."""
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        while self._waiting and self._held_up(loop.time()) < self._most:
            wait = self._pace.delay(_ALL, loop.time())
            if wait > 0:
                self._timer = loop.call_later(wait, self._again)
                return
            if (turn := self._next()) is not None:
                self._pace.reserve(_ALL, loop.time())
                self._given += 1
                turn.set_result(None)

    def _again(self) -> None:
        self._timer = None
        self._give()

    def _next(self) -> asyncio.Future[None] | None:
        """Whose turn it is, taken out of the line. None: all have gone away."""
        self._waiting = [each for each in self._waiting if not each.turn.done()]
        urgent = [each for each in self._waiting if each.since is not None]
        if urgent and self._given % _SHARE != _SHARE - 1:
            chosen = max(urgent, key=lambda each: each.since or 0.0)
        elif self._waiting:
            chosen = self._waiting[0]
        else:
            return None
        self._waiting.remove(chosen)
        return chosen.turn
