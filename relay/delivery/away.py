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
            waits = Notices(self.channel, waits_line)
            self._awaits |= await self._tell(self.store.tell_waiting, waits, "away.told_waiting")
        if self._awaits:
            await self._tell(self.store.tell_arrived, Notices(self.channel, arrived_line), "away.told_arrived")
            self._awaits = await self.store.awaits_notice(self.channel)

    async def _tell(self, tell: Callable[[Notices], Awaitable[int]], notices: Notices, event: str) -> bool:
        """Whether anybody was told."""
        total = 0
        while customers := await tell(notices):
            total += customers
            self.told()
        if total:
            log.info(event, customers=total)
        return total > 0
