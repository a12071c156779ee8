"""Retry or bury, and when: pure arithmetic. Clock and dice come in as arguments."""

from dataclasses import dataclass

from relay.errors import (
    Down,
    NotAccepted,
    RelayError,
    SourceUnavailable,
    Throttled,
    Uncertain,
    Unreachable,
)
from relay.model import SUSPECT_AFTER, Bury, Delivery, Retry

#: After that many attempts in so many seconds a delivery is buried.
MAX_ATTEMPTS = 17
PATIENCE = 3600.0
#: The same when agents' files cannot be kept on the disk, about four minutes: links expire, and the chat waits.
MAX_SOURCE_ATTEMPTS = 9
#: Seconds for which the server of a late file, which holds up nobody, is asked.
LATE_PATIENCE = 1800.0
#: Seconds between attempts at most; and for as long as somebody may still be waiting for it.
MAX_BACK_OFF = 600.0
FRESH_BACK_OFF = 60.0
FRESH_FOR = 3600.0
#: The same of what Kit refuses, as long as nobody knows whether that is the delivery's fault.
MAX_REFUSED_BACK_OFF = 60.0
#: At least, after an attempt that hung: by then a probe has told whether the side is there at all.
HUNG_BACK_OFF = 6.0
#: After so many deaths of the process a delivery is buried: at the last ones no other suspect was out. While nothing
#: else gets through to its side, it may be an outage during which somebody kills the relay: then after so many.
POISON_AFTER = SUSPECT_AFTER + 3
LONE_POISON_AFTER = SUSPECT_AFTER + 9
#: Seconds after which no process dies of a call any more: whoever kills does it at once.
INNOCENT_AFTER = 3.0
#: Seconds after which a call that is not answered takes no place and no turn from others.
SLOW_AFTER = 5.0


def back_off(attempts: int, dice: float, *, longest: float = MAX_BACK_OFF) -> float:
    """Seconds to wait after the `attempts`-th failure: doubling, with jitter. `dice` is from [0, 1)."""
    return min(longest, 2.0 ** min(attempts - 1, 20)) * (0.5 + dice / 2)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known beside a delivery when an attempt at it has failed."""

    now: float = 0.0  #: Unix time.
    dice: float = 0.0  #: From [0, 1).
    free: bool = False  #: The other side is to blame, so the attempt does not count: no outage makes dead letters.
    paced: bool = False  #: The gate says when to try again, so the lane need not wait by itself.
    hung: bool = False  #: It waited for its answer for long. A probe finds out whether everybody would.
    unproven_refusals: int = 0  #: So often, this time included, it was refused, perhaps as everybody would be.


def judge(error: RelayError, delivery: Delivery, known: Circumstances) -> Retry | Bury:  # noqa: PLR0911 - a table
    """What becomes of a delivery after a failed attempt.

    Kit recognises a repeated event by its id; Telegram does not, so there an answer may be missed only once.
    """
    reason, free = str(error), known.free
    own = max(back_off(delivery.attempts, known.dice), HUNG_BACK_OFF if known.hung else 0.0)
    after = 0.0 if known.paced else min(2 * own if free else own, _longest(delivery, known.now))
    match error:
        case NotAccepted() if known.unproven_refusals:
            wait = back_off(known.unproven_refusals + 1, known.dice, longest=MAX_REFUSED_BACK_OFF)
            return Retry(0.0 if known.paced else wait, reason, free=True, backs_off=True)
        case NotAccepted():
            return Bury(reason, _why(error, delivery), unreachable=isinstance(error, Unreachable))
        case Throttled():
            return _as_asked(error)
        case Uncertain() if delivery.direction == "to_telegram" and delivery.uncertain:
            return Bury(f"may have arrived: twice no answer to the same call ({reason})", error.why)
        case Uncertain() if delivery.direction == "to_telegram":
            return Retry(own, reason, free=free, uncertain=True)
        case SourceUnavailable() if delivery.is_late:
            return _ask_again(own, known.now - delivery.accepted_at, error)
        case SourceUnavailable():
            over = delivery.attempts >= MAX_SOURCE_ATTEMPTS
            gave_up = f"gave up after {delivery.attempts} attempts: {reason}"
            return Bury(gave_up, error.why) if over else Retry(own, reason)
        case _ if free or isinstance(error, Down):
            return Retry(after, reason, free=True, backs_off=True)
        case _ if _is_over(delivery, known.now):
            return Bury(f"gave up after {delivery.attempts} attempts: {reason}")
        case _:
            return Retry(after, reason, backs_off=True)


def _as_asked(error: Throttled) -> Retry:
    """When it may go again. If all were asked to wait, the gate says which one tries when."""
    if error.of_all:
        return Retry(0.0, str(error), free=True)
    return Retry(max(0.05, error.retry_after), str(error), free=True, asked_for=True)


def _ask_again(own: float, waited: float, error: SourceUnavailable) -> Retry | Bury:
    """When the server of a late file is asked again, if that is within its patience."""
    after = max(error.retry_after, min(own, FRESH_BACK_OFF))
    if waited + after > LATE_PATIENCE:
        return Bury(f"gave up after {round(waited / 60)} minutes: {error}", error.why)
    return Retry(after, str(error))


def _longest(delivery: Delivery, now: float) -> float:
    """Seconds to wait at most: whoever wrote a moment ago may be looking at the chat."""
    return FRESH_BACK_OFF if now - delivery.accepted_at < FRESH_FOR else MAX_BACK_OFF


def _is_over(delivery: Delivery, now: float) -> bool:
    """Whether it has failed so often, and for so long: to hurry it does not shorten its life."""
    since = now if delivery.failing_since is None else delivery.failing_since
    return delivery.attempts >= MAX_ATTEMPTS and now - since >= PATIENCE


def _why(error: NotAccepted, delivery: Delivery) -> str:
    """The reason for the agent: whose rights are missing depends on the chat, of which Telegram's words say nothing."""
    in_business = delivery.address is not None and delivery.address.business_connection_id is not None
    return "no_business_rights" if in_business and error.why == "no_rights" else error.why


def buries_step(error: RelayError, delivery: Delivery, now: float) -> Bury | None:
    """The end of the step that failed so, while the delivery's other steps may go on; None if it is not the end.

    Who cannot be reached gets nothing of the rest either, and an outage says nothing about a step.
    """
    if isinstance(error, Unreachable) or not isinstance(error, NotAccepted | SourceUnavailable | Uncertain):
        return None
    verdict = judge(error, delivery, Circumstances(now))
    return verdict if isinstance(verdict, Bury) else None
