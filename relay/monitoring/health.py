"""Health: what a channel at work says of itself to those who watch it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `/readyz`."""

    ok: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A channel as the internal port sees it. `sides` are asked at each request what they think of the other side."""

    key: str  #: As the store calls it.
    label: str  #: As people call it.
    sides: Mapping[str, Callable[[], Check]]
    prefix: str = ""  #: Sets its checks apart from those of other channels.
    ages: Mapping[str, Callable[[], float | None]] = field(default_factory=dict)  #: Seconds; None: never yet.
