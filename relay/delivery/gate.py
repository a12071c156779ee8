"""Whether a side is down, and when it is asked again. Pure: clock and dice come in as arguments."""

from dataclasses import dataclass, field

from relay.delivery.policy import back_off
from relay.errors import (
    Down,
    NotAccepted,
    RelayError,
    SourceRefused,
    SourceUnavailable,
    Throttled,
)

#: Seconds between probes of a side that is down, at most.
MAX_PROBE_PAUSE = 15.0
#: So many failures in a row, of more than one lane, mean that the side is down.
DOWN_AFTER = 5


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

        It is if it is down, and also if nothing else got through since the same lane failed before: of a chat that
        writes alone nobody can tell whether its message is bad.

        `overtaken`: somebody else got through since it set out, so the side is not down, however many chats hang.
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
