import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from relay.errors import RelayError, SourceRefused, SourceUnavailable
from relay.telegram.download import CHUNK
from relay.telegram.guard import ForbiddenAddressError, is_public, public_socket
from tests.telegram.hostile_addresses import HOSTILE, INSIDE, Rebinding, counting, fetcher, serving
from tests.telegram.wires import Talk, closed_port, read_request, resident, wire


class Names(AbstractResolver):
    """A DNS whose answers are the test's: each name's addresses in turn, the last one for ever."""

    def __init__(self, **answers: list[str]) -> None:
        self.answers = {name.replace("_", "."): addresses for name, addresses in answers.items()}
        self.asked = 0

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - AbstractResolver's signature
    ) -> list[ResolveResult]:
        self.asked += 1
        addresses = self.answers[host]
        address = addresses.pop(0) if len(addresses) > 1 else addresses[0]
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        flags = socket.AI_NUMERICHOST
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=flags)]

    async def close(self) -> None:
        """Nothing is open."""


def left_in(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def test_there_are_enough_hostile_targets() -> None:
    """The table below has at least 60 targets."""
    assert len(set(HOSTILE)) >= 60


async def test_no_hostile_url_is_connected_to(tmp_path: Path) -> None:
    """Direct or by redirect, none of the hostile targets sees a connection, and no refusal tells path or query."""
    async with counting() as (port, visitors):
        current = ""

        async def redirect(_: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": current})

        async with serving(redirect) as trusted, fetcher(tmp_path, frozenset({trusted})) as files:
            for template in HOSTILE:
                current = template.format(port=port)
                urls = [current] if "\r" in current else [current, f"http://{trusted}/start"]
                for url in urls:
                    with pytest.raises(RelayError) as refused:
                        async with files.fetch(url):
                            pytest.fail(f"fetched {url}")
                    assert "secret" not in str(refused.value), url
                    assert "user" not in str(refused.value) or "user name" in str(refused.value), url
        assert visitors == []
    assert left_in(tmp_path) == []


async def test_the_counting_socket_does_count(tmp_path: Path) -> None:
    """The test above would see a connection: a trusted host's arrives at the same socket."""
    async with counting() as (port, visitors), fetcher(tmp_path, frozenset({"127.0.0.1"})) as files:
        with pytest.raises(SourceUnavailable):
            async with files.fetch(f"http://127.0.0.1:{port}/"):
                pass
        assert visitors


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "::1", "64:ff9b::a00:5", "::ffff:10.0.0.5"])
async def test_a_name_for_a_private_address_is_refused_for_good(tmp_path: Path, address: str) -> None:
    """What counts is the address that the name has at the moment of connecting."""
    async with (
        counting() as (port, visitors),
        fetcher(tmp_path, resolver=Names(files_example=[address])) as files,
    ):
        with pytest.raises(SourceRefused, match=r"files\.example is not on the public internet"):
            async with files.fetch(f"https://files.example:{port}/x"):
                pass
        assert visitors == []


def test_there_are_enough_rebinding_targets() -> None:
    """At least 60, as many as there are hostile URLs at the least."""
    assert len(set(INSIDE)) >= 60


