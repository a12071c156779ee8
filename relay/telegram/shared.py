"""Files that a local Bot API server put on a disk which we share with it.

In local mode its getFile answers an absolute path, which holds the bot's token: `DIRECTORY/TOKEN/photos/file_0.jpg`.
https://core.telegram.org/bots/api#using-a-local-bot-api-server
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from relay.errors import Unavailable


@contextmanager
def opened(directory: Path, path: str) -> Iterator[int | None]:
    """Open a file below the server's directory; None if it is not there. Yields a descriptor for reading.

    Nothing leads out of the directory: neither `..` nor a link, whether to a file or to a directory. Raises
    Unavailable, with words for the operator, for what is elsewhere or may not be read; the path is in no error.
    """
    descriptor = None
    try:
        descriptor = _open(directory, _parts(directory, path))
    except FileNotFoundError:
        if not directory.is_dir():
            raise Unavailable("the local Bot API server's directory is not here: TELEGRAM_LOCAL_FILES") from None
    except OSError as error:
        words = f"a file of the local Bot API server cannot be read ({error.strerror})"
        raise Unavailable(words) from None
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _parts(directory: Path, path: str) -> tuple[str, ...]:
    try:
        parts = PurePosixPath(path).relative_to(directory).parts
    except ValueError:
        parts = ()
    if not parts or ".." in parts or "\0" in path:
        raise Unavailable("the local Bot API server named a file outside of TELEGRAM_LOCAL_FILES")
    return parts


def _open(directory: Path, parts: tuple[str, ...]) -> int:
    """Step by step, following no link; only the directory itself may be one."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for index, part in enumerate(parts, 1):
        # Not blocking: a pipe would wait for its other end.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            inner = os.open(part, flags if index == len(parts) else flags | os.O_DIRECTORY, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = inner
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unavailable("the local Bot API server named something that is no file")
    return descriptor
