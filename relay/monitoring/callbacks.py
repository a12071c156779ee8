"""Whether Kit gets through, in words for who looks after the relay. Pure."""

from dataclasses import dataclass
from typing import Final

from relay.store.callbacks import Callbacks

#: Seconds without a refused callback after which one that was taken since is believed: it is mended.
_MENDED: Final = 600.0
REMEDY: Final = (
    "Open the channel in Kit: KIT_SECURITY_SALT must be its Security Salt, KIT_API_TOKEN its API token. Restart the "
    "relay, and ask agents to write again what they wrote meanwhile: it has not arrived."
)


@dataclass(frozen=True, slots=True)
class CallbackHealth:
    """How Kit's callbacks fare. Ages are seconds; None: never."""

    refused: int  #: In the last hour.
    accepted_age: float | None
    refused_age: float | None

    @property
    def ok(self) -> bool:
        """Kit gets through, as far as anybody can tell: none was refused, or it has been mended since."""
        if not self.refused or self.refused_age is None:
            return True
        accepted_since = self.accepted_age is not None and self.accepted_age < self.refused_age
        return accepted_since and self.refused_age >= _MENDED

    @property
    def reason(self) -> str:
        """How it stands, on one line."""
        taken = "none was ever taken" if self.accepted_age is None else f"the last was taken {_ago(self.accepted_age)}"
        if not self.refused or self.refused_age is None:
            return taken
        refused = "1 of Kit's was" if self.refused == 1 else f"{self.refused} of Kit's were"
        return f"{refused} refused in the last hour, the last {_ago(self.refused_age)}; {taken}"


def health_of(callbacks: Callbacks, now: float) -> CallbackHealth:
    """The health of what was recorded, at a Unix time."""
    return CallbackHealth(callbacks.refused, _age(callbacks.accepted_at, now), _age(callbacks.refused_at, now))


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else max(0.0, now - at)


def _ago(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
