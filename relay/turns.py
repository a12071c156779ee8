"""Whose turn it is to send: so many messages a second for all chats together, and who is urgent goes first."""

import asyncio
import time
from collections import deque
from typing import Final

from relay.policy import Pace

_ALL: Final = 0
#: Every so many turns one goes to those who are not urgent, however many are: nobody waits for ever.
_SHARE: Final = 4


class Turns:
    """Gives turns at `rate` a second after a burst; a rate of 0 means no limit."""

    def __init__(self, rate: float, burst: int) -> None:
        self._pace = Pace(rate, burst)
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._given = 0

    def take(self, *, urgent: bool) -> asyncio.Future[None]:
        """A turn: done at once, or when it comes. Who does not want it any more cancels it."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._others).append(turn)
        self._give()
        return turn

    def _give(self) -> None:
        """Give the turns that there are now, and come back for the next one."""
        if self._timer is not None:
            return
        while self._urgent or self._others:
            wait = self._pace.delay(_ALL, time.monotonic())
            if wait > 0:
                self._timer = asyncio.get_running_loop().call_later(wait, self._again)
                return
            turn = self._next()
            if not turn.done():
                self._pace.reserve(_ALL, time.monotonic())
                self._given += 1
                turn.set_result(None)

    def _again(self) -> None:
        self._timer = None
        self._give()

    def _next(self) -> asyncio.Future[None]:
        for_others = self._others and (not self._urgent or self._given % _SHARE == _SHARE - 1)
        return (self._others if for_others else self._urgent).popleft()
