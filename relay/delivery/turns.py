"""Whose turn it is to send: so many messages a second for all chats together, and who is urgent goes first."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from relay.delivery.calls import Call, Calls
from relay.delivery.pace import Pace

_ALL: Final = 0
#: Every so many turns one goes to who has waited longest, urgent or not: nobody waits for ever.
_SHARE: Final = 4
#: Calls that may be unanswered at a time, as a share of those that may leave in a second: what leaves in time and is
#: held up on its way must not arrive in a bunch that is over the limit.
_UNANSWERED: Final = 0.8
#: So much of a burst is kept for those who have waited for less than so many seconds.
_KEPT: Final = 2
_JUST: Final = 1.0


#: The part of the rate that this one of several relays may take, of which so many wait for a turn.
Part = Callable[[int], float]


def _all(_waiting: int) -> float:
    return 1.0


@dataclass(slots=True, eq=False)
class _Waiting:
    turn: asyncio.Future[None]
    since: float | None  #: Of who is urgent: since when somebody waits for it.


class Turns:
    """Gives turns at `rate` a second after a burst; a rate of 0 means no limit.

    Of those that are urgent the newest goes first: when many are answered at once somebody waits anyway, and so a lone
    answer is quick even then. The others go in their order.
    """

    def __init__(self, rate: float, burst: int, calls: Calls, part: Part = _all) -> None:
        self._pace = Pace(rate, burst)
        self._part = part
        self._most = max(1.0, rate * _UNANSWERED) if rate else math.inf
        self._kept = min(_KEPT, burst - 1)
        self._calls = calls
        self._out: set[Call] = set()  #: Whose turn came, and who are not answered yet.
        self._waiting: list[_Waiting] = []  #: In the order in which they came; not more than there are lanes in flight.
        self._timer: asyncio.TimerHandle | None = None
        self._given = 0
        calls.tell_room(self._give)

    def take(self, *, urgent_since: float | None) -> asyncio.Future[None]:
        """A turn: done at once, or when it comes. Who does not want it any more cancels it.

        `urgent_since` is when the wait for what is urgent began, on the loop's clock, and None for what is not.
        """
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(turn, urgent_since))
        self._give()
        return turn

    def unanswered(self, call: Call) -> None:
        """A call whose turn came is on its way until it ends. Of those that are not answered so many hold up others.

        One that hangs does not: its chat is to blame, and not the way.
        """
        self._out.add(call)
        call.on_end.append(self._ended)

    def _ended(self, call: Call) -> None:
        self._out.remove(call)
        self._give()

    def _is_held_up(self) -> bool:
        """Whether too many calls are not answered that may be held up on their way. In good time it is found out."""
        out = sum(not call.slow for call in self._out)
        if out >= self._most / 2:
            self._calls.question()
        return out >= self._most

    def _give(self) -> None:
        """Give the turns that there are now, and come back for the next one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        self._waiting = [each for each in self._waiting if not each.turn.done()]
        self._pace.take_part(self._part(len(self._waiting)))
        while self._waiting and not self._is_held_up():
            chosen, now = self._choose(), loop.time()
            wait = self._pace.delay(_ALL, now, keep=self._kept_from(chosen, now))
            if wait > 0:
                self._timer = loop.call_later(wait, self._give)
                return
            self._waiting.remove(chosen)
            self._pace.reserve(_ALL, now)
            self._given += 1
            chosen.turn.set_result(None)

    def _choose(self) -> _Waiting:
        """Whose turn it is, of those who wait."""
        urgent = [] if self._is_share else [each for each in self._waiting if each.since is not None]
        return max(urgent, key=lambda each: each.since or 0.0) if urgent else self._waiting[0]

    def _kept_from(self, chosen: _Waiting, now: float) -> int:
        """How much of a burst is not for this one: who has just been answered need not wait behind a backlog."""
        has_just_come = chosen.since is not None and now - chosen.since < _JUST
        return 0 if has_just_come or self._is_share else self._kept

    @property
    def _is_share(self) -> bool:
        """Whether the next turn is for who has waited longest."""
        return self._given % _SHARE == _SHARE - 1