async def test_no_rebinding_name_is_connected_to(tmp_path: Path) -> None:
    """The name was public when somebody looked, and is inside when it is connected to: nobody there sees a visitor.

    The first look is an attempt of its own; a redirect from a trusted host to the name fares no better.
    """
    async with counting() as (port, visitors):
        target = f"https://rebind.example:{port}/secret-path"

        async def redirect(_: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": target})

        async with serving(redirect) as trusted:
            for inside in INSIDE:
                names = Rebinding(inside)
                async with fetcher(tmp_path, frozenset({trusted}), resolver=names) as files:
                    for url in (target, target, f"http://{trusted}/start"):
                        with pytest.raises(SourceRefused, match=r"rebind\.example is not on the public internet"):
                            async with files.fetch(url):
                                pytest.fail(f"fetched from {inside}")
                assert names.asked == 3, "an answer was remembered"
        assert visitors == []
    assert left_in(tmp_path) == []


async def test_a_name_that_rebinds_gains_nothing(tmp_path: Path) -> None:
    """Each connection asks the DNS anew and is checked itself: an answer is never remembered as harmless."""
    names = Names(rebind_example=["192.0.2.1", "127.0.0.1"])
    async with counting() as (port, visitors), fetcher(tmp_path, resolver=names) as files:
        for _ in range(3):
            with pytest.raises(SourceRefused):
                async with files.fetch(f"https://rebind.example:{port}/x"):
                    pass
        assert visitors == []
    assert names.asked == 3


async def test_trust_is_for_one_host_and_port_only(tmp_path: Path) -> None:
    """A trusted host that redirects to another port of itself, or to another name, takes no trust along."""
    async with counting() as (port, visitors):
        targets = iter([f"http://127.0.0.1:{port}/", f"https://127.0.0.1:{port}/", f"https://localhost:{port}/"])

        async def redirect(_: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": next(targets)})

        async with serving(redirect) as trusted, fetcher(tmp_path, frozenset({trusted})) as files:
            for _ in range(3):
                with pytest.raises(SourceRefused):
                    async with files.fetch(f"http://{trusted}/"):
                        pass
        assert visitors == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *(("8.8.8.8", True), ("1.1.1.1", True), ("2606:4700::1111", True), ("2a00:1450:4001::1", True)),
        *(("127.0.0.1", False), ("::1", False), ("64:ff9b::808:808", False), ("2002:808:808::1", False)),
        *(("192.88.99.1", False), ("fe80::1%lo", False), ("2a00:1450::1%lo", False), ("no address", False)),
    ],
)
def test_public_addresses_are_known(address: str, public: bool) -> None:  # noqa: FBT001 - a table's column
    """Only global unicast addresses that carry no other address are public; only for them there is a socket."""
    assert is_public(address) is public
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if public:
        public_socket((family, socket.SOCK_STREAM, 0, "", (address, 443))).close()
    else:
        with pytest.raises(ForbiddenAddressError):
            public_socket((family, socket.SOCK_STREAM, 0, "", (address, 443)))


async def test_a_file_arrives_on_disk_and_is_gone_afterwards(tmp_path: Path) -> None:
    """The bytes are right, only we may read them, redirects are followed, nothing is sent along, nothing stays."""
    seen: list[web.Request] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request)
        if len(seen) <= 3:
            return web.Response(status=301, headers={"Location": f"/{len(seen)}?x=1", "Set-Cookie": "a=b"})
        return web.Response(body=b"%PDF" * 1000, content_type="application/pdf")

    async with serving(handle) as host, fetcher(tmp_path / "new", frozenset({host})) as files:
        async with files.fetch(f"http://{host}/start?signature=1#part") as file:
            content = await asyncio.to_thread(file.path.read_bytes)
            assert content == b"%PDF" * 1000
            assert (file.size, file.content_type) == (4000, "application/pdf")
            assert file.path.stat().st_mode & 0o777 == 0o600
        assert left_in(tmp_path / "new") == []
        for request in seen:
            assert not {"Cookie", "Authorization", "Referer"} & request.headers.keys()
            assert request.headers["Accept-Encoding"] == "identity"


