"""The control socket's place: `relay.sock` in the data directory, for the relay's own user only."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

NAME: Final = "relay.sock"
#: Bytes of a socket's path, but for the one that ends it: https://man7.org/linux/man-pages/man7/unix.7.html.
LONGEST: Final = 107
#: Where Linux shows a process its open files; a way around that limit.
_DESCRIPTORS: Final = Path("/proc/self/fd")


class NoPlaceError(Exception):
    """The socket cannot be had. The message names the setting, the path and the reason."""


def listen(directory: Path, descriptors: Path = _DESCRIPTORS) -> socket.socket:
    """A socket that listens in `directory`; one that a dead relay left there is taken away. Raises NoPlaceError.

    `descriptors` is where the system shows a process its open files, if it does.
    """
    place = directory / NAME
    _clear(directory)
    listener = socket.socket(socket.AF_UNIX)
    try:
        with _reachable(directory, descriptors) as path:
            listener.bind(path)
            os.chmod(path, 0o600)  # noqa: PTH101 - before anybody can connect; the path may be no real one
        listener.listen(16)
    except OSError as error:
        listener.close()
        raise NoPlaceError(f"RELAY_DATA_DIR: no control socket at {place} ({error.strerror or error})") from None
    return listener


def connect(directory: Path, timeout: float) -> socket.socket:
    """A connection to the relay that listens in `directory`; `timeout` (seconds) is for each wait. Raises OSError."""
    caller = socket.socket(socket.AF_UNIX)
    caller.settimeout(timeout)
    try:
        with _reachable(directory) as path:
            caller.connect(path)
    except OSError:
        caller.close()
        raise
    return caller


def leave(directory: Path) -> None:
    """Take the socket away."""
    (directory / NAME).unlink(missing_ok=True)


def _clear(directory: Path) -> None:
    place = directory / NAME
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(place.lstat().st_mode):
            raise NoPlaceError(f"RELAY_DATA_DIR: {place} is in the way; the relay would put its control socket there")
        try:
            connect(directory, 1.0).close()
        except OSError:
            place.unlink(missing_ok=True)  # nobody listens: its relay was killed
        else:
            raise NoPlaceError(f"RELAY_DATA_DIR: another relay answers at {place}; give each a directory of its own")


@contextmanager
def _reachable(directory: Path, descriptors: Path = _DESCRIPTORS) -> Iterator[str]:
    """The socket's path in a form that is short enough: a long one goes by way of the open directory."""
    path = str(directory / NAME)
    if len(os.fsencode(path)) <= LONGEST or not descriptors.is_dir():
        yield path
        return
    opened = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield str(descriptors / str(opened) / NAME)
    finally:
        os.close(opened)
