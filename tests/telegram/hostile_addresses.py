"""Addresses where nothing may be fetched, and servers that see whether somebody tries all the same."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from relay.telegram.download import FileFetcher

LOOPBACKS = [
    *(
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "0",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
    ),
    *("017700000001", "127.0.0.1.", "localhost", "LOCALHOST", "localhost.", "a.localhost", "ip6-localhost"),
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::7f00:1]"),
    *("[64:ff9b::7f00:1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:7f00:1::1]"),
    *("[2001::1]", "[2001:0:53aa:64c:0:fbff:80ff:fffe]", "[fec0::1]", "[fe80::1]", "[fe80::1%25lo]", "[ff02::1]"),
    *("[fc00::1]", "[fd00:ec2::254]", "[::ffff:0:127.0.0.1]", "[100::1]", "[2001:db8::1]", "[5f00::1]", "[3fff::1]"),
    *("10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192"),
    *("198.18.0.1", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
    *("①②⑦.⓪.⓪.①", "127。0。0。1", "%31%32%37.0.0.1"),
]
ODD_URLS = [
    *("file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "ftp://127.0.0.1:{port}/x", "dict://127.0.0.1:{port}/x"),
    *(
        "http://127.0.0.1:{port}/x",
        "HTTP://127.0.0.1:{port}/x",
        "ws://127.0.0.1:{port}/x",
        "unix:///var/run/docker.sock",
        "https://xn--/a.jpg",
        "https://xn--a\u0300.example/",
    ),
    *(
        "data:text/plain,hi",
        "javascript:alert(1)",
        "//127.0.0.1:{port}/x",
        "/etc/passwd",
        "",
        " ",
        "https://",
        "https:///x",
    ),
    *("https://user:pass@127.0.0.1:{port}/x", "https://user@127.0.0.1:{port}/x", "https://127.0.0.1:99999/x"),
    *("https://example.com@127.0.0.1:{port}/x", "https://127.0.0.1:{port}#@example.com/", "https://[::1/x"),
    *(
        "https://127.0.0.1:{port}\\@example.com/",
        "https://exa mple.com/",
        "https://127.0.0.1:{port}\r\nX: y/",
        "tcp://127.0.0.1:{port}/",
    ),
]
HOSTILE = [f"https://{host}:{{port}}/secret-path?secret-query" for host in LOOPBACKS] + ODD_URLS
#: Addresses at which a name of the attacker's may point: each form of "here" and "inside" that an address can have.
INSIDE = [
    *("127.0.0.1", "127.8.9.10", "0.0.0.0", "10.0.0.1", "10.255.255.254", "172.16.0.1", "172.31.255.254"),
    *("192.168.0.1", "192.168.255.254", "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.127.255.254"),
    *("100.100.100.200", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.254"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::a00:1"),
    *("::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1"),
    *("2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::1", "2001::1", "2001:0:53aa:64c:0:fbff:80ff:fffe"),
    *("2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1", "3fff:fff::1", "100::1", "5f00::1"),
    *("fc00::1", "fd00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "fe80::a00:1", "fec0::1", "ff01::1", "ff02::1"),
    *("ff05::1:3", "ff0e::1", "fe00::1"),
]


@asynccontextmanager
async def fetcher(directory: Path, trusted: frozenset[str] = frozenset(), **how: object) -> AsyncIterator[FileFetcher]:
    opened = FileFetcher(directory, trusted, **how)  # type: ignore[arg-type]
    try:
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def serving(handler: Callable[[web.Request], object]) -> AsyncIterator[str]:
    """An HTTP server on loopback; yields its host:port."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]
    server = TestServer(application)
    await server.start_server()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.close()


@asynccontextmanager
async def counting() -> AsyncIterator[tuple[int, list[object]]]:
    """A listening socket on every loopback address there is, and the list of who connected."""
    visitors: list[object] = []

    async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitors.append(writer.get_extra_info("peername"))
        writer.transport.abort()

    listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    server = await asyncio.start_server(meet, sock=listener)
    async with server:
        yield listener.getsockname()[1], visitors


class Rebinding(AbstractResolver):
    """A DNS that gives a harmless name a public address when it is first asked, and an inner one ever after."""

    def __init__(self, inside: str) -> None:
        self.inside = inside
        self.asked = 0

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - AbstractResolver's signature
    ) -> list[ResolveResult]:
        self.asked += 1
        address = self.inside if self.asked > 1 else "192.0.2.7"
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""
