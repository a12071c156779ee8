"""A small proxy on loopback: SOCKS5, or HTTP CONNECT, over TLS if that is wanted. It can be stopped and come back."""

import asyncio
import base64
import ssl
from contextlib import suppress
from typing import Final, Literal, Self

Kind = Literal["http", "socks5"]
KINDS: Final[tuple[Kind, ...]] = ("http", "socks5")

USER: Final = "operator-of-the-way"
PASSWORD: Final = "pass/word-of:the@way"
#: As they stand in a URL.
LOGIN: Final = "operator-of-the-way:pass%2Fword-of%3Athe%40way"


class Refused(Exception):
    """The client is not let through."""


class LoopbackProxy:
    """Lets through whoever knows the password. `destinations` are those that were asked for, one a connection."""

    def __init__(self, kind: Kind, tls: ssl.SSLContext | None = None, *, silent: bool = False) -> None:
        self.kind = kind
        self.destinations: list[str] = []
        self.silent = silent  #: It takes connections and says nothing.
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """As a setting names it."""
        scheme = "https" if self._tls is not None else self.kind
        return f"{scheme}://{LOGIN}@127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen; after a stop, on the same port."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Die: nobody listens, and what was let through is cut."""
        if self._server is not None:
            self._server.close()
        self._server = None
        while self._writers:
            self._writers.pop().transport.abort()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._carry(reader, writer)
        except (Refused, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.silent:
            await reader.read()
            return
        host, port = await (_socks5(reader, writer) if self.kind == "socks5" else _connect(reader, writer))
        self.destinations.append(f"{host}:{port}")
        there, back = await asyncio.open_connection(host, port)
        self._writers.add(back)
        writer.write(b"\x05\0\0\x01\0\0\0\0\0\0" if self.kind == "socks5" else b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            ways = [asyncio.create_task(_pump(reader, back)), asyncio.create_task(_pump(there, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._writers.discard(back)
            back.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def _socks5(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int]:
    """RFC 1928, with the user name and password of RFC 1929."""
    _, number = await reader.readexactly(2)
    if 2 not in await reader.readexactly(number):
        writer.write(b"\x05\xff")
        await writer.drain()
        raise Refused
    writer.write(b"\x05\x02")
    _, length = await reader.readexactly(2)
    user = await reader.readexactly(length)
    password = await reader.readexactly((await reader.readexactly(1))[0])
    known = (user.decode(), password.decode()) == (USER, PASSWORD)
    writer.write(b"\x01\0" if known else b"\x01\x01")
    await writer.drain()
    if not known:
        raise Refused
    *_, kind = await reader.readexactly(4)
    if kind == 1:
        host = ".".join(map(str, await reader.readexactly(4)))
    else:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
    return host, int.from_bytes(await reader.readexactly(2), "big")


async def _connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int]:
    """RFC 9110, CONNECT, with Basic credentials."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if f"proxy-authorization: basic {expected}".lower() not in head.lower():
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        raise Refused
    host, _, port = head.split()[1].rpartition(":")
    return host, int(port)
