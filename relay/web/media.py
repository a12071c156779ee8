"""`GET|HEAD /media/{id}/{name}`: a customer's file, for Kit and the agents' browsers.

The id is the capability; the name is decoration. Files are streamed from Telegram as they are asked for, and, but for
the converted ones, kept nowhere. They are served so that nothing in them can run: they are strangers' files under our
host name.
"""

import asyncio
import math
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from relay.errors import NotAccepted, RelayError, Throttled, Unavailable
from relay.media.conversion.converter import Converter
from relay.media.conversion.forms import original_name
from relay.media.ranges import Span, UnsatisfiableError, asked_span
from relay.media.streams import OpenFile, from_disk
from relay.model import Media
from relay.telegram.files import TelegramFiles
from relay.web.inert import SAFETY, content_headers
from relay.web.slots import Slots

FindMedia = Callable[[str], Awaitable[Media | None]]

#: Seconds that a reader may take for 64 KiB; for a whole file (20 MB at 180 kbit/s); and bytes that add one more.
SLOWEST_WRITE: Final = 60.0
LONGEST: Final = 15 * 60.0
BYTES_A_SECOND: Final = 256 * 2**10

_ID: Final = re.compile("[A-Za-z0-9_-]{16,64}")
_NOT_FOUND: Final = "There is no such file."
_LATER: Final = "The file cannot be had at the moment."

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ChannelMedia:
    """One channel's files, how many of them may be streamed at once, and who converts them: none holds up another's."""

    files: TelegramFiles
    slots: Slots
    converter: Converter


def add_media_routes(
    app: web.Application, find: FindMedia, channels: Mapping[str, ChannelMedia], slowest_write: float = SLOWEST_WRITE
) -> None:
    """Serve what `find` knows by its id, from its channel and in one of that channel's slots.

    Whoever waits for a conversion has no slot yet.

    Answers 404 in words for an id that is unknown or a file that is gone or too big, 503 with Retry-After when Telegram
    or the store is not to be had. A download that breaks off upstream breaks off here too, never ends as if complete.
    What cannot be converted is served as it came. A reader who takes longer than `slowest_write` seconds for 64 KiB is
    cut off.
    """
    desk = _MediaDesk(find, channels, slowest_write)
    app.router.add_get("/media/{id}", desk.serve)
    app.router.add_get("/media/{id}/{name:.*}", desk.serve)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the bytes of an answer come from."""

    media: Media  #: As it is told to the reader.
    size: int | None  #: Bytes of the whole, when known.
    open: Callable[[Span | None], AbstractAsyncContextManager[OpenFile]]
    lasting: bool = True  #: The next opening gives the same bytes.

    @property
    def headers(self) -> dict[str, str]:
        """What is told of it."""
        headers = content_headers(self.media)
        return headers if self.lasting else headers | {"Cache-Control": "no-store"}


class _MediaDesk:
    def __init__(self, find: FindMedia, channels: Mapping[str, ChannelMedia], slowest_write: float) -> None:
        self._find = find
        self._channels = channels
        self._slowest_write = slowest_write

    async def serve(self, request: web.Request) -> web.StreamResponse:  # noqa: PLR0911 - one per status
        media_id = request.match_info["id"]
        try:
            media = await self._find(media_id) if _ID.fullmatch(media_id) else None
            channel = None if media is None else self._channels.get(media.channel)
            if media is None or channel is None:
                return _words(404, _NOT_FOUND)
            async with _converted(media, channel) as path:
                if request.method == "HEAD":
                    return await _describe(request, await _source(media, path, channel.files))
                async with channel.slots.taken(media_id):
                    source = await _source(media, path, channel.files)
                    return await _send(request, source, self._slowest_write)
        except UnsatisfiableError as error:
            return _words(416, "The file has no such part.", {"Content-Range": f"bytes */{error.size}"})
        except NotAccepted as error:
            return _words(404, str(error))
        except Throttled as error:
            return _words(503, _LATER, {"Retry-After": str(math.ceil(error.retry_after))})
        except Unavailable as error:
            log.warning("media.unavailable", reason=str(error))
            return _words(503, _LATER, {"Retry-After": "10"})


@asynccontextmanager
async def _converted(media: Media, channel: ChannelMedia) -> AsyncIterator[Path | None]:
    """The converted file; None where the original is to be served."""
    if media.source_type is None:
        yield None
        return
    fetch = partial(_chunks, channel.files, media.file_id)
    async with channel.converter.open(media.file_id, media.source_type, fetch) as path:
        yield path


async def _source(media: Media, converted: Path | None, files: TelegramFiles) -> _Source:
    if converted is not None:
        return _kept(media, converted)
    if media.source_type is None:
        return await _as_it_is(media, files)
    return replace(await _as_it_is(_unconverted(media, media.source_type), files), lasting=False)


def _kept(media: Media, path: Path) -> _Source:
    return _Source(media, path.stat().st_size, partial(_open_path, path))


async def _as_it_is(media: Media, files: TelegramFiles) -> _Source:
    file = await files.resolve(media.file_id)
    return _Source(media, media.size if file.size is None else file.size, partial(files.open, media.file_id))


@asynccontextmanager
async def _chunks(files: TelegramFiles, file_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
    async with files.open(file_id) as upstream:
        yield upstream.chunks


def _unconverted(media: Media, source_type: str) -> Media:
    """What is served instead of the converted file: a still picture of what cannot be shown, else what came."""
    if media.preview is not None:
        return replace(media, file_id=media.preview, size=None)
    return replace(media, name=original_name(media.name, source_type), mime_type=source_type)


@asynccontextmanager
async def _open_path(path: Path, span: Span | None) -> AsyncIterator[OpenFile]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield from_disk(descriptor, span)
    finally:
        os.close(descriptor)


async def _describe(request: web.Request, source: _Source) -> web.StreamResponse:
    response = web.StreamResponse(headers=source.headers)
    response.content_length = source.size
    await response.prepare(request)
    return response


async def _send(request: web.Request, source: _Source, slowest_write: float) -> web.StreamResponse:
    # If-Range names a version of the file, and we name none: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
    wanted = None if "If-Range" in request.headers else request.headers.get("Range")
    span = None if source.size is None else asked_span(wanted, source.size)
    async with source.open(span) as file:
        response = web.StreamResponse(headers=source.headers)
        response.content_length = file.size
        if span is not None:
            response.set_status(206)
            response.headers["Content-Range"] = f"bytes {span.first}-{span.last}/{file.size}"
            response.content_length = len(span)
        await response.prepare(request)
        if not await _pour(file, response, slowest_write) and request.transport is not None:
            request.transport.abort()
    return response


async def _pour(file: OpenFile, response: web.StreamResponse, slowest_write: float) -> bool:
    """Pass the bytes on at the reader's pace. Returns whether all of them went."""
    try:
        async with asyncio.timeout(LONGEST + (response.content_length or 0) / BYTES_A_SECOND):
            async for chunk in file.chunks:
                async with asyncio.timeout(slowest_write):
                    await response.write(chunk)
    except (RelayError, ConnectionError, TimeoutError) as error:
        log.info("media.broken_off", reason=str(error) or type(error).__name__)
        return False
    return True


def _words(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=text, headers={**SAFETY, "Cache-Control": "no-store", **(headers or {})})
