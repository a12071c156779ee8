"""What Linux can do and Python has no function for: called through the C library. Elsewhere nothing of it is there."""

import ctypes
import os
import sys
from functools import cache
from typing import Final

PR_SET_DUMPABLE: Final = 4
PR_SET_SECCOMP: Final = 22
PR_SET_NO_NEW_PRIVS: Final = 38
#: SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE and _WAIT_AFTER.
_WRITE_AND_WAIT: Final = 7

#: A pointer to what a call reads, a number, or nothing.
Argument = ctypes.Array[ctypes.c_char] | ctypes.Structure | int | None


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def prctl(option: int, first: int = 0, second: Argument = None) -> None:
    """Change something about this process, https://man7.org/linux/man-pages/man2/prctl.2.html. Raises OSError."""
    _called("prctl", option, first, second, 0, 0)


def system_call(number: int, *arguments: Argument) -> int:
    """Make a system call by its number, https://man7.org/linux/man-pages/man2/syscall.2.html. Raises OSError."""
    return _called("syscall", number, *arguments)


def hide_memory() -> None:
    """Close this process's memory and environment to every other of the same user; it leaves no core dump either.

    Without Linux it does nothing. Programs that are started are not hidden by it.
    """
    if sys.platform == "linux":
        prctl(PR_SET_DUMPABLE, 0)


def write_out(descriptor: int) -> None:
    """Return once what was written to a file has been handed to the disk, which may not keep it for good yet.

    Unlike fdatasync it empties no cache of the disk and closes no transaction of the file system, for which everybody
    else's fsync would wait: https://man7.org/linux/man-pages/man2/sync_file_range.2.html. Without Linux it is fsync.
    Raises OSError.
    """
    if sys.platform == "linux":
        _called("sync_file_range", descriptor, 0, 0, _WRITE_AND_WAIT)
    else:
        os.fsync(descriptor)


def _called(name: str, *arguments: Argument) -> int:
    function = getattr(_library(), name)
    function.restype = ctypes.c_long
    result: int = function(*map(_as_word, arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def _as_word(argument: Argument) -> object:
    if argument is None:
        return ctypes.c_long(0)
    if isinstance(argument, int):
        return ctypes.c_long(argument)
    return ctypes.byref(argument)
