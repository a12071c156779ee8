"""The connection by a proxy, below the relay: TLS on both legs, what it refuses, and how that is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from relay.errors import Down
from relay.telegram.api import call, open_bot
from relay.telegram.request import open_session
from tests.proxies import KINDS, LOGIN, Kind, LoopbackProxy
from tests.telegram.wires import closed_port, wire

TOKEN: Final = "123456789:AAE-abcdefghijklmnopqrstuvwxyz_0123"
CERTIFICATE: Final = Path(__file__).with_name("self_signed.pem")


def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


async def told(proxy: str, api_url: str = "http://127.0.0.1:1") -> str:
    """What the error of a call by this proxy says."""
    async with open_session(proxy) as session:
        with pytest.raises(Down) as error:
            await call(open_bot(TOKEN, api_url, session, connect_timeout=0.5), "getMe", {})
    return str(error.value)


async def test_a_dead_proxy_is_named_without_its_password() -> None:
    """Host and port say which one; nothing was sent, so nothing is uncertain."""
    port = closed_port()
    said = await told(f"socks5://{LOGIN}@127.0.0.1:{port}")
    assert said == f"Telegram: the proxy 127.0.0.1:{port} could not be reached (ConnectionRefusedError)"


async def test_a_proxy_that_says_nothing_is_named() -> None:
    """The call ends after its own patience for a connection, and says by which way it went."""
    async with LoopbackProxy("socks5", silent=True) as proxy:
        said = await told(proxy.url)
    assert (
        said
        == f"Telegram: Telegram could not be reached through the proxy 127.0.0.1:{proxy.port} (ConnectionTimeoutError)"
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_that_does_not_know_us_says_so(kind: Kind) -> None:
    """A wrong password is a refusal of the proxy's."""
    async with LoopbackProxy(kind) as proxy:
        said = await told(proxy.url.replace("word", "w0rd"))
    assert f"the proxy 127.0.0.1:{proxy.port} refuses the connection" in said


async def test_a_proxy_that_speaks_something_else_is_no_uncertainty() -> None:
    """Whatever comes instead of its answer, the call was not sent."""

    async def gibberish(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\xff gibberish, quite long enough to be read as an answer\r\n\r\n")
        await writer.drain()

    async with wire(gibberish) as base:
        for scheme in ("http", "socks5"):
            assert "the proxy 127.0.0.1:" in await told(base.replace("http", scheme, 1))


@pytest.fixture
async def hello() -> AsyncIterator[str]:
    """A server over TLS that nobody vouches for; yields its URL."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        writer.transport.abort()

    server = await asyncio.start_server(say, "127.0.0.1", 0, ssl=tls())
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_tls_goes_through_tls(hello: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An https proxy hides whom we ask, and Telegram's own TLS inside it hides the rest, from the proxy too."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
    async with (
        LoopbackProxy("http", tls()) as proxy,
        open_session(proxy.url) as session,
        session.get(hello, ssl=trusting) as response,
    ):
        assert await response.text() == "hello"
    assert [f"https://{destination}" for destination in proxy.destinations] == [hello]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_cannot_pose_as_telegram(hello: str, kind: Kind) -> None:
    """A certificate that nobody vouches for ends the connection before the token goes into it."""
    async with LoopbackProxy(kind) as proxy:
        said = await told(proxy.url, hello)
    assert f"the proxy 127.0.0.1:{proxy.port} gives no connection (SSLCertVerificationError)" in said


async def test_names_are_resolved_at_the_proxy() -> None:
    """Where Telegram is blocked its name often leads elsewhere, so this machine does not ask for it."""
    async with LoopbackProxy("socks5") as proxy:
        said = await told(proxy.url, "http://api.telegram.invalid:80")
    assert f"the proxy 127.0.0.1:{proxy.port} gives no connection" in said
    assert proxy.destinations == ["api.telegram.invalid:80"]
