"""How a command ends whose output nobody took: a full disk, or a pipe that was closed (`relay status | head -1`)."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from traceback import walk_tb
from typing import Any, TextIO

import click


class EndingGroup(click.Group):
    """Ends with a line and 1 when its output could not be written; a pipe that was closed is quiet, as click has it.

    A log that could not be written changes nothing: the exit code is the command's own.
    """

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 - click's own
        """Run the command; as click has it, it ends the process."""
        _open_what_is_closed()
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if not _was_printing(error):
                raise
            with suppress(OSError):
                click.echo(f"The output cannot be written: {error.strerror or error}.", err=True)
            sys.exit(1)
        finally:
            for stream in (sys.stdout, sys.stderr):
                _give_up(stream)


def _open_what_is_closed() -> None:
    """What was closed at the start (`relay check >&-`) leads nowhere: no file of ours may take its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # each takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - until the process ends


def _was_printing(error: OSError) -> bool:
    return any(frame.f_code is click.echo.__code__ for frame, _ in walk_tb(error.__traceback__))


def _give_up(stream: TextIO) -> None:
    """Write what is left, or drop it: Python would try again at its end, fail, and exit with 120."""
    if stream.closed:
        return
    try:
        stream.flush()
    except OSError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
