"""How far an upload has come: it is timed by its progress, and what never left as a whole has had no effect."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import UploadTracker

#: Seconds between two looks.
_LOOK: Final = 0.5


class Upload:
    """One request with files. To be made in the running loop.

    It may last as long as its bytes move. So many seconds after one, without another one or the answer, are too many;
    None means never. What has moved may still lie in the machine's own buffers, so they are not to be few.
    """

    def __init__(self, seconds: float | None) -> None:
        self.tracker = UploadTracker()
        self._seconds = seconds

    @property
    def has_ended(self) -> bool:
        """Whether the whole body has left: from then on the other side may have acted on it."""
        done = self.tracker.upload_complete
        return done.done() and not done.cancelled() and done.exception() is None

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Raise TimeoutError when it is time to end it."""
        async with asyncio.timeout(None) as patience:
            watch = asyncio.create_task(self._watch(patience), name="upload")
            try:
                yield
            finally:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)

    async def _watch(self, patience: asyncio.Timeout) -> None:
        now = asyncio.get_running_loop().time
        before = -1
        while not patience.expired():
            sent = self.tracker.bytes_written
            if sent != before:
                before = sent
                patience.reschedule(None if self._seconds is None else now() + self._seconds)
            await asyncio.sleep(_LOOK)
