"""Presses of buttons are answered at once: until then the customer's button shows that it waits.

Beside the lanes, so that no delivery waits for it; after the commit, so that what was answered is not lost. Best effort
all the same: Telegram takes an answer for a short while only, and what failed is counted and logged.
https://core.telegram.org/bots/api#answercallbackquery
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import structlog

from relay.errors import RelayError
from relay.monitoring.metrics import ChannelMetrics

log = structlog.get_logger()

_AT_A_TIME: Final = 8
_MOST: Final = 1000  #: Presses that wait for their answer.
_GRACE: Final = 2.0  #: Seconds that they get when the relay stops.

#: Tells Telegram that a press has arrived, by the query's id. Raises RelayError.
Answer = Callable[[str], Awaitable[object]]


class Presses:
    """The presses of one channel."""

    def __init__(self, answer: Answer, metrics: ChannelMetrics) -> None:
        self._answer = answer
        self._metrics = metrics
        self._waiting: asyncio.Queue[str] = asyncio.Queue(_MOST)
        self._closed = False

    def answer_all(self, updates: Iterable[Mapping[str, Any]]) -> None:
        """Answer the presses among these updates, which are committed, soon. Never waits, never fails."""
        for update in updates:
            query = update.get("callback_query")
            query_id = query.get("id") if isinstance(query, dict) else None
            if isinstance(query_id, str):
                if self._closed or self._waiting.full():
                    self._report("dropped", "the relay stops" if self._closed else "too many wait")
                else:
                    self._waiting.put_nowait(query_id)

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until `stop`, and then those that wait."""
        async with asyncio.TaskGroup() as tasks:
            workers = [tasks.create_task(self._work(), name=f"presses {number}") for number in range(_AT_A_TIME)]
            await stop.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(_GRACE):
                    await self._waiting.join()
            self._closed = True
            for worker in workers:
                worker.cancel()

    async def _work(self) -> None:
        while True:
            query_id = await self._waiting.get()
            try:
                await self._answer(query_id)
            except RelayError as error:
                self._report("failed", str(error))
            else:
                self._metrics.pressed("answered")
            finally:
                self._waiting.task_done()

    def _report(self, outcome: str, reason: str) -> None:
        self._metrics.pressed(outcome)
        log.warning("press.unanswered", outcome=outcome, reason=reason)
