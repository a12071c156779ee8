"""Bytes to a port, and the bytes that come back: below what any HTTP client would send."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

#: Seconds that an answer may take.
PATIENCE = 15.0
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


async def send(port: int, *parts: bytes, wait: float = PATIENCE, close: bool = False) -> bytes:
    """Send parts on a connection of their own: all that is answered until the other side closes, or `wait` is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = bytearray()
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if close:
            writer.write_eof()
        async with asyncio.timeout(wait):
            while chunk := await reader.read(65536):
                answer += chunk
    except (ConnectionError, TimeoutError):
        pass
    finally:
        writer.close()
    return bytes(answer)


def statuses(answer: bytes) -> Sequence[int]:
    """Of each answer that was given, as far as they can be told apart."""
    return [int(found) for found in _STATUS.findall(answer)]


class Line:
    """A connection that stays open for one request after another, and is opened anew when the other side closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, head: bytes, body: bytes, *, method: str = "GET") -> int | None:
        """The answer's status; None when there was none in time."""
        for _ in range(2):
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                async with asyncio.timeout(PATIENCE):
                    return await self._ask(head, body, method)
            except (ConnectionError, asyncio.IncompleteReadError):
                self.close()  # it was closed after the answer before; once more
            except TimeoutError:
                self.close()
                return None
        return None

    async def _ask(self, head: bytes, body: bytes, method: str) -> int:
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(head + body)
        answered = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", answered)
        if length is not None and method != "HEAD":
            await reader.readexactly(int(length[1]))
        if b"connection: close" in answered.lower():
            self.close()
        return statuses(answered)[0]

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@asynccontextmanager
async def lines(port: int, count: int) -> AsyncIterator[list[Line]]:
    """So many connections."""
    opened = [Line(port) for _ in range(count)]
    try:
        yield opened
    finally:
        for each in opened:
            each.close()
