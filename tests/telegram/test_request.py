import asyncio
import io
import json
import logging
import time
import traceback
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from telegram import InputFile
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    TelegramError,
    TimedOut,
)
from telegram.request import RequestData
from telegram.request._requestparameter import RequestParameter

from relay.telegram.request import AiohttpRequest, FloodWait, NotReached, TooLarge, open_session
from tests.telegram.wires import Talk, closed_port, read_request, wire

TOKEN = "123456:canary-token-of-a-bot"


async def post(base: str, **timeouts: Any) -> Any:
    async with open_session() as session:
        return await AiohttpRequest(session).post(f"{base}/bot{TOKEN}/sendMessage", **timeouts)


def answering(raw: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(raw)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    return talk


def http(status: int, document: object, *, body: bytes | None = None) -> bytes:
    content = json.dumps(document).encode() if body is None else body
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(content), content)


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error) + repr(error.__cause__)


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await reader.read()


async def test_connect_errors_say_that_nothing_was_sent() -> None:
    """A refused connection and a failed TLS handshake are NotReached, not TimedOut, and show no token."""
    async with wire(answering(b"")) as plain:
        for base in (f"http://127.0.0.1:{closed_port()}", plain.replace("http:", "https:"), "http://name.invalid"):
            with pytest.raises(NotReached) as raised:
                await post(base, connect_timeout=0.5)
            assert type(raised.value) is NotReached
            assert TOKEN not in shown(raised.value)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ok":true,',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        http(200, None, body=b"<html>Log in to the hotel's network</html>"),
        http(200, None, body=b"[" * 100_000),
        http(200, ["no object"]),
        http(200, {"ok": True}),
        http(504, {"ok": False, "description": "Gateway Timeout"}),
    ],
)
async def test_a_lost_answer_leaves_the_outcome_unknown(raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Once the request is sent, whatever is not a readable answer is TimedOut, and nothing of it is logged."""
    caplog.set_level(logging.DEBUG)
    async with wire(answering(raw)) as base:
        with pytest.raises(TimedOut) as raised:
            await post(base)
    assert TOKEN not in shown(raised.value) + caplog.text
    assert "hotel" not in caplog.text


async def test_a_silent_server_is_left_after_the_read_timeout() -> None:
    """An answer that does not come within the read timeout is TimedOut."""
    async with wire(hang) as base:
        with pytest.raises(TimedOut):
            await post(base, read_timeout=0.05, connect_timeout=0.05)


async def test_what_strict_json_has_no_word_for_is_carried_all_the_same() -> None:
    """A lone surrogate in one update must not keep its neighbours away, and one in a text must not stop its lane."""
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await read_request(reader))
        writer.write(http(200, {}, body=rb'{"ok":true,"result":{"text":"\ud800"}}'))
        await writer.drain()

    async with wire(talk) as base, open_session() as session:
        answer = await AiohttpRequest(session).call(f"{base}/bot{TOKEN}/sendMessage", {"text": "\udfff"})
    assert answer == {"text": "\ud800"}
    assert asked[0].endswith(rb'{"text": "\udfff"}')


async def test_an_endless_answer_is_cut() -> None:
    """An answer over the limit is not collected in memory: TimedOut."""
    async with wire(answering(http(200, {"ok": True, "result": "x" * 2000}))) as base, open_session() as session:
        with pytest.raises(TimedOut):
            await AiohttpRequest(session, largest_answer=1000).post(f"{base}/bot{TOKEN}/sendMessage")


@pytest.mark.parametrize(
    ("status", "document", "expected"),
    [
        (400, {"ok": False, "description": "Bad Request: chat not found"}, BadRequest),
        (401, {"ok": False, "description": "Unauthorized"}, InvalidToken),
        (403, {"ok": False, "description": "Forbidden: bot was blocked by the user"}, Forbidden),
        (404, {"ok": False, "description": "Not Found"}, InvalidToken),
        (409, {"ok": False, "description": "Conflict"}, Conflict),
        (413, "<html>too large</html>", TooLarge),
        (400, {"ok": False, "description": 'Bad Request: message #1: "Too Many Requests: retry after 8"'}, FloodWait),
        (429, {"ok": False, "parameters": {"retry_after": 7}}, FloodWait),
        (429, "<html>slow down</html>", FloodWait),
        (429, {"ok": False, "parameters": ["odd"]}, FloodWait),
        (400, {"ok": False, "parameters": {"migrate_to_chat_id": -100123}}, ChatMigrated),
        (500, {"ok": False, "description": "Internal Server Error"}, NetworkError),
        (502, "<html>Bad Gateway</html>", NetworkError),
        (302, "", NetworkError),
        (799, "", NetworkError),
        (403, "<html>a proxy's opinion</html>", NetworkError),
        (404, "<html>no such page</html>", NetworkError),
        (400, ["a list"], NetworkError),
    ],
)
async def test_refusals_are_told_apart(status: int, document: object, expected: type[TelegramError]) -> None:
    """Each status leaves as the error that PTB knows for it; what is not Telegram speaking is never final."""
    async with wire(answering(http(status, document))) as base:
        with pytest.raises(TelegramError) as raised:
            await post(base)
    assert type(raised.value) is expected
    assert "html" not in str(raised.value)


async def test_a_description_cannot_carry_the_token_or_lines() -> None:
    """What a server echoes is cut, stays on one line and loses what looks like a token."""
    echo = f"Bad Request: /bot{TOKEN}/x\r\nforged line " + "y" * 500
    async with wire(answering(http(400, {"ok": False, "description": echo}))) as base:
        with pytest.raises(BadRequest) as raised:
            await post(base)
    assert TOKEN not in shown(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) <= 200


async def test_a_session_for_telegram_keeps_no_cookies_and_has_no_limit() -> None:
    """Cookies of a proxy in between are not sent back, and 200 calls may be in flight at once."""
    everybody = asyncio.Barrier(200)
    cookies: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cookies.append(await read_request(reader))
        await everybody.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nConnection: close\r\nContent-Length: 15\r\n\r\n")
        writer.write(b'{"result":true}')
        await writer.drain()
        writer.write_eof()
        await reader.read()

    async with wire(talk) as base, open_session() as session:
        transport = AiohttpRequest(session)
        for _ in range(2):
            calls = [transport.post(f"{base}/bot{TOKEN}/getMe") for _ in range(200)]
            assert await asyncio.gather(*calls) == [True] * 200
    assert not any(b"Cookie" in request for request in cookies)


@pytest.mark.parametrize("make", [aiohttp.ClientSession, open_session])
async def test_redirects_are_not_followed(make: Callable[[], aiohttp.ClientSession]) -> None:
    """A Bot API that redirects would get the token sent elsewhere: it is an error instead."""
    async with wire(hang) as elsewhere:
        redirect = b"HTTP/1.1 307 X\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n" % elsewhere.encode()
        async with wire(answering(redirect)) as base, make() as session:
            with pytest.raises(NetworkError, match="307"):
                await AiohttpRequest(session).post(f"{base}/bot{TOKEN}/getMe")


def upload(size: int) -> RequestData:
    file = InputFile(io.BytesIO(bytes(size)), filename="a.bin", read_file_handle=False)
    return RequestData([RequestParameter.from_input("document", file)])


async def test_an_upload_that_broke_off_was_not_sent() -> None:
    """Half a body has no effect: NetworkError, so it may be repeated. With all of it gone, the outcome is unknown."""

    async def leaves(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readexactly(100_000)

    async def listens(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_request(reader)

    for talk, expected in ((leaves, NetworkError), (listens, TimedOut)):
        async with wire(talk) as base:
            with pytest.raises(NetworkError) as raised:
                await post(base, request_data=upload(30 * 2**20))
            assert type(raised.value) is expected


async def test_an_upload_may_last_as_long_as_its_bytes_move() -> None:
    """It ends when nothing moves any more, and not because it is long."""
    slow = asyncio.Event()

    async def sips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = 16 * 2**20
        while left > 2**20:
            left -= len(await reader.read(2**20))
            await asyncio.sleep(0.05)
        while b"--\r\n" not in await reader.read(2**16):
            pass
        writer.write(http(200, {"ok": True, "result": True}))
        await writer.drain()

    async def holds(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readexactly(1000)
        await slow.wait()

    async with wire(sips) as base:
        began = time.monotonic()
        assert await post(base, request_data=upload(16 * 2**20), write_timeout=2.0) is True
        assert time.monotonic() - began > 2
    async with wire(holds) as base:
        with pytest.raises(NetworkError) as raised:
            await post(base, request_data=upload(30 * 2**20), write_timeout=1.0)
        assert type(raised.value) is NetworkError
        slow.set()
