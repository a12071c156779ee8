"""How much a child may use."""

import os
import resource
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_DESCRIPTORS: Final = 64
#: The kernel ends it first when memory is short: https://man7.org/linux/man-pages/man5/proc_pid_oom_score_adj.5.html.
_FIRST_TO_GO: Final = "1000"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a child may use."""

    memory: int  #: Bytes of address space.
    writes: int  #: Bytes of a file.
    work: int  #: Seconds on the processor.
    time: int  #: Seconds on the clock.


def limit(limits: Limits) -> None:
    """Limit this process for good.

    Files that it makes are its own user's, it gives way to everybody else, leaves no core dump, is the first to go when
    memory is short, and has its end even if whoever started it dies.
    """
    os.umask(0o077)
    for name, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.work),
        (resource.RLIMIT_FSIZE, limits.writes),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(name)
        fits = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(name, (fits, fits))
    signal.alarm(limits.time)
    os.nice(10)
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        score.write_text(_FIRST_TO_GO, encoding="ascii")
