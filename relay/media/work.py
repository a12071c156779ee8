"""What a child process is started for: a piece of work on one stranger's file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from relay.media.confinement.limits import Limits


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work. `run` may import nothing that `load` has not: by then there are no files to read it from."""

    load: Callable[[], None]
    run: Callable[[BinaryIO, Path], int]  #: From the source to the result; the exit status.
    limits: Callable[[int], Limits]  #: By the bytes of the source.
