"""How many bodies are waited for at the same time. When there are more, who waits for most gives way to the newcomer.

Kit's bodies mostly come with their heads: such a one takes no place, and the others never wait long. Turning newcomers
away would let strangers shut Kit out with bodies that never come to their end.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from relay.errors import Unavailable
from relay.web.door import whose_of

#: With the limit of one body: what strangers can make us hold.
_MOST = 64


class Readers:
    """At most `most` at the same time."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._waiting: dict[asyncio.Timeout, str] = {}  #: Whose each is; who has waited longest comes first.
        self._given_way: set[asyncio.Timeout] = set()

    async def read(self, request: web.Request, seconds: float) -> bytes:
        """A request's body. Raises TimeoutError after so long, Unavailable when its place was needed."""
        if request.content.is_eof():
            return await request.read()  # it is here: nothing is to be waited for
        async with self._reading(seconds, whose_of(request.get_extra_info("peername"))):
            return await request.read()

    @asynccontextmanager
    async def _reading(self, seconds: float, whose: str) -> AsyncIterator[None]:
        if len(self._waiting) >= self._most:
            self._give_way()
        own = asyncio.timeout(seconds)
        try:
            async with own:
                self._waiting[own] = whose
                yield
        except TimeoutError:
            if own in self._given_way:
                raise Unavailable("others need the place") from None
            raise
        finally:
            self._waiting.pop(own, None)
            self._given_way.discard(own)

    def _give_way(self) -> None:
        """Of whoever reads most, the one that has waited longest."""
        opened = Counter(self._waiting.values())
        chosen = max(self._waiting, key=lambda each: opened[self._waiting[each]])
        del self._waiting[chosen]
        if not chosen.expired():
            self._given_way.add(chosen)
            chosen.reschedule(0)  # long ago
