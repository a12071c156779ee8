"""Conversions, one for each file however many open it at once, each in a process of its own."""

import asyncio
import hashlib
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import structlog
from prometheus_client import Counter

from relay.children import run_child
from relay.conversion.cache import Cache
from relay.model import LARGEST_CONVERTED

#: Opens the source as a stream.
Fetch = Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]

#: Counts with the way of converting, so that what an older one made is not used any more.
_VERSION: Final = 1
#: Conversions at the same time, and those that may be under way, the ones that fetch or wait included.
_PARALLEL: Final = 2
_MOST: Final = 32
#: Seconds that a file waits for its turn, and that a conversion may take; the process has the same limit itself.
_PATIENCE: Final = 30.0
_LONGEST: Final = 60.0
#: Seconds that are waited for conversions that are given up.
_GIVING_UP: Final = 2.0
#: Files that are remembered as unfit.
_UNFIT: Final = 1000

log = structlog.get_logger()


class Converter:
    """Gives files in the other form that `forms` names for their media type.

    `outcomes` counts conversions (made, failed, or busy: not now) and openings of what was kept.
    """

    def __init__(self, cache: Cache, forms: Mapping[str, str], outcomes: Counter) -> None:
        self._cache = cache
        self._forms = forms
        self._outcomes = outcomes
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._places = asyncio.Semaphore(_PARALLEL)
        self._unfit: OrderedDict[str, None] = OrderedDict()

    async def close(self) -> None:
        """Give up the conversions that are under way."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        if running:  # not for ever: Telegram may be slow to let go of a file that is fetched
            await asyncio.wait(running, timeout=_GIVING_UP)

    @asynccontextmanager
    async def open(self, file_id: str, source_type: str, fetch: Fetch) -> AsyncIterator[Path | None]:
        """The converted file, which stays until the block ends; None if there is none: then the original must do.

        Raises what `fetch` raises.
        """
        key = hashlib.sha256(f"{_VERSION} {source_type} {file_id}".encode()).hexdigest()
        with self._cache.using(key) as path:
            yield path if await self._made(key, source_type, fetch) else None

    async def _made(self, key: str, source_type: str, fetch: Fetch) -> bool:
        if self._cache.has(key):
            self._outcomes.labels("kept").inc()
            return True
        if source_type not in self._forms or key in self._unfit:
            return False
        task = self._running.get(key)
        if task is None:
            if len(self._running) >= _MOST:
                self._outcomes.labels("busy").inc()
                return False
            # A task of its own: who opened first may leave, and the others still get it.
            task = self._running[key] = asyncio.create_task(self._make(key, source_type, fetch))
            task.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(task)

    def _ended(self, key: str, task: asyncio.Task[bool]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # told to whoever waits; if nobody does any more, it is nobody's loss

    async def _make(self, key: str, source_type: str, fetch: Fetch) -> bool:
        outcome = "failed"
        try:
            with tempfile.TemporaryDirectory(dir=self._cache.work) as work:
                source, target = Path(work) / "source", Path(work) / "target"
                if await _save(fetch, source):
                    outcome = await self._convert(source_type, source, target)
                if outcome == "made":
                    self._cache.put(key, target)
        except OSError as error:  # no space, no process: not the file's fault
            log.warning("media.cannot_convert", reason=error.strerror)
            outcome = "busy"
        if outcome == "failed":
            log.warning("media.unfit", type=source_type, key=key[:12])
            self._remember(key)
        self._outcomes.labels(outcome).inc()
        return outcome == "made"

    async def _convert(self, source_type: str, source: Path, target: Path) -> str:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._places.acquire()
        except TimeoutError:
            return "busy"
        try:
            return "made" if await _run(source_type, source, target) == 0 else "failed"
        finally:
            self._places.release()

    def _remember(self, key: str) -> None:
        self._unfit[key] = None
        if len(self._unfit) > _UNFIT:
            self._unfit.popitem(last=False)


async def _save(fetch: Fetch, path: Path) -> bool:
    """Whether the source is small enough; then it is in the file."""
    size = 0
    with path.open("xb") as file:
        async with fetch() as chunks:
            async for chunk in chunks:
                size += len(chunk)
                if size > LARGEST_CONVERTED:
                    return False
                file.write(chunk)
    return True


async def _run(source_type: str, source: Path, target: Path) -> int:
    """Convert in a process that knows nothing but these two files. Its exit status."""
    arguments = (source_type, str(source), str(target))
    status, _ = await run_child("relay.conversion.worker", *arguments, seconds=_LONGEST, directory=source.parent)
    return status
