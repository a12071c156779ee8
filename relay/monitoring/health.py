"""What a relay says of itself: checks of each side and of the database. All of them well: it does its work."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from relay.errors import Unavailable
from relay.monitoring.callbacks import health_of
from relay.store.store import Store
from relay.store.totals import Counts

#: Seconds that the oldest delivery may wait before somebody should look.
OLD = 300.0
_WHAT: Mapping[str, str] = {"to_kit": "a message to Kit", "to_telegram": "a message to Telegram"}
#: Seconds for the database to answer.
_PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `/readyz`."""

    ok: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A channel at work, for who looks from outside. `sides` are asked at each look what they think of the other."""

    key: str  #: As the store calls it.
    label: str  #: As people call it.
    sides: Mapping[str, Callable[[], Check]]
    prefix: str = ""  #: Sets its checks apart from those of other channels.
    ages: Mapping[str, Callable[[], float | None]] = field(default_factory=dict)  #: Seconds; None: never yet.
    username: Callable[[], str | None] = lambda: None  #: The bot's at Telegram, without the @; None: not known yet.
    #: By direction: the seconds that 95 of 100 attempts of the last minute stayed under; None: there were none.
    speeds: Mapping[str, Callable[[], float | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """How a relay does. `warnings` call for a person and change nothing else: strangers can bring one about."""

    checks: Mapping[str, Check]
    warnings: Mapping[str, str]

    @property
    def ready(self) -> bool:
        """It does its work."""
        return all(check.ok for check in self.checks.values())


async def look(channels: Sequence[Watched], store: Store) -> Health:
    """Look at everything, for no longer than two seconds."""
    checks = {f"{each.prefix}{name}": check() for each in channels for name, check in each.sides.items()}
    warnings: dict[str, str] = {}
    try:
        async with asyncio.timeout(_PATIENCE):
            now = store.now()
            for each in channels:
                checks[f"{each.prefix}oldest_waiting"] = oldest_waiting(await store.count(each.key), now)
                callbacks = health_of(await store.find_callbacks(each.key), now)
                if not callbacks.ok:
                    warnings[f"{each.prefix}callbacks"] = callbacks.reason
        checks["database"] = _database(store.failure)
    except (TimeoutError, Unavailable):
        checks["database"] = Check(ok=False, reason=store.failure or "does not answer")
    return Health(checks, warnings)


def oldest_waiting(counts: Counts, now: float) -> Check:
    """Whether something waits for so long that somebody should look."""
    if not counts.oldest:
        return Check(ok=True, reason="nothing waits")
    direction, since = min(counts.oldest.items(), key=lambda item: item[1])
    age = max(0.0, now - since)
    return Check(ok=age < OLD, reason=f"{_WHAT[direction]} has waited {age:.0f} s, {counts.waiting[direction]} in all")


def _database(failure: str | None) -> Check:
    if failure is None:
        return Check(ok=True, reason="answers")
    return Check(ok=False, reason=failure)
