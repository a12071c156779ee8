"""How many a second may leave. Pure: the clock comes in as an argument."""


class Pace:
    """How long a call must wait so that `rate` a second, after a burst, is never passed. Unit: seconds.

    The generic cell rate algorithm: one number a key. A rate of 0 means no limit.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._whole = self._interval = 1.0 / rate if rate else 0.0
        self._whole_burst = self._burst = burst
        self._next: dict[int, float] = {}

    def take_part(self, part: float) -> None:
        """Others have the same pace in common with this one, which takes this part of it (more than 0, 1 at most)."""
        self._interval = self._whole / part
        self._burst = max(1, int(self._whole_burst * part))

    @property
    def _tolerance(self) -> float:
        return self._interval * (self._burst - 1)

    def delay(self, key: int, now: float, *, keep: int = 0) -> float:
        """How long the next free place of `key` is away, if `keep` of a burst are to be left. Takes nothing."""
        kept = min(keep, self._burst - 1) * self._interval
        return max(0.0, self._next.get(key, now) - self._tolerance + kept - now)

    def reserve(self, key: int, now: float) -> float:
        """Take the next free place of `key` and return how long it is away."""
        if not self._interval:
            return 0.0
        if len(self._next) > 10_000:
            self._next = {key: at for key, at in self._next.items() if at > now}
        at = max(self._next.get(key, now), now)
        self._next[key] = at + self._interval
        return max(0.0, at - self._tolerance - now)
