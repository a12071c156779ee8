"""Retry or bury, and when: pure arithmetic. Clock and dice come in as arguments."""

from dataclasses import dataclass, field

from relay.errors import (
    Down,
    NotAccepted,
    RelayError,
    SourceRefused,
    SourceUnavailable,
    Throttled,
    Uncertain,
    Unreachable,
)
from relay.model import SUSPECT_AFTER, Bury, Delivery, Retry

#: After that many attempts (about an hour of back-off) a delivery is buried.
MAX_ATTEMPTS = 17
#: The same when it is an agent's file that cannot be had, about four minutes: links expire, and the chat waits.
MAX_SOURCE_ATTEMPTS = 9
#: Seconds between attempts at most.
MAX_BACK_OFF = 600.0
#: Seconds between probes of a side that is down, at most.
MAX_PROBE_PAUSE = 15.0
#: After so many deaths of the process a delivery is buried: at the last ones it was carried alone (`SUSPECT_AFTER`).
POISON_AFTER = SUSPECT_AFTER + 3
#: Seconds after which no process dies of a call any more: whoever kills does it at once.
INNOCENT_AFTER = 3.0
#: Seconds after which a call that is not answered takes no place and no turn from others.
SLOW_AFTER = 5.0
#: So many failures in a row, of more than one lane, mean that the side is down.
DOWN_AFTER = 5


def back_off(attempts: int, dice: float, *, longest: float = MAX_BACK_OFF) -> float:
    """Seconds to wait after the `attempts`-th failure: doubling, with jitter. `dice` is from [0, 1)."""
    return min(longest, 2.0 ** min(attempts - 1, 20)) * (0.5 + dice / 2)


def judge(  # noqa: PLR0911 - a table: one case, one line
    error: RelayError, delivery: Delivery, dice: float, *, free: bool = False, paced: bool = False
) -> Retry | Bury:
    """What becomes of a delivery after a failed attempt.

    `free`: the other side is to blame, so the attempt does not count: an outage of hours must not turn a queue into
    dead letters. `paced`: the gate says when to try again, so the lane need not wait by itself.
    Kit recognises a repeated event by its id; Telegram does not, so there an answer may be missed only once.
    """
    reason = str(error)
    after = 0.0 if paced else back_off(delivery.attempts, dice)
    match error:
        case NotAccepted():
            return Bury(reason, _why(error, delivery), unreachable=isinstance(error, Unreachable))
        case Throttled(retry_after=seconds):
            return Retry(max(0.05, seconds), reason, free=True)
        case Uncertain() if delivery.direction == "to_telegram" and delivery.uncertain:
            return Bury(f"may have arrived: twice no answer to the same call ({reason})", error.why)
        case Uncertain() if delivery.direction == "to_telegram":
            return Retry(back_off(delivery.attempts, dice), reason, free=free, uncertain=True)
        case SourceUnavailable() if delivery.attempts >= MAX_SOURCE_ATTEMPTS:
            return Bury(f"gave up after {delivery.attempts} attempts: {reason}", error.why)
        case SourceUnavailable():
            return Retry(back_off(delivery.attempts, dice), reason)
        case _ if free or isinstance(error, Down):
            return Retry(after, reason, free=True)
        case _ if delivery.attempts >= MAX_ATTEMPTS:
            return Bury(f"gave up after {delivery.attempts} attempts: {reason}")
        case _:
            return Retry(after, reason)


def _why(error: NotAccepted, delivery: Delivery) -> str:
    """The reason for the agent: whose rights are missing depends on the chat, of which Telegram's words say nothing."""
    in_business = delivery.address is not None and delivery.address.business_connection_id is not None
    return "no_business_rights" if in_business and error.why == "no_rights" else error.why


def buries_step(error: RelayError, delivery: Delivery) -> Bury | None:
    """The end of the step that failed so, while the delivery's other steps may go on; None if it is not the end.

    Who cannot be reached gets nothing of the rest either, and an outage says nothing about a step.
    """
    if isinstance(error, Unreachable) or not isinstance(error, NotAccepted | SourceUnavailable | Uncertain):
        return None
    verdict = judge(error, delivery, 0.0)
    return verdict if isinstance(verdict, Bury) else None


