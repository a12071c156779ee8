"""Whose processor time it was: where the machine itself has none left, a figure says nothing of who is measured."""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import psutil

from tests.bench.contender import Contender


@dataclass(frozen=True, slots=True)
class Cores:
    """How many cores each took on average."""

    relays: float
    postgresql: float  #: Of every server that runs here.
    idle: float
    rest: float  #: Look-alikes, balancer, whatever else runs.


@dataclass(frozen=True, slots=True)
class Look:
    """At all clocks at once."""

    relays: float
    postgresql: float
    idle: float
    at: float = field(default_factory=time.monotonic)

    @classmethod
    def at_all(cls, relays: Iterable[Contender]) -> Self:
        """Look now."""
        idle = psutil.cpu_times()
        return cls(sum(relay.cpu() for relay in relays), _of_servers(), idle.idle + getattr(idle, "iowait", 0.0))

    def until(self, later: "Look") -> Cores:
        """What happened between this look and a later one."""
        took = later.at - self.at
        relays, servers, idle = (
            (getattr(later, name) - getattr(self, name)) / took for name in ("relays", "postgresql", "idle")
        )
        return Cores(relays, servers, idle, max(0.0, (psutil.cpu_count() or 1) - relays - servers - idle))


def _of_servers() -> float:
    seconds = 0.0
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == "postgres":
                times = process.cpu_times()
                seconds += times.user + times.system
    return seconds
