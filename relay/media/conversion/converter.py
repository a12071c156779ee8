"""Conversions, one for each file however many open it at once, each in a process of its own."""

import asyncio
import hashlib
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog
from prometheus_client import Counter

from relay.media.conversion.cache import Cache
from relay.media.conversion.forms import longest
from relay.media.subprocesses import run_child
from relay.model import LARGEST_CONVERTED

#: Opens the source as a stream.
Fetch = Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]

_WORKER: Final = "relay.media.conversion.worker"
#: Counts with the way of converting, so that what an older one made is not used any more.
_VERSION: Final = 1
#: Seconds that are waited for conversions that are given up.
_GIVING_UP: Final = 2.0
#: Files that are remembered as unfit.
_UNFIT: Final = 1000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """What conversions may take."""

    #: Those into one type that may be under way, those that fetch or wait included; one of them runs.
    most: int = 16
    patience: float = 5.0  #: Seconds that a file waits for its turn. Then the original does.
    longest: Callable[[str, int], float] = longest  #: Seconds that one may run, by its type and its bytes.


_USUAL: Final = Limits()


@dataclass(slots=True)
class _Line:
    """The conversions into one type: stickers, however many, hold up no voice message."""

    place: asyncio.Lock = field(default_factory=asyncio.Lock)
    under_way: int = 0


def cache_key(file_id: str, source_type: str) -> str:
    """Under which name a converted file lies in the cache."""
    return hashlib.sha256(f"{_VERSION} {source_type} {file_id}".encode()).hexdigest()


class Converter:
    """Gives one channel's files in the other form that `forms` names for their media type.

    Each channel has its own, so that a flood in one costs the others nothing.
    `outcomes` counts conversions (made, failed, or busy: not now) and openings of what was kept.
    """

    def __init__(self, cache: Cache, forms: Mapping[str, str], outcomes: Counter, limits: Limits = _USUAL) -> None:
        self._cache = cache
        self._limits = limits
        self._forms = forms
        self._outcomes = outcomes
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._lines = {target: _Line() for target in forms.values()}
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
        key = cache_key(file_id, source_type)
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
            line = self._lines[self._forms[source_type]]
            if line.under_way >= self._limits.most:
                self._outcomes.labels("busy").inc()
                return False
            # A task of its own: who opened first may leave, and the others still get it.
            task = self._running[key] = asyncio.create_task(self._make(key, source_type, fetch))
            line.under_way += 1
            task.add_done_callback(lambda done: self._ended(key, line, done))
        return await asyncio.shield(task)

    def _ended(self, key: str, line: _Line, task: asyncio.Task[bool]) -> None:
        del self._running[key]
        line.under_way -= 1
        if not task.cancelled():
            task.exception()  # told to whoever waits; if nobody does any more, it is nobody's loss

    async def _make(self, key: str, source_type: str, fetch: Fetch) -> bool:
        outcome = "failed"
        try:
            with tempfile.TemporaryDirectory(dir=self._cache.work) as work:
                source, target = Path(work) / "source", Path(work) / "target"
                size = await _save(fetch, source)
                if size is not None:
                    seconds = self._limits.longest(source_type, size)
                    outcome = await self._convert(source_type, source, target, seconds)
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

    async def _convert(self, source_type: str, source: Path, target: Path, seconds: float) -> str:
        place = self._lines[self._forms[source_type]].place
        try:
            async with asyncio.timeout(self._limits.patience):
                await place.acquire()
        except TimeoutError:
            return "busy"
        try:
            status, _ = await run_child(_WORKER, source, target, source_type, seconds=seconds)
            return "made" if status == 0 else "failed"
        finally:
            place.release()

    def _remember(self, key: str) -> None:
        self._unfit[key] = None
        if len(self._unfit) > _UNFIT:
            self._unfit.popitem(last=False)


async def _save(fetch: Fetch, path: Path) -> int | None:
    """Put the source into the file: its bytes. None if it is too large."""
    size = 0
    with path.open("xb") as file:
        async with fetch() as chunks:
            async for chunk in chunks:
                size += len(chunk)
                if size > LARGEST_CONVERTED:
                    return None
                file.write(chunk)
    return size
