"""What a child process that touches strangers' files may use of the machine. Called in it, before it touches one.

Two kinds of bounds. How much: memory, time, bytes on disk. And what: one file that it may open and write, and the few
system calls that it takes to decode what is open already. Whoever takes the process over through a bug in a decoder
finds no secret in it, no file, no other process and no network.
"""

import os
import resource
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relay.media.landlock import landlock_version, open_nothing_but
from relay.media.seccomp import allow_only_what_decoding_takes, has_filters

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


def lacking() -> list[str]:
    """What this kernel does not have of what children are held by. The limits hold in any case."""
    return [name for name, there in (("Landlock", landlock_version()), ("seccomp", has_filters())) if not there]


def confine(result: Path) -> None:
    """Close everything to this process but what it has open and `result`, which exists. For good.

    It must have loaded all code that it is going to run, and have one thread. Raises OSError where the kernel knows how
    to hold it and does not do it: then nothing may be decoded.
    """
    if sys.platform == "linux" and len(list(Path("/proc/self/task").iterdir())) > 1:
        raise OSError("a second thread runs, and would stay free")
    open_nothing_but(result)
    allow_only_what_decoding_takes()