@dataclass(slots=True)
class Gate:
    """Whether the other side seems to be down, and when the next probe may go. All times are on the caller's clock."""

    down: bool = False
    opens_at: float = 0.0  #: While down: when one probe may pass. While held: when all may.
    last_error: str | None = None
    held: bool = False  #: Everybody was asked to wait.
    _probes: int = 0
    _failures: int = 0
    _lanes: set[int] = field(default_factory=set)
    _passes: int = 0
    _failed_at: dict[int, int] = field(default_factory=dict)  #: By lane: how many had passed when it last failed.

    def failed(self, error: RelayError, lane_id: int, now: float, dice: float, *, overtaken: bool = False) -> bool:
        """Take note of a failed attempt. Returns whether the other side, and not the delivery, is to blame.

        `overtaken`: somebody else got through since it set out. So the side is not down, however many chats hang.

        It is if it is down, and also if nothing else got through since the same lane failed before: of a chat that
        writes alone nobody can tell whether its message is bad.
        """
        if isinstance(error, (NotAccepted, Throttled)):
            if not isinstance(error, SourceRefused):
                self.passed(lane_id)  # a refusal is an answer: somebody is there
            return False
        if isinstance(error, SourceUnavailable):
            return False  # says nothing about the side itself
        alone = self._failed_at.get(lane_id) == self._passes
        self._failed_at[lane_id] = self._passes
        if overtaken and not self.down and not isinstance(error, Down):
            return False
        self.last_error = str(error)
        self._failures += 1
        self._lanes.add(lane_id)
        if isinstance(error, Down) or (self._failures >= DOWN_AFTER and len(self._lanes) > 1):
            self._close(now, dice)
        return self.down or alone

    def _close(self, now: float, dice: float) -> None:
        if self.down and now < self.opens_at:
            return  # one of many that were in flight when it went down: no longer pause for that
        self.down = True
        self._probes += 1
        self.opens_at = now + back_off(self._probes, dice, longest=MAX_PROBE_PAUSE)

    def hold(self, seconds: float, now: float) -> None:
        """Let nothing pass for a while: the other side asked for it, and meant everybody."""
        self.held = True
        self.opens_at = max(self.opens_at, now + seconds)

    def passed(self, lane_id: int) -> None:
        """Take note of an answer."""
        self._passes += 1
        self._failed_at.pop(lane_id, None)
        self.forget()

    def forget(self) -> None:
        """Nothing waits, so nothing is known: whoever comes next finds out."""
        self.down = False
        self.last_error = None
        self._probes = self._failures = 0
        self._lanes.clear()

    def room(self, wanted: int, in_flight: int, now: float) -> int:
        """How many deliveries may set out now."""
        if self.held and now < self.opens_at:
            return 0
        self.held = False
        if not self.down:
            return wanted
        return 1 if now >= self.opens_at and in_flight == 0 else 0


class Pace:
    """How long a call must wait so that `rate` a second, after a burst, is never passed. Unit: seconds.

    The generic cell rate algorithm: one number a key. A rate of 0 means no limit.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._interval = 1.0 / rate if rate else 0.0
        self._tolerance = self._interval * (burst - 1)
        self._next: dict[int, float] = {}

    def delay(self, key: int, now: float) -> float:
        """How long the next free place of `key` is away. Takes nothing."""
        return max(0.0, self._next.get(key, now) - self._tolerance - now)

    def reserve(self, key: int, now: float) -> float:
        """Take the next free place of `key` and return how long it is away."""
        if not self._interval:
            return 0.0
        if len(self._next) > 10_000:
            self._next = {key: at for key, at in self._next.items() if at > now}
        at = max(self._next.get(key, now), now)
        self._next[key] = at + self._interval
        return max(0.0, at - self._tolerance - now)
