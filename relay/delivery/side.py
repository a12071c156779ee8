"""The other side as a courier sees it: what it did to an attempt, whether it is there, and whether it is again."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from relay.delivery.gate import PROBE_TIME, Gate, Probed, Refusal, Suspicion
from relay.delivery.policy import Circumstances, judge
from relay.errors import CredentialsRefused, Down, NotAccepted, RelayError, Throttled, Uncertain
from relay.model import Bury, Delivery, Direction, Result, Retry

log = structlog.get_logger()

#: Asks the other side for something. Raises RelayError if it does not answer as it should.
Ask = Callable[[], Awaitable[object]]
#: The same, for so many seconds at most.
Probe = Callable[[float], Awaitable[object]]


async def answers_always(_seconds: float) -> None:
    """Of a side that nobody can ask, it is taken for granted that it answers: then trials find out."""


@dataclass(slots=True)
class Side:
    """See the module. `probe` is a harmless call on a connection of its own."""

    direction: Direction
    probe: Probe = answers_always
    check_login: Ask | None = None  #: Of a side whose refusals must be proven: Kit's. Telegram's are its word.
    on_change: Callable[[], None] = lambda: None  #: Something may be due.
    on_return: Callable[[], None] = lambda: None  #: It is back.
    on_state: Callable[[bool], None] = lambda _: None  #: Whether it is down, each time that this has changed.
    now: Callable[[], float] = time.monotonic
    unix: Callable[[], float] = time.time  #: The store's clock.
    gate: Gate = field(default_factory=Gate)
    returned: bool = False  #: It is back, and those that have waited by themselves do not know it yet.
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def passed(self, delivery: Delivery, set_out: float) -> None:
        """Take note of an answer to an attempt that set out then."""
        was_down = self.gate.down
        if self.gate.passed(delivery.lane_id, set_out=set_out, now=self.now()):
            self.returned = True
        self._say(was_down=was_down)

    async def failed(self, error: RelayError, delivery: Delivery, set_out: float) -> Result:
        """What becomes of a delivery whose attempt set out then and failed so."""
        was_down = self.gate.down
        result = await self._judged(error, delivery, set_out)
        self._say(was_down=was_down)
        if isinstance(result, Bury):
            self.gate.gave_up(delivery.lane_id)
        return result

    def forget(self) -> None:
        """Nothing waits: whoever comes next finds out."""
        was_down = self.gate.down
        self.gate.forget()
        self._say(was_down=was_down)

    def hurry(self) -> None:
        """Find out at once how it is."""
        self.gate.hurry()
        self._changed.set()

    def down_for(self) -> float:
        """Seconds for which it is down; 0 while it is not."""
        return self.gate.down_for(self.now())

    def suspect(self, why: Suspicion) -> None:
        """Find out whether it is there."""
        self.gate.suspect(why)
        self._changed.set()

    async def watch(self) -> None:
        """Probe it whenever the gate wants that, until cancelled."""
        async with asyncio.TaskGroup() as probes:
            while True:
                self._changed.clear()
                at = self.gate.probes_at(self.now())
                if at is None or at > self.now():
                    await self._wait(at)
                    continue
                seconds = self.gate.probes(self.now())
                probes.create_task(self._probe(seconds), name=f"probe {self.direction}")

    async def _wait(self, until: float | None) -> None:
        """Wait until then, or until something has changed."""
        seconds = None if until is None else max(0.0, until - self.now())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def _probe(self, seconds: float) -> None:
        set_out = self.now()
        outcome, error = await self._answer(seconds)
        was_down = self.gate.down
        if self.gate.probed(outcome, error, set_out=set_out, now=self.now()):
            self.returned = True
        log.debug("side.probed", direction=self.direction, outcome=outcome)
        self._say(was_down=was_down)
        self.on_change()

    async def _answer(self, seconds: float) -> tuple[Probed, RelayError | None]:
        try:
            await self.probe(seconds)
        except CredentialsRefused as error:
            return "answered", error  # what sets out next is told so too
        except Down as error:
            return "unreached", error
        except Uncertain as error:
            return "silent", error
        except RelayError as error:
            return "answered", error
        return "answered", None

    def _say(self, *, was_down: bool) -> None:
        """Tell those who wait, if it went away or came back."""
        if self.gate.down and not was_down:
            log.warning("side.down", direction=self.direction, reason=self.gate.last_error)
        elif was_down and not self.gate.down:
            log.warning("side.up", direction=self.direction)
            self.returned = True
            self.on_return()
            self.on_change()
        if self.gate.down != was_down:
            self.on_state(self.gate.down)
        if self.gate.probes_at(self.now()) is not None:
            self._changed.set()

    async def _judged(self, error: RelayError, delivery: Delivery, set_out: float) -> Retry | Bury:
        now, blamed, unproven = self.now(), False, 0
        if isinstance(error, NotAccepted) and self.check_login is not None:
            refusal = self.gate.refused(error, delivery.lane_id, now)
            unproven = 0 if await self._is_proven(refusal, delivery) else refusal.times
        elif isinstance(error, Throttled) and self.direction == "to_kit":
            # Telegram's limits are a chat's; Kit has one account, and does not say whom it means.
            self.gate.throttled(error, now)
        else:
            blamed = self.gate.failed(error, delivery.lane_id, set_out=set_out, now=now)
        known = Circumstances(
            now=self.unix(),
            dice=random.random(),  # noqa: S311 - jitter is no secret
            free=blamed,
            paced=self.gate.down,
            hung=isinstance(error, Uncertain) and now - set_out > PROBE_TIME,
            unproven_refusals=unproven,
        )
        return judge(error, delivery, known)

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
    result = judge(Uncertain(reason), delivery, Circumstances(free=True))
    return replace(result, after=0.0, tried=False) if isinstance(result, Retry) else result