async def test_a_fourth_redirect_is_one_too_many(tmp_path: Path) -> None:
    """A chain of redirects ends after three."""
    hops = 0

    async def handle(_: web.Request) -> web.Response:
        nonlocal hops
        hops += 1
        return web.Response(status=302, headers={"Location": f"/{hops}"})

    async with serving(handle) as host, fetcher(tmp_path, frozenset({host})) as files:
        with pytest.raises(SourceRefused, match="redirects too often"):
            async with files.fetch(f"http://{host}/"):
                pass
    assert hops == 4


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((404, SourceRefused), (403, SourceRefused), (410, SourceRefused), (204, SourceRefused), (304, SourceRefused)),
        *((500, SourceUnavailable), (503, SourceUnavailable), (429, SourceUnavailable), (408, SourceUnavailable)),
    ],
)
async def test_answers_without_a_file_are_told_apart(tmp_path: Path, status: int, expected: type[RelayError]) -> None:
    """4xx is final, 5xx and "too busy" are not; the text names host and status, never the path."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async with serving(handle) as host, fetcher(tmp_path, frozenset({host})) as files:
        with pytest.raises(RelayError, match=rf"127\.0\.0\.1 answered {status}") as raised:
            async with files.fetch(f"http://{host}/secret-path?secret-query"):
                pass
    assert type(raised.value) is expected
    assert "secret" not in str(raised.value)
    assert left_in(tmp_path) == []


def head(length: int | None) -> bytes:
    framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    return b"HTTP/1.1 200 OK\r\n%s\r\n\r\n" % framing


def sending(*parts: bytes, forever: bytes = b"", pause: float = 0.0, hold: bool = False) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for part in parts:
            writer.write(part)
        while forever:
            writer.write(forever)
            await writer.drain()
            await asyncio.sleep(pause)
        await writer.drain()
        if hold:
            await reader.read()

    return talk


@pytest.mark.parametrize(
    ("talk", "expected", "words"),
    [
        (sending(head(10_001), b"x"), SourceRefused, "larger than"),
        (sending(head(None), forever=b"800\r\n" + b"x" * 2048 + b"\r\n"), SourceRefused, "larger than"),
        (sending(head(0)), SourceRefused, "empty"),
        (sending(head(100), b"x" * 50), SourceUnavailable, "broke off"),
        (sending(b""), SourceUnavailable, "broke off"),
        (sending(b"not http\r\n\r\n"), SourceUnavailable, "broke off"),
        (sending(head(100), b"x", hold=True), SourceUnavailable, "broke off"),
        (sending(hold=True), SourceUnavailable, "broke off"),
        (sending(head(10_000), forever=b"x", pause=0.02), SourceUnavailable, "too long"),
    ],
    ids=["says too large", "is too large", "empty", "cut", "no answer", "no http", "stalls", "silent", "drips"],
)
async def test_every_download_ends(tmp_path: Path, talk: Talk, expected: type[RelayError], words: str) -> None:
    """Lying sizes, endless bodies, stalls and drips all end in time, with a reason, and leave no file."""
    async with wire(talk) as url, fetcher(tmp_path, frozenset({"127.0.0.1"}), max_bytes=10_000) as files:
        files._timeout, files._idle = 0.5, 0.2
        began = time.monotonic()
        with pytest.raises(RelayError, match=words) as raised:
            async with files.fetch(f"{url}/x"):
                pass
        assert type(raised.value) is expected
        assert time.monotonic() - began < 3
    assert left_in(tmp_path) == []


async def test_a_file_whose_bytes_move_is_waited_for(tmp_path: Path) -> None:
    """Four times as long as for one of which only drops come."""
    talk = sending(head(8_000), *[b""], forever=b"x" * 400, pause=0.05)
    async with wire(talk) as url, fetcher(tmp_path, frozenset({"127.0.0.1"}), max_bytes=10_000) as files:
        files._timeout, files._idle = 0.25, 0.2
        async with files.fetch(f"{url}/x") as file:
            assert file.size == 8_000


@asynccontextmanager
async def outside(handler: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[tuple[str, TCPConnector]]:
    """A host of the internet that serves https, and how to connect to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))
    application = web.Application()
    application.router.add_get("/{path:.*}", handler)
    server = TestServer(application, scheme="https")
    await server.start_server(ssl=context)
    try:
        yield (
            f"files.example:{server.port}",
            TCPConnector(resolver=Names(files_example=["127.0.0.1"]), use_dns_cache=False, ssl=False),
        )
    finally:
        await server.close()


async def test_what_everybody_can_have_is_told_from_what_we_can(tmp_path: Path) -> None:
    """Public is a file, or a size that is refused, only if all who were asked for it are public and none is trusted."""

    async def small(_: web.Request) -> web.Response:
        return web.Response(body=b"x")

    async def from_outside(request: web.Request) -> web.Response:
        if request.path.startswith("/to/"):
            return web.Response(status=302, headers={"Location": f"http://{request.path.removeprefix('/to/')}/1"})
        if request.path == "/gone":
            return web.Response(status=404)
        return web.Response(body=bytes(int(request.path[1:])))

    async with (
        serving(small) as trusted,
        outside(from_outside) as (public, connector),
        fetcher(tmp_path, frozenset({trusted}), max_bytes=10) as files,
    ):
        files._sessions[False] = ClientSession(connector=connector)
        for url, is_public in (
            (f"https://{public}/5", True),
            (f"http://{trusted}/", False),
            (f"https://{public}/to/{trusted}", False),
        ):
            async with files.fetch(url) as file:
                assert file.is_public is is_public, url
        for url, max_bytes, is_public in (
            (f"https://{public}/11", 10, True),
            (f"https://{public}/gone", 10, False),
            (f"http://{public}/11", 10, False),
        ):
            with pytest.raises(SourceRefused) as refused:
                async with files.fetch(url, max_bytes):
                    pass
            assert refused.value.file_is_public is is_public, url


async def test_a_gzip_bomb_is_measured_inflated(tmp_path: Path) -> None:
    """A server that compresses unasked cannot smuggle more than the limit."""

    async def handle(_: web.Request) -> web.Response:
        response = web.Response(body=bytes(5_000_000))
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async with serving(handle) as host, fetcher(tmp_path, frozenset({host}), max_bytes=1_000_000) as files:
        with pytest.raises(SourceRefused, match="larger"):
            async with files.fetch(f"http://{host}/"):
                pass


