"""What becomes of an attempt that failed: the gate knows who is to blame, policy what follows from that."""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from relay.delivery.gate import Gate, Refusal
from relay.delivery.policy import judge
from relay.errors import NotAccepted, RelayError, Throttled, Uncertain
from relay.model import Bury, Delivery, Direction, Result, Retry

log = structlog.get_logger()

#: Whether the other side knows us as ever: it is asked for it. Raises RelayError if it does not.
CheckLogin = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Those of one courier, which keep its gate up to date."""

    direction: Direction
    gate: Gate
    check_login: CheckLogin | None = None  #: Of a side whose refusals must be proven: Kit's. Telegram's are its word.
    now: Callable[[], float] = time.monotonic

    async def on(self, error: RelayError, delivery: Delivery, set_out: float) -> Result:
        """The result of an attempt that set out then and failed so."""
        was_down = self.gate.down
        result = await self._judged(error, delivery, set_out)
        if self.gate.down and not was_down:
            log.warning("side.down", direction=self.direction, reason=self.gate.last_error)
        elif was_down and not self.gate.down:
            log.warning("side.up", direction=self.direction)
        if isinstance(result, Bury):
            self.gate.gave_up(delivery.lane_id)
        return result

    async def _judged(self, error: RelayError, delivery: Delivery, set_out: float) -> Retry | Bury:
        now, dice = self.now(), random.random()  # noqa: S311 - jitter is no secret
        if isinstance(error, NotAccepted) and self.check_login is not None:
            refusal = self.gate.refused(error, delivery.lane_id, now)
            unproven = 0 if await self._is_proven(refusal, delivery) else refusal.times
            return judge(error, delivery, dice, paced=self.gate.down, unproven_refusals=unproven)
        blamed = self.gate.failed(error, delivery.lane_id, set_out=set_out, now=now, dice=dice)
        if isinstance(error, Throttled) and self.direction == "to_kit":
            # Telegram's limits are a chat's; Kit has one account, and does not say whom it means.
            self.gate.hold(error.retry_after, now)
        return judge(error, delivery, dice, free=blamed, paced=self.gate.down)

    async def _is_proven(self, refusal: Refusal, delivery: Delivery) -> bool:
        """Whether it is the delivery that is refused."""
        if not refusal.alone or self.check_login is None:
            return refusal.final
        try:
            await self.check_login()
        except RelayError as error:
            log.warning("refusal.unproven", direction=self.direction, delivery=delivery.id, reason=str(error))
            return False
        return True


def cut_short(delivery: Delivery, *, on_its_way: bool) -> Retry | Bury:
    """How a call stands whose answer the relay did not wait for when it stopped: nobody's fault, and nobody's merit."""
    reason = "the relay stopped before the answer came"
    if delivery.direction == "to_kit" or not on_its_way:
        return Retry(0.0, reason, free=True, tried=False)
    result = judge(Uncertain(reason), delivery, 0.0, free=True)
    return replace(result, after=0.0, tried=False) if isinstance(result, Retry) else result
