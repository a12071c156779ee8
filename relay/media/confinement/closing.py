"""What a child may reach: the kernel closes everything else to it."""

import sys
from pathlib import Path

from relay.media.confinement.landlock import landlock_version, open_nothing_but
from relay.media.confinement.seccomp import allow_only_what_decoding_takes, has_filters


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
