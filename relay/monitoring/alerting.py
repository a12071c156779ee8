"""When a person is called: once when something has lasted, once when it is over, and never a stream. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from relay.monitoring.disk import ROOM
from relay.monitoring.health import Health
from relay.store.alerts import Alert

Kind = Literal["telegram", "kit", "oldest_waiting", "callbacks", "dead", "database", "disk", "starts"]

#: Seconds for which a side may be down before a person is called.
_DOWN: Final = 300.0
#: Seconds for which nothing can be stored.
_UNSTORED: Final = 60.0
#: Seconds without trouble after which an alert is over.
CALM: Final = 120.0
#: Seconds without a new dead letter after which it is over with them.
_NO_MORE_DEAD: Final = 3600.0
#: Unclean ends of processes within ten minutes.
_UNCLEAN: Final = 3
#: Seconds after which a process that lives is no more about to die.
_LIVES: Final = 600.0
_PATIENCE: Final = {"telegram": _DOWN, "kit": _DOWN, "database": _UNSTORED}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not as it should be."""

    name: str
    kind: str
    channel: str
    reason: str
    patience: float = 0.0  #: Seconds that it must last.


@dataclass(slots=True)
class DeadCount:
    """New dead letters of one channel."""

    died: int  #: In all, when it was last looked at.
    new: int = 0
    last_at: float = -_NO_MORE_DEAD


@dataclass(slots=True)
class Watch:
    """What is raised now. Times are Unix times."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)
    _well_since: dict[str, float] = field(default_factory=dict)

    def look(self, now: float, troubles: Iterable[Trouble]) -> list[Alert]:
        """Take note of what troubles now. Returns the alerts that were raised by it, and those that are over."""
        found = {trouble.name: trouble for trouble in troubles}
        self._since = {name: self._since.get(name, now) for name in found}
        changed = [self._raise(trouble) for trouble in found.values() if self._is_due(trouble, now)]
        for name in [name for name, alert in self.alerts.items() if alert.over_at is None and name not in found]:
            if now - self._well_since.setdefault(name, now) >= CALM:
                self.alerts[name] = replace(self.alerts[name], over_at=now)
                changed.append(self.alerts[name])
        self._well_since = {name: at for name, at in self._well_since.items() if name not in found}
        return changed

    def _is_due(self, trouble: Trouble, now: float) -> bool:
        known = self.alerts.get(trouble.name)
        return (known is None or known.over_at is not None) and now - self._since[trouble.name] >= trouble.patience

    def _raise(self, trouble: Trouble) -> Alert:
        since = self._since[trouble.name]
        alert = Alert(trouble.name, trouble.kind, trouble.channel, trouble.reason, since)
        self.alerts[trouble.name] = alert
        return alert


def of_health(health: Health, labels: Sequence[tuple[str, str]]) -> list[Trouble]:
    """What the checks and warnings say. `labels`: the prefix of each channel's checks, and what people call it."""
    unwell = {name: check.reason for name, check in health.checks.items() if not check.ok} | dict(health.warnings)
    return [_of_check(name, reason, labels) for name, reason in unwell.items()]


def _of_check(name: str, reason: str, labels: Sequence[tuple[str, str]]) -> Trouble:
    for prefix, label in labels:
        if prefix and name.startswith(prefix):
            kind = name.removeprefix(prefix)
            return Trouble(name, kind, label, reason, _PATIENCE.get(kind, 0.0))
    return Trouble(name, name, "", reason, _PATIENCE.get(name, 0.0))


def of_dead(count: DeadCount, died: int, lying: int, now: float, name: str, channel: str) -> list[Trouble]:
    """Whether there are new dead letters. Keeps the count."""
    if died > count.died:
        count.new = died - count.died + (count.new if now - count.last_at < _NO_MORE_DEAD else 0)
        count.died, count.last_at = died, now
    if not lying or now - count.last_at >= _NO_MORE_DEAD:
        return []
    return [Trouble(name, "dead", channel, f"{count.new} new, {lying} in all; see relay dead list")]


def of_disk(free: float) -> list[Trouble]:
    """Whether the disk is about to be full."""
    return [Trouble("disk", "disk", "", f"{free / 2**20:.0f} MB are free")] if free < ROOM else []


def of_starts(unclean: int, uptime: float) -> list[Trouble]:
    """Whether the relay dies again and again."""
    if unclean < _UNCLEAN or uptime >= _LIVES:
        return []
    return [Trouble("starts", "starts", "", f"{unclean} processes ended without being told to: see the log")]
