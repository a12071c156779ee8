"""Whether the other side seems to be down, who is to blame for a failure, and how many may set out meanwhile.

While a side is down, or has asked everybody to wait, deliveries go out as *trials*, one at a time and rarely. Of one
that may be unreachable *probes* find out beside them whether it answers again: a trial follows a probe that was
answered, so nobody's message hangs for that. Pure: it looks at no clock; all times are the caller's, in seconds.
"""

import math
from dataclasses import dataclass, field
from typing import Final, Literal

from relay.errors import (
    CredentialsRefused,
    Down,
    NotAccepted,
    RelayError,
    SourceRefused,
    SourceUnavailable,
    Throttled,
    Uncertain,
)

#: So many failures in a row, of more than one lane, mean that the side is down.
DOWN_AFTER: Final = 5
#: So many lanes that are refused, and nobody else gets through: it is the side that refuses, whatever it is sent.
REFUSING_AFTER: Final = 3
#: If as many lanes as that were refused lately, one server of several may refuse everything, and others get through: a
#: lane must have been refused so often, for so many seconds.
MANY_REFUSALS: Final = 6
MANY_TIME: Final = 60.0
LATELY: Final = 120.0  #: Seconds. Whoever waits because of a refusal tries again sooner.
#: A lane that is refused while nobody else sends anything must have been so often, for so many seconds.
LONE_REFUSALS: Final = 5
LONE_TIME: Final = 600.0
#: Seconds between two probes, and between two trials of a side that answers: together at most one request a second.
PROBE_PAUSE: Final = 1.5
TRIAL_PAUSE: Final = 3.0
#: Seconds between two trials of a side that refuses whatever it is sent: no probe sets out beside them.
REFUSING_PAUSE: Final = 2.0
#: The same once it has been down for long: after ten minutes it is still found within five seconds that it is back.
LONG_DOWN: Final = 660.0
LONG_PAUSE: Final = 10.0
#: Seconds that a probe may take; and one in so many seconds of a side that takes connections and answers nothing: it
#: may only be slow.
PROBE_TIME: Final = 5.0
PATIENT_TIME: Final = 30.0
PATIENT_PAUSE: Final = 15.0
#: Seconds between two trials while it refuses our credentials: each may be a login.
UNWELCOME_PAUSE: Final = 10.0
#: Seconds between two probes of a side of which nobody knows yet that it is down.
SUSPECT_PAUSE: Final = 5.0
#: What it asked everybody for is kept to the second up to a minute; then one trial a minute finds out.
LONGEST_HOLD: Final = 60.0
#: Nothing that is asked for is kept to for longer.
LONGEST_THROTTLE: Final = 3600.0

#: Before everything. Not infinity: what is added to it must stay less than all times.
_NEVER: Final = -1e12

