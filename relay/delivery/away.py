"""Tells customers of a long outage of Kit that their message waits, and afterwards that it has arrived."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from relay.errors import Unavailable
from relay.mapping.failure.away import arrived_line, waits_line
from relay.store.away import Notices
from relay.store.store import Store

log = structlog.get_logger()

#: Seconds between two looks, at most and at least.
_LOOK: Final = 5.0
_SHORTEST: Final = 0.2


@dataclass(slots=True)
class AwayNotices:
    """Those of one channel."""

    channel: str
    store: Store
    after: float  #: Seconds for which Kit must have been down; 0: nobody is told.
    down_for: Callable[[], float]  #: Seconds for which Kit is down; 0 while it is not.
    told: Callable[[], None]  #: Something is due for Telegram.
    _awaits: bool = True  #: Somebody may wait to hear that it has arrived: a past process may have told them.

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while self.after:
            await asyncio.sleep(max(_SHORTEST, min(_LOOK, self.after / 4)))
            try:
                await self._look()
            except Unavailable:
                continue  # the database; nobody was told, and the next look tells them

    async def _look(self) -> None:
        if self.down_for() >= self.after:
            customers = await self._tell(self.store.tell_waiting, Notices(self.channel, waits_line))
            if customers:
                self._awaits = True
                log.info("away.told_waiting", customers=customers)
        if self._awaits:
            customers = await self._tell(self.store.tell_arrived, Notices(self.channel, arrived_line))
            if customers:
                log.info("away.told_arrived", customers=customers)
            self._awaits = await self.store.awaits_notice(self.channel)

    async def _tell(self, tell: Callable[[Notices], Awaitable[int]], notices: Notices) -> int:
        """How many were told, in parts: everybody else may write between."""
        total = 0
        while customers := await tell(notices):
            total += customers
            self.told()
        return total
