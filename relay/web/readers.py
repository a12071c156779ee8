"""How many bodies are read at the same time. When there are more, who has waited longest gives way to the newcomer.

Kit's bodies come with their heads, so they are read at once and never wait long. Turning newcomers away would let
strangers shut Kit out with bodies that never come to their end.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

#: With the limit of one body: what strangers can make us hold.
_MOST = 64


class Readers:
    """At most `most` at the same time."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._waiting: dict[asyncio.Timeout, None] = {}  # who has waited longest comes first

    @asynccontextmanager
    async def reading(self, seconds: float) -> AsyncIterator[None]:
        """Read a body within the block. Raises TimeoutError in it after so long, or when its place is needed."""
        if len(self._waiting) >= self._most:
            self._give_way()
        async with asyncio.timeout(seconds) as own:
            self._waiting[own] = None
            try:
                yield
            finally:
                self._waiting.pop(own, None)

    def _give_way(self) -> None:
        longest = next(iter(self._waiting))
        del self._waiting[longest]
        if not longest.expired():
            longest.reschedule(0)  # long ago
