"""A child that does nothing but say how many milliseconds it took to be confined, or that is not confined at all."""

import sys
import time
from pathlib import Path

from relay.media import confinement
from relay.media.work import Work
from tests.confinement.hostile import LIMITS

took = 0.0


def work(how: str) -> Work:
    """`how` is "confined" or "free"."""
    return Work(lambda: _prepare(how), lambda *_: _say(), lambda _: LIMITS)


def _prepare(how: str) -> None:
    close_files, close_calls = confinement.open_nothing_but, confinement.allow_only_what_decoding_takes
    if how == "free":
        confinement.open_nothing_but, confinement.allow_only_what_decoding_takes = lambda _: None, lambda: None
        return

    def timed(result: Path) -> None:
        global took  # noqa: PLW0603 - one process, one figure
        began = time.perf_counter()
        close_files(result)
        close_calls()
        took = (time.perf_counter() - began) * 1000

    confinement.open_nothing_but, confinement.allow_only_what_decoding_takes = timed, lambda: None


def _say() -> int:
    sys.stdout.write(f"{took:.3f}")
    return 0
