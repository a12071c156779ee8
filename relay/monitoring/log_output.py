"""Where finished lines of the log go: whoever does not read them makes nobody wait for longer than a moment.

A full disk, a closed terminal, one that was stopped (Ctrl-S) or a collector that hangs must not stop deliveries.
"""

import os
import select
import stat
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from io import UnsupportedOperation
from typing import Final, TextIO

#: Seconds that a line waits at most for whoever reads the log, and for which none waits after one that had to.
_PATIENCE: Final = 0.25
_NO_PATIENCE: Final = 10.0
#: Seconds by which a line is taken to have waited.
_WAITED: Final = 0.01
#: Characters that are written at once. A pipe that takes anything takes so many bytes, in ASCII
#: (https://man7.org/linux/man-pages/man7/pipe.7.html, PIPE_BUF).
_PIECE: Final = 1_000


class Output:
    """Takes finished lines, and writes them to its `stream`, or to standard error while that is None.

    `tell` is called with the number of lines that nobody took, once somebody takes one again.
    """

    def __init__(self, tell: Callable[[int], None]) -> None:
        self.stream: TextIO | None = None
        self._tell = tell
        self._lock = threading.Lock()
        self._sink: _Sink | None = None  #: Of the last line.
        self._dropped = 0  #: Lines for this stream since the last one that somebody took.
        self._is_torn = False  #: The last one broke off in the middle.
        self._patient_from = 0.0  #: On the monotonic clock.

    def write(self, line: str) -> None:
        """Write a line, or drop it."""
        with self._lock:
            is_taken = self._put(line)
            missed = self._dropped if is_taken else 0
            self._dropped = 0 if is_taken else self._dropped + 1
        if missed:
            self._tell(missed)
            if self._dropped:
                self._dropped += missed  # nobody took that either

    debug = info = warning = error = critical = write  # structlog calls the logger by the event's level

    def _put(self, line: str) -> bool:
        """Write a line. False: nobody took it, or not all of it."""
        began = time.monotonic()
        try:
            sink = self._present_sink()
            patience = _PATIENCE if not self._dropped and began >= self._patient_from else 0.0
            text = f"\n{line}\n" if self._is_torn else f"{line}\n"
            for start in range(0, len(text), _PIECE):
                if not sink.takes_something(began + patience - time.monotonic()):
                    return False
                is_whole = sink.write(text[start : start + _PIECE])
                self._is_torn = not is_whole or start + _PIECE < len(text)
                if not is_whole:
                    return False
        except (OSError, ValueError):
            return False
        finally:
            if time.monotonic() - began > _WAITED:
                self._patient_from = began + _NO_PATIENCE
        return True

    def _present_sink(self) -> "_Sink":
        stream = self.stream or sys.stderr
        if self._sink is None or self._sink.stream is not stream:
            if self._sink is not None:
                self._sink.close()
            self._sink, self._is_torn, self._dropped, self._patient_from = _Sink(stream), False, 0, 0.0
        return self._sink


class _Sink:
    """A stream, and what tells whether it takes something: a pipe, a socket and a terminal may not, a file does."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._terminal: int | None = None
        self._poll: select.poll | None = None
        try:
            descriptor = stream.fileno()
        except UnsupportedOperation:
            return
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return
        # A terminal says that it takes something when there is room for one byte, and waits with the rest: it is opened
        # once more, since not to wait is agreed for all who have the same opening of it.
        if os.isatty(descriptor):
            with suppress(OSError):
                self._terminal = os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(descriptor if self._terminal is None else self._terminal, select.POLLOUT)

    def takes_something(self, seconds: float) -> bool:
        """Whether a piece can be written, at the latest after so many seconds."""
        return self._poll is None or bool(self._poll.poll(max(0.0, seconds) * 1000))

    def write(self, piece: str) -> bool:
        """Write it. False: only a part. Raises OSError or ValueError where nothing can be written."""
        if self._terminal is None:
            self.stream.write(piece)
            self.stream.flush()
            return True
        data = piece.encode(self.stream.encoding, "backslashreplace")
        return os.write(self._terminal, data) == len(data)

    def close(self) -> None:
        """Leave the stream as it is."""
        if self._terminal is not None:
            os.close(self._terminal)
