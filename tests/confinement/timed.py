"""A child that does nothing but say how many milliseconds it took to be confined, or that is not confined at all."""

import sys
import time
from pathlib import Path

from relay.media.confinement import closing
from relay.media.confinement.landlock import open_nothing_but
from relay.media.confinement.seccomp import allow_only_what_decoding_takes
from relay.media.work import Work
from tests.confinement.hostile import LIMITS

took = 0.0


def work(how: str) -> Work:
    """`how` is "confined" or "free"."""
    return Work(lambda: _prepare(how), lambda *_: _say(), lambda _: LIMITS)


def _prepare(how: str) -> None:
    if how == "free":
        vars(closing).update(open_nothing_but=lambda _: None, allow_only_what_decoding_takes=lambda: None)
        return

    def timed(result: Path) -> None:
        global took  # noqa: PLW0603 - one process, one figure
        began = time.perf_counter()
        open_nothing_but(result)
        allow_only_what_decoding_takes()
        took = (time.perf_counter() - began) * 1000

    vars(closing).update(open_nothing_but=timed, allow_only_what_decoding_takes=lambda: None)


def _say() -> int:
    sys.stdout.write(f"{took:.3f}")
    return 0
