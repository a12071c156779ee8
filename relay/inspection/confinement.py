"""What a child process may use of the machine. Called in it, before it touches a stranger's file."""

import os
import resource
import signal

_MEMORY = 1 << 30  #: Bytes of address space: FFmpeg's libraries alone take a few hundred megabytes of it.


def confine(*, cpu_seconds: int, seconds: int, writes: int) -> None:
    """Limit this process for good: time on the processor and on the clock, memory, and bytes of any file it writes.

    It also gives way to everybody else, leaves no core dump, and starts no other program.
    """
    for limit, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, writes),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (most, most) if hard == resource.RLIM_INFINITY else (min(most, hard), hard))
    signal.alarm(seconds)
    os.nice(10)
