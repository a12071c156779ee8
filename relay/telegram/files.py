"""Files that lie at Telegram, opened by `file_id` as streams.

A file's own URL holds the bot token and dies after about an hour, so it never leaves this module; the `file_id` lasts.
https://core.telegram.org/bots/api#getfile
"""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import aiohttp
from telegram import Bot
from yarl import URL

from relay.errors import NotAccepted, Throttled, Unavailable
from relay.telegram.api import TokenRefused, call
from relay.telegram.ranges import Span, told_span

CHUNK: Final = 64 * 2**10
#: Seconds. Telegram promises an hour: https://core.telegram.org/bots/api#getfile
PATH_LIFETIME: Final = 50 * 60.0
MAX_PATHS: Final = 10_000

_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=10.0, sock_read=30.0)
_GONE: Final = frozenset({400, 403, 404, 410})


class FileGone(NotAccepted):
    """Telegram does not have the file any more, or never had."""


class FileTooBig(NotAccepted):
    """The Bot API hands out files of at most 20 MB."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """Where a file lies at Telegram, for now."""

    path: str
    size: int | None  #: Bytes, when Telegram says so.


class OpenFile:
    """A file, or the asked-for part of it, on its way from Telegram."""

    def __init__(self, response: aiohttp.ClientResponse, span: Span | None, size: int | None) -> None:
        self._response = response
        self._skip = 0  #: Bytes still to be passed over.
        #: Bytes of the whole file, when known.
        self.size = size if response.content_length is None else response.content_length
        if response.status == 206:
            told = told_span(response.headers.get("Content-Range", ""))
            if span is None or told is None or told[0].first != span.first:
                raise Unavailable("Telegram sent another part of the file than the one asked for")
            self.size = size if told[1] is None else told[1]
        elif span is not None:  # The server does not know parts and sends the whole.
            self._skip = span.first
        self._left = self.size if span is None else len(span)  #: Bytes still to be passed on, when known.

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes, at most 64 KiB at a time. Raises Unavailable when they end too early."""
        try:
            async for chunk in self._response.content.iter_chunked(CHUNK):
                part = chunk[self._skip :]
                self._skip -= len(chunk) - len(part)
                if self._left is not None:
                    part = part[: self._left]
                    self._left -= len(part)
                if part:
                    yield part
                if self._left == 0:
                    return
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"Telegram broke off the file ({type(error).__name__})") from None
        if self._left:
            raise Unavailable("Telegram's file ended too early")


class TelegramFiles:
    """Opens files by `file_id`. Remembers their paths for 50 minutes, the latest 10,000 of them."""

    def __init__(self, bot: Bot, session: aiohttp.ClientSession) -> None:
        self._bot = bot
        self._session = session
        self._paths: OrderedDict[str, tuple[float, RemoteFile]] = OrderedDict()

    async def resolve(self, file_id: str) -> RemoteFile:
        """Where the file lies now. Downloads nothing. Raises FileGone, FileTooBig, or Unavailable."""
        until, known = self._paths.get(file_id, (0.0, None))
        if known is not None and time.monotonic() < until:
            self._paths.move_to_end(file_id)
            return known
        file = await self._ask(file_id)
        self._paths[file_id] = (time.monotonic() + PATH_LIFETIME, file)
        self._paths.move_to_end(file_id)
        if len(self._paths) > MAX_PATHS:
            self._paths.popitem(last=False)
        return file

    @asynccontextmanager
    async def open(self, file_id: str, span: Span | None = None) -> AsyncIterator[OpenFile]:
        """Open the file, or a part of it, as a stream; leaving the context ends the download.

        Raises what `resolve` raises. A remembered path that Telegram has dropped meanwhile is asked for once more.
        """
        file, response = await self._get(file_id, span)
        if response.status in _GONE:
            response.close()
            file, response = await self._get(file_id, span)
        async with response:
            _check(response)
            yield OpenFile(response, span, file.size)

    async def _ask(self, file_id: str) -> RemoteFile:
        try:
            answer = await call(self._bot, "getFile", {"file_id": file_id})
        except NotAccepted as error:
            if "too big" in str(error):
                raise FileTooBig("The file is larger than 20 MB, the most that Telegram hands to bots.") from None
            raise FileGone("Telegram does not have this file any more.") from None
        path = answer.get("file_path") if isinstance(answer, dict) else None
        if not isinstance(path, str) or path.startswith("/") or ".." in path.split("/"):
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
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"Telegram's files could not be reached ({type(error).__name__})") from None
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
        case status if status in _GONE:
            raise FileGone("Telegram does not have this file any more.")
        case status:
            raise Unavailable(f"Telegram answered {status} for the file")
