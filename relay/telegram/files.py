"""Files that lie at Telegram, opened by `file_id` as streams.

A file's own URL holds the bot token and dies after about an hour, so it never leaves this module; the `file_id` lasts.
A local Bot API server in local mode names a path on a disk that we share with it, which holds the token as well.
https://core.telegram.org/bots/api#getfile
"""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

import aiohttp
from telegram import Bot
from yarl import URL

from relay.errors import NotAccepted, Throttled, Unavailable, cause_of
from relay.media.ranges import Span
from relay.media.streams import OpenFile, from_disk, from_server
from relay.telegram.api import TokenRefused, call
from relay.telegram.late_files import LateFiles, says_late
from relay.telegram.proxy import ProxyFailed, way_of
from relay.telegram.shared import opened

#: Seconds. A local server in local mode answers getFile only once it has the whole file, of up to 2000 MB.
LOCAL_PATIENCE: Final = 15 * 60.0
#: Seconds. Telegram promises an hour: https://core.telegram.org/bots/api#getfile
PATH_LIFETIME: Final = 50 * 60.0

_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=10.0, sock_read=30.0)
#: The path is not good any more, or the file is not there at the moment: the next question tells which.
_GONE: Final = frozenset({400, 403, 404, 410})
_GONE_FOR_GOOD: Final = "Telegram does not have this file any more."


class FileGone(NotAccepted):
    """Telegram does not have the file any more, or never had."""


class FileLate(Unavailable):
    """Telegram did not give the file now, and may later."""


class FileTooBig(NotAccepted):
    """The Bot API hands out files of at most 20 MB."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """Where a file lies at Telegram, for now."""

    path: str = field(repr=False)  #: A local server's holds the token.
    size: int | None  #: Bytes, when Telegram says so.


class TelegramFiles:
    """Opens files by `file_id`. Remembers their paths for 50 minutes, the latest `most_paths` of them.

    `shared` is the directory that we share with a local Bot API server in local mode, None without one. `clock` gives
    seconds.
    """

    def __init__(
        self,
        bot: Bot,
        session: aiohttp.ClientSession,
        shared: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        most_paths: int = 10_000,
    ) -> None:
        self._most_paths = most_paths
        self._bot = bot
        self._session = session
        self._shared = shared
        self._clock = clock
        self._paths: OrderedDict[str, tuple[float, RemoteFile]] = OrderedDict()
        self._late = LateFiles()

    async def resolve(self, file_id: str) -> RemoteFile:
        """Where the file lies now. Downloads nothing. Raises FileGone, FileTooBig, FileLate, or Unavailable."""
        until, known = self._paths.get(file_id, (0.0, None))
        if known is not None and self._clock() < until:
            self._paths.move_to_end(file_id)
            return known
        if self._late.is_gone(file_id, self._clock()):
            raise FileGone(_GONE_FOR_GOOD)
        file = await self._ask(file_id)
        self._paths[file_id] = (self._clock() + PATH_LIFETIME, file)
        self._paths.move_to_end(file_id)
        if len(self._paths) > self._most_paths:
            self._paths.popitem(last=False)
        return file

    @asynccontextmanager
    async def open(self, file_id: str, span: Span | None = None) -> AsyncIterator[OpenFile]:
        """Open the file, or a part of it, as a stream; leaving the context ends the download.

        Raises what `resolve` raises. A remembered path that Telegram has dropped meanwhile is asked for once more.
        """
        file = await self.resolve(file_id)
        if self._shared is not None and file.path.startswith("/"):
            async with self._open_shared(self._shared, file_id) as descriptor:
                yield from_disk(descriptor, span)
            return
        file, response = await self._get(file_id, span)
        if response.status in _GONE:
            response.close()
            file, response = await self._get(file_id, span)
        async with response:
            if response.status in _GONE:
                raise self._missing(file_id)
            _check(response)
            self._late.forget(file_id)
            yield from_server(response, span, file.size)

    @asynccontextmanager
    async def _open_shared(self, shared: Path, file_id: str) -> AsyncIterator[int]:
        """The descriptor of a file on the local server's disk. What was deleted there is fetched anew, once."""
        async with AsyncExitStack() as stack:
            descriptor = None
            for _ in range(2):
                file = await self.resolve(file_id)
                descriptor = stack.enter_context(opened(shared, file.path))
                if descriptor is not None:
                    break
                self._paths.pop(file_id, None)
            if descriptor is None:
                raise self._missing(file_id)
            self._late.forget(file_id)
            yield descriptor

    def _missing(self, file_id: str) -> FileGone | FileLate:
        """What it means that Telegram did not give the file this time."""
        if self._late.note(file_id, self._clock()):
            return FileGone(_GONE_FOR_GOOD)
        return FileLate("Telegram cannot give this file at the moment")

    async def _ask(self, file_id: str) -> RemoteFile:
        patience = None if self._shared is None else LOCAL_PATIENCE
        try:
            answer = await call(self._bot, "getFile", {"file_id": file_id}, read_timeout=patience)
        except NotAccepted as error:
            if "too big" in str(error):
                raise FileTooBig("The file is larger than 20 MB, the most that Telegram hands to bots.") from None
            if says_late(str(error)):
                raise self._missing(file_id) from None
            raise FileGone(_GONE_FOR_GOOD) from None
        path = answer.get("file_path") if isinstance(answer, dict) else None
        if not isinstance(path, str) or ".." in path.split("/") or (path.startswith("/") and self._shared is None):
            raise Unavailable("Telegram gave no path for the file")
        size = answer.get("file_size")
        return RemoteFile(path, size if isinstance(size, int) and size >= 0 else None)

    async def _get(self, file_id: str, span: Span | None) -> tuple[RemoteFile, aiohttp.ClientResponse]:
        file = await self.resolve(file_id)
        headers = {"Accept-Encoding": "identity"}
        if span is not None:
            headers["Range"] = f"bytes={span.first}-{span.last}"
        url = URL(f"{self._bot.base_file_url}/{quote(file.path)}", encoded=True)
        try:
            response = await self._session.get(url, headers=headers, timeout=_TIMEOUT, allow_redirects=False)
        except ProxyFailed as error:
            raise Unavailable(str(error)) from None
        except (aiohttp.ClientError, OSError) as error:
            way = way_of(self._session)
            raise Unavailable(f"Telegram's files could not be reached{way} ({cause_of(error)})") from None
        if response.status in _GONE:
            self._paths.pop(file_id, None)
        return file, response


def _check(response: aiohttp.ClientResponse) -> None:
    match response.status:
        case 200 | 206:
            return
        case 401:
            raise TokenRefused("Telegram refused the bot token")
        case 429:
            wait = response.headers.get("Retry-After", "")
            seconds = float(wait) if wait.isascii() and wait.isdigit() else 5.0
            raise Throttled("Telegram asked to wait", retry_after=seconds)
        case status:
            raise Unavailable(f"Telegram answered {status} for the file")
