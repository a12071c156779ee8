"""Lines in the log about requests that are refused: so many a minute, then only their number.

Anybody can send what is refused, as often as they like. Nobody may fill the log with it.
"""

import asyncio
from typing import Final

import structlog

log = structlog.get_logger()

_LINES: Final = 10
_MINUTE: Final = 60.0


class Refusals:
    """At most `lines` a minute, and one that says how many more there were."""

    def __init__(self, lines: int = _LINES, minute: float = _MINUTE) -> None:
        self._lines = lines
        self._minute = minute
        self._left = lines
        self._more = 0
        self._ending: asyncio.TimerHandle | None = None

    def note(self, event: str, **fields: object) -> None:
        """Say it, unless enough has been said in this minute."""
        if self._ending is None:
            self._ending = asyncio.get_running_loop().call_later(self._minute, self.end)
        if self._left:
            self._left -= 1
            log.warning(event, **fields)
        else:
            self._more += 1

    def end(self) -> None:
        """The minute is over, or the relay stops: say how many were not told."""
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        if self._more:
            log.warning("request.more_refused", count=self._more)
        self._left, self._more = self._lines, 0