#: How a probe ended. `answered`: somebody said something. `silent`: a connection came about, and no answer in time.
Probed = Literal["answered", "silent", "unreached"]
#: Why nobody knows whether it is down: somebody waits for an answer for long; got none; got none after long.
Suspicion = Literal["hangs", "failed", "hung"]
#: Why it is down: it cannot be reached or fails, it refuses whatever it is sent, it refuses our credentials.
Cause = Literal["failing", "refusing", "unwelcome"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refusal means for the delivery that was refused."""

    times: int  #: This one included.
    final: bool = False  #: Somebody else got through since the first one: it is the delivery that is refused.
    alone: bool = False  #: Nobody else has tried for long. If the login is fine too, it is final.


@dataclass(slots=True)
class _Refused:
    since: float
    at: float = 0.0  #: The last time.
    times: int = 0


@dataclass(slots=True)
class Gate:
    """Everything that is known of the other side."""

    down: bool = False
    last_error: str | None = None
    _cause: Cause = "failing"
    _since: float = 0.0  #: While down: since when.
    _trial_at: float = _NEVER  #: When the last trial set out.
    _probe_at: float = _NEVER  #: When the last probe did.
    _probed: Probed | None = None  #: What the latest one found, since it is down.
    _probed_at: float = _NEVER  #: When that one set out.
    _patient_at: float = _NEVER  #: When the last one set out that had much time.
    _suspect: Suspicion | None = None
    _held_until: float = _NEVER  #: Everybody was asked to wait until then.
    throttle: str = ""  #: With what words it asked for that.
    _throttled_at: float = _NEVER  #: When it asked for that.
    _throttled_until: float = _NEVER  #: What it asked for: until then there are only trials.
    _hesitates: bool = False  #: Only a past process knows what it asked for.
    _failures: int = 0
    _lanes: set[int] = field(default_factory=set)  #: Of these failures.
    _refusing: set[int] = field(default_factory=set)  #: Lanes that were refused since somebody got through.
    _unserved: set[int] = field(default_factory=set)  #: Lanes that were refused or failed since then.
    _alone: bool = False  #: One of them has failed again and again, and nobody could say whether it is to blame.
    _proof: float = _NEVER  #: When the latest of those set out that got through.
    _proven_at: float = _NEVER  #: When the latest of them was answered.
    _failed_at: dict[int, float] = field(default_factory=dict)  #: By lane: when it failed last.
    _refused: dict[int, _Refused] = field(default_factory=dict)  #: By lane.

    def failed(self, error: RelayError, lane_id: int, *, set_out: float, now: float) -> bool:
        """Take note of a failed attempt. Returns whether the other side, and not the delivery, is to blame.

        It is if it is down, and also if nothing else got through since the same lane failed before: of a chat that
        writes alone nobody can tell whether its message is bad.

        `overtaken`: somebody else got through since it set out, so the side is not down, however many chats hang.
        """
        if isinstance(error, SourceRefused | SourceUnavailable):
            return False  # says nothing about the side itself
        if isinstance(error, NotAccepted | Throttled):
            self.passed(lane_id, set_out=set_out, now=now)  # a refusal is an answer: somebody is there
            return False
        alone = lane_id in self._failed_at and self._proof <= self._failed_at[lane_id]
        self._alone |= alone
        self._failed_at[lane_id] = now
        self._unserved.add(lane_id)
        if self._proof > set_out and not self.down and not isinstance(error, Down):
            return False  # however many chats hang: who set out after this one got through
        self.last_error = str(error)
        self._failures += 1
        self._lanes.add(lane_id)
        if isinstance(error, Down):
            self._close("unwelcome" if isinstance(error, CredentialsRefused) else "failing", now)
        elif self._failures >= DOWN_AFTER and len(self._lanes) > 1:
            self._close("failing", now)
        else:
            self.suspect("hung" if isinstance(error, Uncertain) and now - set_out > PROBE_TIME else "failed")
        return self.down or alone

    def refused(self, error: NotAccepted, lane_id: int, now: float) -> Refusal:
        """Take note that the side itself has refused a delivery, and tell what that proves.

        One refusal proves nothing: the side may be refusing everybody. It is the delivery's own once something else got
        through that set out after it was refused, and it is refused again; again and again, if several lanes are.
        """
        refused = self._refused.setdefault(lane_id, _Refused(now))
        refused.times, refused.at = refused.times + 1, now
        proven = self._proof > refused.since
        if proven and self._is_enough(refused, now):
            return Refusal(refused.times, final=True)
        self.last_error = str(error)
        self._alone |= refused.times > 1 and not proven
        self._refusing.add(lane_id)
        self._unserved.add(lane_id)
        if len(self._refusing) >= REFUSING_AFTER:
            self.last_error = f"nobody gets through: {error}"
            self._close("refusing", now)
        elif self._cause != "refusing":
            self._open()  # somebody is there
        long = refused.times >= LONE_REFUSALS and now - refused.since >= LONE_TIME
        return Refusal(refused.times, alone=long and self._unserved == {lane_id})

    def _is_enough(self, refused: _Refused, now: float) -> bool:
        """Whether it was refused often enough, since others got through between."""
        lately = sum(now - each.at < LATELY for each in self._refused.values())
        return lately < REFUSING_AFTER or (refused.times >= MANY_REFUSALS and now - refused.since >= MANY_TIME)

    def throttled(self, error: Throttled, now: float) -> None:
        """Everybody was asked to wait."""
        self.throttle = str(error)
        self._hesitates = False
        self._throttled_at = now
        self._throttled_until = max(self._throttled_until, now + min(error.retry_after, LONGEST_THROTTLE))
        self._held_until = max(self._held_until, now + min(error.retry_after, LONGEST_HOLD))

    def hesitate(self, now: float) -> None:
        """Nobody knows what it asked for before: a few trials first, and the others after one of them, or a minute."""
        self._hesitates = True
        self.throttle = "one message tries whether what a past process was told to wait for is over"
        self._throttled_until = now + LONGEST_HOLD

    def hurry(self) -> None:
        """Somebody wants to know now how it is: the next trial need not wait, nor for a probe."""
        self._probed = "answered"
        self._probe_at = self._trial_at = self._held_until = _NEVER

    def suspect(self, why: Suspicion) -> None:
        """It may be the side, and not this one attempt."""
        if not self.down and (self._suspect is None or why != "hangs"):
            self._suspect = why

    def passed(self, lane_id: int, *, set_out: float, now: float) -> bool:
        """Take note of an answer to an attempt that set out then. Returns whether the others have waited for it."""
        waited = self.down or self._alone or self.is_throttled(now)
        self._proof = max(self._proof, set_out)
        self._proven_at = now
        if set_out > self._throttled_at:
            self._throttled_until = self._held_until = _NEVER
        self.gave_up(lane_id)
        self.forget()
        return waited

    def gave_up(self, lane_id: int) -> None:
        """The lane goes on with another delivery: what the one before has met is not held against it."""
        self._failed_at.pop(lane_id, None)
        self._refused.pop(lane_id, None)

    def forget(self) -> None:
        """Nothing waits, so nothing is known: whoever comes next finds out."""
        self._open()
        self._refusing.clear()
        self._unserved.clear()
        self._alone = False
        self.last_error = None

    def _close(self, cause: Cause, now: float) -> None:
        if not self.down:
            self.down, self._since, self._probed = True, now, None
            self._trial_at = _NEVER if cause == "failing" else now
        self._cause, self._suspect = cause, None

    def _open(self) -> None:
        self.down, self._cause, self._suspect = False, "failing", None
        self._failures = 0
        self._lanes.clear()

    def is_throttled(self, now: float) -> bool:
        """Whether it has asked for patience for longer than that."""
        return now < self._throttled_until

    def throttled_for(self, now: float) -> float:
        """Seconds that are left of the patience it asked for."""
        return max(0.0, self._throttled_until - now)

    def down_for(self, now: float) -> float:
        """Seconds for which it is down; 0 while it is not."""
        return now - self._since if self.down else 0.0

    def room(self, wanted: int, now: float) -> int:
        """How many deliveries may set out now."""
        return wanted if self.is_open(now) else min(wanted, int(now >= self.opens_at(now)))

    def is_open(self, now: float) -> bool:
        """Whether all may set out."""
        return not self.down and now >= self._held_until and now >= self._throttled_until

    def opens_at(self, now: float) -> float:
        """When the next one may set out; infinity while only a probe can tell."""
        if self.is_open(now):
            return now
        pause = self._trial_pause(now) if self.down else 0.0
        if self.is_throttled(now):
            pause = max(pause, TRIAL_PAUSE if self._hesitates else LONGEST_HOLD)
        return max(self._held_until, self._trial_at + pause)

    def tried(self, now: float) -> None:
        """A trial has set out, or there was nobody for it."""
        self._trial_at = now

    def _trial_pause(self, now: float) -> float:
        if self._cause == "unwelcome":
            return UNWELCOME_PAUSE
        if self._cause == "refusing":
            return LONG_PAUSE if self._is_long(now) else REFUSING_PAUSE
        if self._probed == "answered":
            return LONG_PAUSE if self._is_long(now) else TRIAL_PAUSE
        return math.inf

    def _is_long(self, now: float) -> bool:
        return now - self._since >= LONG_DOWN

    def probes_at(self, now: float) -> float | None:
        """When the next probe may set out; None if none is wanted."""
        if self.down and self._cause == "failing":
            pause = TRIAL_PAUSE if self._probed == "answered" else PROBE_PAUSE
            return self._probe_at + (LONG_PAUSE if self._is_long(now) else pause)
        return None if self.down or self._suspect is None else self._probe_at + SUSPECT_PAUSE

    def probes(self, now: float) -> float:
        """A probe sets out. Returns the seconds that it may take."""
        self._probe_at = now
        if self._probed != "silent" or now - self._patient_at < PATIENT_PAUSE:
            return PROBE_TIME
        self._patient_at = now
        return PATIENT_TIME

    def probed(self, outcome: Probed, error: RelayError | None, *, set_out: float, now: float) -> bool:
        """Take note of how a probe ended that set out then. Returns whether somebody has waited for that answer."""
        waited = not self.down and self._weigh(outcome, error, set_out, now)
        if self.down and (outcome == "answered" or set_out >= self._probed_at):
            self._probed, self._probed_at = outcome, max(set_out, self._probed_at)
        return waited

    def _weigh(self, outcome: Probed, error: RelayError | None, set_out: float, now: float) -> bool:
        """Whether what seemed to fail or to hang does so for everybody. Returns whether who hung may try again."""
        suspect, self._suspect = self._suspect, None
        if suspect is None or self._proven_at > set_out:
            return False  # somebody got through meanwhile
        if outcome == "unreached" or (outcome == "silent" and suspect != "hangs"):
            self.last_error = str(error)
            self._close("failing", now)
        return outcome == "answered" and suspect == "hung"
