"""Waiting for something to become true, without polling: every change wakes those who wait to look again."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")


class Changes:
    """The signal that a look-alike's state has changed."""

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def notify(self) -> None:
        """Wake everybody who waits, once, however many changes this pass of the loop brings."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait_for(self, predicate: Callable[[], Seen], timeout: float | None) -> Seen:  # noqa: ASYNC109 - the deadline is the contract
        """What `predicate` returns as soon as that is true. Raises TimeoutError after so many seconds, if any."""
        async with asyncio.timeout(timeout):
            while not (seen := predicate()):
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiters.append(waiter)
                await waiter
        return seen
