"""A file, or a part of it, as a stream of bounded pieces: from Telegram's file server, or from a disk."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import aiohttp

from relay.errors import Unavailable
from relay.media.ranges import Span, told_span

CHUNK: Final = 64 * 2**10  #: Bytes.


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file, or the asked-for part of it."""

    size: int | None  #: Bytes of the whole file, when known.
    chunks: AsyncIterator[bytes]  #: The bytes, at most 64 KiB at a time. Raises Unavailable when they end too early.


def from_server(response: aiohttp.ClientResponse, span: Span | None, size: int | None) -> OpenFile:
    """The body of an answer to a request for that part; `size` is what is known of the whole file's.

    Raises Unavailable when it is another part.
    """
    whole = size if response.content_length is None else response.content_length
    skip = 0
    if response.status == 206:
        told = told_span(response.headers.get("Content-Range", ""))
        if span is None or told is None or told[0].first != span.first:
            raise Unavailable("Telegram sent another part of the file than the one asked for")
        whole = size if told[1] is None else told[1]
    elif span is not None:  # The server does not know parts and sends the whole.
        skip = span.first
    return OpenFile(whole, _received(response, skip, whole if span is None else len(span)))


def from_disk(descriptor: int, span: Span | None = None) -> OpenFile:
    """The open file, or a part of it. The descriptor stays the caller's to close, after the last piece."""
    size = os.fstat(descriptor).st_size
    return OpenFile(size, _read(descriptor, span or Span(0, size - 1)))


async def _received(response: aiohttp.ClientResponse, skip: int, left: int | None) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_chunked(CHUNK):
            part = chunk[skip:]
            skip -= len(chunk) - len(part)
            if left is not None:
                part = part[:left]
                left -= len(part)
            if part:
                yield part
            if left == 0:
                return
    except (aiohttp.ClientError, OSError) as error:
        raise Unavailable(f"Telegram broke off the file ({type(error).__name__})") from None
    if left:
        raise Unavailable("Telegram's file ended too early")


async def _read(descriptor: int, span: Span) -> AsyncIterator[bytes]:
    position = span.first
    while position <= span.last:
        # In a thread: a disk may be slow, and a volume may be a network's.
        chunk = await asyncio.to_thread(os.pread, descriptor, min(CHUNK, span.last + 1 - position), position)
        if not chunk:
            raise Unavailable("the file became shorter while it was read")
        position += len(chunk)
        yield chunk
