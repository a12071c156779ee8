"""`GET|HEAD /media/{id}/{name}`: a customer's file, for Kit and the agents' browsers.

The id is the capability; the name is decoration. Files are streamed from Telegram as they are asked for, kept nowhere,
and served so that nothing in them can run: they are strangers' files under our host name.
"""

import asyncio
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import structlog
from aiohttp import web

from relay.errors import NotAccepted, RelayError, Throttled, Unavailable
from relay.model import Media
from relay.telegram.files import OpenFile, TelegramFiles
from relay.telegram.ranges import UnsatisfiableError, asked_span
from relay.web.inert import SAFETY, content_headers

FindMedia = Callable[[str], Awaitable[Media | None]]

#: Seconds that a reader may take for 64 KiB, and for a whole file (20 MB at 180 kbit/s).
SLOWEST_WRITE: Final = 60.0
LONGEST: Final = 15 * 60.0
#: Seconds to wait for a free stream before saying 503.
PATIENCE: Final = 10.0

_ID: Final = re.compile("[A-Za-z0-9_-]{16,64}")
_NOT_FOUND: Final = "There is no such file."
_LATER: Final = "The file cannot be had at the moment."

log = structlog.get_logger()


def add_media_routes(
    app: web.Application, find: FindMedia, files: Mapping[str, TelegramFiles], *, parallel: int = 32
) -> None:
    """Serve what `find` knows by its id, with at most `parallel` streams at once from each channel of `files`.

    Answers 404 in words for an id that is unknown or a file that is gone or too big, 503 with Retry-After when Telegram
    or the store is not to be had. A download that breaks off upstream breaks off here too, never ends as if complete.
    """
    desk = _MediaDesk(find, files, parallel)
    app.router.add_get("/media/{id}", desk.serve)
    app.router.add_get("/media/{id}/{name:.*}", desk.serve)


class _MediaDesk:
    def __init__(self, find: FindMedia, files: Mapping[str, TelegramFiles], parallel: int) -> None:
        self._find = find
        self._files = files
        self._streams = {channel: asyncio.Semaphore(parallel) for channel in files}

    async def serve(self, request: web.Request) -> web.StreamResponse:  # noqa: PLR0911 - one per status
        media_id = request.match_info["id"]
        try:
            media = await self._find(media_id) if _ID.fullmatch(media_id) else None
            if media is None or media.channel not in self._files:
                return _words(404, _NOT_FOUND)
            if request.method == "HEAD":
                return await self._describe(request, media)
            async with self._stream_slot(media.channel):
                return await self._send(request, media)
        except UnsatisfiableError as error:
            return _words(416, "The file has no such part.", {"Content-Range": f"bytes */{error.size}"})
        except NotAccepted as error:
            return _words(404, str(error))
        except Throttled as error:
            return _words(503, _LATER, {"Retry-After": str(math.ceil(error.retry_after))})
        except Unavailable as error:
            log.warning("media.unavailable", reason=str(error))
            return _words(503, _LATER, {"Retry-After": "10"})

    async def _describe(self, request: web.Request, media: Media) -> web.StreamResponse:
        file = await self._files[media.channel].resolve(media.file_id)
        response = web.StreamResponse(headers=content_headers(media))
        response.content_length = media.size if file.size is None else file.size
        await response.prepare(request)
        return response

    async def _send(self, request: web.Request, media: Media) -> web.StreamResponse:
        file = await self._files[media.channel].resolve(media.file_id)
        # If-Range names a version of the file, and we name none: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
        wanted = None if "If-Range" in request.headers else request.headers.get("Range")
        span = None if file.size is None else asked_span(wanted, file.size)
        async with self._files[media.channel].open(media.file_id, span) as upstream:
            response = web.StreamResponse(headers=content_headers(media))
            response.content_length = upstream.size
            if span is not None:
                response.set_status(206)
                response.headers["Content-Range"] = f"bytes {span.first}-{span.last}/{upstream.size}"
                response.content_length = len(span)
            await response.prepare(request)
            if not await _pour(upstream, response) and request.transport is not None:
                request.transport.abort()
        return response

    @asynccontextmanager
    async def _stream_slot(self, channel: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._streams[channel].acquire()
        except TimeoutError:
            raise Unavailable("all media streams are in use") from None
        try:
            yield
        finally:
            self._streams[channel].release()


async def _pour(upstream: OpenFile, response: web.StreamResponse) -> bool:
    """Pass the bytes on at the reader's pace. Returns whether all of them went."""
    try:
        async with asyncio.timeout(LONGEST):
            async for chunk in upstream.chunks():
                async with asyncio.timeout(SLOWEST_WRITE):
                    await response.write(chunk)
    except (RelayError, ConnectionError, TimeoutError) as error:
        log.info("media.broken_off", reason=str(error) or type(error).__name__)
        return False
    return True


def _words(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=text, headers={**SAFETY, "Cache-Control": "no-store", **(headers or {})})
