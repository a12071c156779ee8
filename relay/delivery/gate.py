"""Whether the other side seems to be down, who is to blame for a failure, and how many may set out meanwhile.

Pure: it looks at no clock. All times are the caller's, in seconds.
"""

import math
from dataclasses import dataclass, field

from relay.delivery.policy import back_off
from relay.errors import Down, NotAccepted, RelayError, SourceRefused, SourceUnavailable, Throttled

#: Seconds between probes of a side that is down, at most.
MAX_PROBE_PAUSE = 15.0
#: Seconds between two tries of a side that answers, but refuses everybody.
REFUSED_PAUSE = 2.0
#: So many failures in a row, of more than one lane, mean that the side is down.
DOWN_AFTER = 5
#: So many lanes that are refused, and nobody else gets through: it is the side that refuses, whatever it is sent.
REFUSING_AFTER = 3
#: A lane that is refused while nobody else sends anything must have been so often, for so many seconds.
LONE_REFUSALS = 5
LONE_TIME = 600.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refusal means for the delivery that was refused."""

    times: int  #: This one included.
    final: bool = False  #: Somebody else got through since the first one: it is the delivery that is refused.
    alone: bool = False  #: Nobody else has tried for long. If the login is fine too, it is final.


@dataclass(slots=True)
class _Refused:
    since: float
    times: int = 0


@dataclass(slots=True)
class Gate:
    """Whether the other side seems to be down, and when the next probe may go."""

    down: bool = False
    opens_at: float = 0.0  #: While down: when one probe may pass. While held: when all may.
    last_error: str | None = None
    held: bool = False  #: Everybody was asked to wait.
    _probes: int = 0
    _failures: int = 0
    _lanes: set[int] = field(default_factory=set)  #: Of these failures.
    _refusing: set[int] = field(default_factory=set)  #: Lanes that were refused since somebody got through.
    _unserved: set[int] = field(default_factory=set)  #: Lanes that were refused or failed since then.
    _refuses_all: bool = False  #: While down: it answers, and refuses whoever comes.
    _proof: float = -math.inf  #: When the latest of those set out that got through.
    _failed_at: dict[int, float] = field(default_factory=dict)  #: By lane: when it failed last.
    _refused: dict[int, _Refused] = field(default_factory=dict)  #: By lane.

    def failed(self, error: RelayError, lane_id: int, *, set_out: float, now: float, dice: float) -> bool:
        """Take note of a failed attempt. Returns whether the other side, and not the delivery, is to blame.

        It is if it is down, and also if nothing else got through since the same lane failed before: of a chat that
        writes alone nobody can tell whether its message is bad.

        `overtaken`: somebody else got through since it set out, so the side is not down, however many chats hang.
        """
        if isinstance(error, (NotAccepted, Throttled)):
            if not isinstance(error, SourceRefused):
                self.passed(lane_id, set_out)  # a refusal is an answer: somebody is there
            return False
        if isinstance(error, SourceUnavailable):
            return False  # says nothing about the side itself
        alone = lane_id in self._failed_at and self._proof <= self._failed_at[lane_id]
        self._failed_at[lane_id] = now
        if self._proof > set_out and not self.down and not isinstance(error, Down):
            return False  # however many chats hang: who set out after this one got through
        self.last_error = str(error)
        self._failures += 1
        self._lanes.add(lane_id)
        self._unserved.add(lane_id)
        if isinstance(error, Down) or (self._failures >= DOWN_AFTER and len(self._lanes) > 1):
            self._refuses_all = False
            self._close(now, back_off(self._probes + 1, dice, longest=MAX_PROBE_PAUSE))
        return self.down or alone

    def refused(self, error: NotAccepted, lane_id: int, now: float) -> Refusal:
        """Take note that the side itself has refused a delivery, and tell what that proves.

        One refusal proves nothing: the side may be refusing everybody. It is the delivery's own once something else got
        through that set out after it was refused, and it is refused again.
        """
        before = self._refused.setdefault(lane_id, _Refused(now))
        before.times += 1
        if self._proof > before.since:
            return Refusal(before.times, final=True)
        self.last_error = str(error)
        self._refusing.add(lane_id)
        self._unserved.add(lane_id)
        if len(self._refusing) >= REFUSING_AFTER:
            self.last_error = f"nobody gets through: {error}"
            self._close(now, REFUSED_PAUSE)
            self._refuses_all = True
        elif not self._refuses_all:
            self._open()  # somebody is there
        alone = self._unserved == {lane_id} and before.times >= LONE_REFUSALS and now - before.since >= LONE_TIME
        return Refusal(before.times, alone=alone)

    def _close(self, now: float, pause: float) -> None:
        if self.down and now < self.opens_at:
            return  # one of many that were in flight when it went down: no longer pause for that
        self.down = True
        self._probes += 1
        self.opens_at = now + pause

    def hold(self, seconds: float, now: float) -> None:
        """Let nothing pass for a while: the other side asked for it, and meant everybody."""
        self.held = True
        self.opens_at = max(self.opens_at, now + seconds)

    def held_for(self, now: float) -> float:
        """Seconds for which nothing may pass, since the other side asked for it."""
        return max(0.0, self.opens_at - now) if self.held else 0.0

    def passed(self, lane_id: int, set_out: float) -> None:
        """Take note of an answer to an attempt that set out then."""
        self._proof = max(self._proof, set_out)
        self.gave_up(lane_id)
        self.forget()

    def gave_up(self, lane_id: int) -> None:
        """The lane goes on with another delivery: what the one before has met is not held against it."""
        self._failed_at.pop(lane_id, None)
        self._refused.pop(lane_id, None)

    def forget(self) -> None:
        """Nothing waits, so nothing is known: whoever comes next finds out."""
        self._open()
        self._refusing.clear()
        self._unserved.clear()
        self.last_error = None

    def _open(self) -> None:
        self.down = self._refuses_all = False
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
