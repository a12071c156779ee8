"""A child process for work on media files: what strangers made is decoded there, where a crash or a hang harms nobody.

The child gets no secrets (its environment is empty), little of the machine (see `confinement`), and a time limit.
"""

import asyncio
import os
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from weakref import WeakKeyDictionary

#: Children at a time, of one event loop: each may keep one core busy.
_CHILDREN = 2
_places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@cache
def is_installed() -> bool:
    """Whether the extra `media` is installed. Without it files go as they are."""
    return find_spec("av") is not None and find_spec("PIL") is not None


async def in_child(module: str, *arguments: str, seconds: float) -> tuple[int, bytes]:
    """Run a module as a program of its own: its exit code (negative when it was killed) and what it printed.

    It is killed after so many seconds. Cancelling kills it too.
    """
    async with _places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_CHILDREN)):
        # Not asyncio's own processes: one that is cancelled while it begins can leave its waiter waiting for ever.
        child = subprocess.Popen(  # noqa: S603, ASYNC220 - our own module; to start it takes a few milliseconds
            (sys.executable, "-I", "-m", module, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        )
        try:
            printed, _ = await asyncio.to_thread(child.communicate, timeout=seconds)
        except subprocess.TimeoutExpired:
            printed = b""
        finally:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()
        return child.returncode, printed
