"""How many files are streamed at the same time: in all, and of one link."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import Gauge

from relay.errors import Unavailable


@dataclass(slots=True)
class _Link:
    slots: asyncio.Semaphore
    users: int = 0  #: Streams of the link, and those who wait for one.


class Slots:
    """At most `total` streams, and of one link `each`, so that slow readers of one leave streams to the others.

    `in_use` shows how many there are. Who finds none free waits for `patience` seconds.
    """

    def __init__(self, in_use: Gauge, total: int = 32, each: int = 6, patience: float = 10.0) -> None:
        self._patience = patience
        self._in_use = in_use
        self._all = asyncio.Semaphore(total)
        self._each = each  # six: what a browser opens to one host at a time
        self._links: dict[str, _Link] = {}

    @asynccontextmanager
    async def taken(self, link: str) -> AsyncIterator[None]:
        """Have a stream. Raises Unavailable when none becomes free in time."""
        own = self._links.setdefault(link, _Link(asyncio.Semaphore(self._each)))
        own.users += 1
        try:
            # One's own first: who waits for that takes none of all.
            async with (
                self._in_time(own.slots, "all streams of this link are in use"),
                self._in_time(self._all, "all media streams are in use"),
            ):
                with self._in_use.track_inprogress():
                    yield
        finally:
            own.users -= 1
            if not own.users:
                del self._links[link]

    @asynccontextmanager
    async def _in_time(self, slots: asyncio.Semaphore, otherwise: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience):
                await slots.acquire()
        except TimeoutError:
            raise Unavailable(otherwise) from None
        try:
            yield
        finally:
            slots.release()