async def test_a_host_that_cannot_be_reached_may_be_asked_again(tmp_path: Path) -> None:
    """A refused connection is SourceUnavailable, and so is a certificate that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server, fetcher(tmp_path, frozenset({"127.0.0.1"})) as files:
        unsigned = server.sockets[0].getsockname()[1]
        for url in (f"http://127.0.0.1:{closed_port()}/", f"https://127.0.0.1:{unsigned}/"):
            with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1 could not be reached"):
                async with files.fetch(url):
                    pass


async def test_a_directory_that_cannot_be_written_is_no_bug(tmp_path: Path) -> None:
    """A full or missing disk is SourceUnavailable: the delivery waits."""
    (tmp_path / "file").touch()
    async with fetcher(tmp_path / "file" / "below", frozenset({"127.0.0.1"})) as files:
        with pytest.raises(SourceUnavailable, match="could not be stored"):
            async with files.fetch("http://127.0.0.1:1/"):
                pass


async def test_what_a_dead_process_left_is_swept(tmp_path: Path) -> None:
    """Downloads of the process before are removed at the first fetch; other files stay."""
    for name in ("fetch-old", "other"):
        (tmp_path / name).touch()
    async with fetcher(tmp_path) as files:
        with pytest.raises(SourceRefused):
            async with files.fetch("https://127.0.0.1/"):
                pass
    assert {path.name for path in left_in(tmp_path)} == {"other"}


async def test_memory_stays_flat_for_fifty_megabytes(tmp_path: Path) -> None:
    """A large file passes through, it is not collected."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(49 * 2**20 // CHUNK):
            await response.write(bytes(CHUNK))
        return response

    async with serving(handle) as host, fetcher(tmp_path, frozenset({host})) as files:
        before = resident()
        async with files.fetch(f"http://{host}/") as file:
            assert file.size == 49 * 2**20
            assert resident() - before < 12 * 2**20


async def test_a_link_is_asked_byte_for_byte(tmp_path: Path) -> None:
    """A signature may cover the exact spelling, in the link as in a redirect; only what no URL can hold is encoded."""
    asked: list[bytes] = []
    spellings = [
        b"/a%28b%29/%3A%40%7E?sig=%2Fa%2f%3D&f[]=1&x=a+b%20c",
        b"/%d0%a1/x.pdf?X-Sig=a%2Bb%2bc==&e=~(1)*'!",
        b"/p;v=1/@x:y?a=%zz&b=%25",
        b"//two//slashes?",
    ]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        target = request.split(b" ")[1]
        if target.startswith(b"/go?"):
            to = spellings[int(target[4:])]
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: " + to + b"\r\nContent-Length: 0\r\n\r\n")
        else:
            asked.append(target)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
        await writer.drain()

    async with wire(talk) as url, fetcher(tmp_path, frozenset({"127.0.0.1"})) as files:
        for number, spelling in enumerate(spellings):
            for link in (url + spelling.decode(), f"{url}/go?{number}"):
                if not (spelling.startswith(b"//") and "go?" in link):
                    async with files.fetch(link):
                        pass
        async with files.fetch(f"{url}/Ünï cöde.pdf?q=ж"):
            pass
    expected = [each for spelling in spellings[:-1] for each in (spelling, spelling)]
    assert asked == [*expected, b"//two//slashes", b"/%C3%9Cn%C3%AF%20c%C3%B6de.pdf?q=%D0%B6"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120.0), (" 7 ", 7.0), ("soon", 0.0), ("", 0.0), ("-5", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)],
)
async def test_a_busy_server_says_when_to_ask_again(tmp_path: Path, header: str, seconds: float) -> None:
    """Retry-After, in seconds or as a date; who asks says a name of its own."""
    names: list[str | None] = []

    async def handle(request: web.Request) -> web.Response:
        names.append(request.headers.get("User-Agent"))
        return web.Response(status=503, headers={"Retry-After": header})

    async with serving(handle) as host, fetcher(tmp_path, frozenset({host})) as files:
        with pytest.raises(SourceUnavailable) as raised:
            async with files.fetch(f"http://{host}/"):
                pass
    assert (raised.value.retry_after, raised.value.why) == (seconds, "file_status")
    assert names == ["telegram-kit-relay"]


async def test_a_busy_server_s_date_counts_by_its_own_clock(tmp_path: Path) -> None:
    """Its answer says when it was made: that its machine is years behind ours changes nothing."""
    dates = {"Date": "Wed, 21 Oct 2015 07:28:00 GMT", "Retry-After": "Wed, 21 Oct 2015 07:29:30 GMT"}

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(status=503, headers=dates)

    async with serving(handle) as host, fetcher(tmp_path, frozenset({host})) as files:
        with pytest.raises(SourceUnavailable) as raised:
            async with files.fetch(f"http://{host}/"):
                pass
    assert raised.value.retry_after == 90
