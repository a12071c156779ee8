"""Files are looked at in child processes, a few at a time."""

import asyncio
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from weakref import WeakKeyDictionary

from relay.media.subprocesses import run_child

#: Children at a time, of one event loop: each may keep one core busy.
_CHILDREN = 2
_places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@cache
def is_installed() -> bool:
    """Whether the extra `media` is installed. Without it files go as they are."""
    return find_spec("av") is not None and find_spec("PIL") is not None


async def in_child(module: str, source: Path, result: Path, *arguments: str, seconds: float) -> tuple[int, bytes]:
    """Like `run_child`, in turn."""
    async with _places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_CHILDREN)):
        return await run_child(module, source, result, *arguments, seconds=seconds)
