"""What a child process that touches strangers' files may use of the machine. Called in it, before it touches one."""

import os
import resource
import signal


def confine(*, memory: int, seconds: int, writes: int) -> None:
    """Limit this process for good: bytes of address space, seconds on the processor and on the clock, bytes a file.

    Files that it makes are its own user's, it gives way to everybody else, leaves no core dump, and has its end even if
    whoever started it dies.
    """
    os.umask(0o077)
    for limit, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, writes),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        fits = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (fits, fits))
    signal.alarm(seconds)
    os.nice(10)
