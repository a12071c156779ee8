"""A child that tries what it must not be able to do, and says, as a line of JSON, what it was let do."""

import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from relay.media.confinement.limits import Limits
from relay.media.work import Work

_LIMITS: Final = Limits(memory=2**29, writes=2**20, work=5, time=10)


def work() -> Work:
    """The trial. It looks into nothing."""
    return Work(lambda: None, _run, lambda _: _LIMITS)


def _run(_source: BinaryIO, _result: Path) -> int:
    attempts = {"open a file": _open_a_file, "reach the network": _reach_the_network}
    sys.stdout.write(json.dumps([name for name, attempt in attempts.items() if _is_let(attempt)]))
    return 0


def _open_a_file() -> None:
    with Path(__file__).open("rb"):
        pass


def _reach_the_network() -> None:
    with socket.socket():
        pass


def _is_let(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True
