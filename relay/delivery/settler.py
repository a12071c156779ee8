"""What became of an attempt: written down whatever the disk says meanwhile, counted, and logged."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

import structlog

from relay.delivery.attempt import report_unwritten
from relay.errors import Unavailable
from relay.model import Bury, Delivered, Delivery, Direction, Result, Retry
from relay.monitoring.metrics import CourierMetrics
from relay.store.settling import Settled
from relay.store.store import Store

log = structlog.get_logger()

#: Attempts of which it is remembered how long they took, and for how many seconds that is of interest.
_REMEMBERED = 1000
_MINUTE = 60.0
_OUTCOMES = {Delivered: "delivered", Retry: "retried", Bury: "dead"}


class Settler:
    """Of one courier. `wake` is called when something that waits for the database may go on."""

    def __init__(
        self,
        direction: Direction,
        store: Store,
        metrics: CourierMetrics,
        now: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._now = now
        self._wake = wake
        self._log = log.bind(direction=direction)
        self._took: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)  #: Attempts: when they ended, seconds.

    def attempt_seconds(self) -> float | None:
        """The seconds that 95 of 100 attempts of the last minute stayed under; None: there were none."""
        since = time.monotonic() - _MINUTE
        took = sorted(seconds for ended, seconds in self._took if ended > since)
        return took[int(0.95 * (len(took) - 1))] if took else None

    async def settle(self, delivery: Delivery, result: Result, *, last: bool) -> Settled:
        """Settle it, however long the database cannot commit."""
        while True:
            try:
                settled = await self._store.settle(delivery, result, last=last)
            except Unavailable:
                await asyncio.sleep(1.0)  # done is done: it must not be carried again because the disk was full
                self._wake()
                continue
            except Exception as error:
                if result == (bare := _bare(result)):
                    raise
                report_unwritten(delivery, error)
                result = bare
                continue
            if not settled:
                log.warning("delivery.lease_lost", delivery=delivery.id, direction=delivery.direction)
            return settled

    def report(self, delivery: Delivery, result: Result, took: float, message_ids: tuple[int, ...]) -> None:
        """Count an attempt that took so many seconds, and log it with the numbers of the messages that it has sent."""
        outcome = _OUTCOMES[type(result)]
        fields: dict[str, object] = {}
        if isinstance(result, Retry):
            if result.paced:
                return  # once for each message of a long row: it says nothing
            fields = {"after": round(result.after, 1), "reason": result.reason}
        elif isinstance(result, Bury):
            fields = {"reason": result.reason}
            self._metrics.buried(result.why)
        else:
            self._metrics.delivered(self._now() - delivery.accepted_at)
        if message_ids:
            fields["message_ids"] = message_ids
        self._took.append((time.monotonic(), took))
        self._metrics.attempted(outcome, took)
        level = self._log.warning if isinstance(result, Bury) else self._log.info
        level(
            "delivery.attempted",
            delivery=delivery.id,
            client=delivery.client_id,
            attempt=delivery.attempts,
            outcome=outcome,
            took_ms=round(took * 1000, 1),
            **fields,
        )


def _bare(result: Result) -> Result:
    """The result without what others have said: that is all of it that a database may be unable to hold."""
    match result:
        case Delivered():
            return Delivered()
        case Bury():
            return replace(result, reason=_plain(result.reason), note=None)
        case Retry():
            return replace(result, reason=_plain(result.reason), note=None)
        case _:
            assert_never(result)


def _plain(reason: str) -> str:
    return reason.encode("ascii", "replace").decode()
