import asyncio
import logging
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Gauge

from relay.errors import Unavailable
from relay.media.conversion.cache import Cache
from relay.media.conversion.converter import Converter, Limits
from relay.media.conversion.forms import available
from relay.media.ranges import Span, UnsatisfiableError, asked_span
from relay.model import Media
from relay.monitoring.metrics import Metrics
from relay.sandbox.shared.content import Content
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.telegram import files as files_module
from relay.telegram.api import open_bot
from relay.telegram.files import TelegramFiles
from relay.telegram.request import open_session
from relay.web.inert import content_headers, disposition
from relay.web.media import ChannelMedia, add_media_routes
from relay.web.slots import Slots
from tests import media
from tests.telegram.wires import Talk, read_request, resident, wire
from tests.waiting import eventually

ID: Final = "abcdefghijklmnopqrstuv"
SIZE: Final = 1000
FileTalk = Callable[[str, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BYTES: Final = bytes(position % 251 for position in range(SIZE))


@dataclass
class Desk:
    """A relay that serves media, and the agent who opens them."""

    telegram: TelegramLookAlike
    agent: aiohttp.ClientSession
    url: str
    known: dict[str, Media] = field(default_factory=dict)
    store_is_down: bool = False
    now: float = 0.0  #: Of the memory for paths and for files that are late: seconds.
    streams: Gauge = field(init=False)
    converter: Converter = field(init=False)

    async def find(self, media_id: str) -> Media | None:
        if self.store_is_down:
            raise Unavailable("the disk is full")
        return self.known.get(media_id)

    def keep(self, size: int = SIZE, *, name: str = "a.jpg", mime: str = "image/jpeg", told: int | None = None) -> str:
        """A customer's file at Telegram; its path at the relay."""
        stored = self.telegram.files.keep("document", Content.of(size), name=name, size=told)
        self.known[ID] = Media(ID, stored.file_id, name, mime, size)
        return f"/media/{ID}/{name}"

    def get(self, path: str, method: str = "GET", **headers: str) -> "aiohttp.client._RequestContextManager":
        return self.agent.request(method, self.url + path, headers=headers)


@asynccontextmanager
async def serving(
    telegram: TelegramLookAlike,
    api_url: str | None = None,
    shared: Path | None = None,
    *,
    patience: float = 10.0,
    slowest_write: float = 60.0,
) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        kept = stack.enter_context(tempfile.TemporaryDirectory())
        session = await stack.enter_async_context(open_session())
        desk = Desk(telegram, await stack.enter_async_context(aiohttp.ClientSession()), "")
        application = web.Application()
        bot = open_bot(telegram.token, api_url or telegram.url, session)
        files = TelegramFiles(bot, session, shared, lambda: desk.now)
        metrics = Metrics()
        desk.streams = metrics.of_channel("").media_streams
        slots = Slots(desk.streams, total=3, each=2, patience=patience)
        desk.converter = Converter(Cache(Path(kept), 0), available(), metrics.media_conversions, Limits(most=4))
        stack.push_async_callback(desk.converter.close)
        add_media_routes(application, desk.find, {"": ChannelMedia(files, slots, desk.converter)}, slowest_write)
        server = TestServer(application)
        await server.start_server()
        desk.url = f"http://127.0.0.1:{server.port}"
        try:
            yield desk
        finally:
            await server.close()


@pytest.fixture
async def desk(telegram: TelegramLookAlike) -> AsyncIterator[Desk]:
    async with serving(telegram) as opened:
        yield opened


@asynccontextmanager
async def upstream(file: FileTalk, *, patience: float = 10.0, slowest_write: float = 60.0) -> AsyncIterator[Desk]:
    """A desk whose file server is `file`, given the request's head."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await read_request(reader)).decode()
        if "/getFile" in request:
            body = b'{"ok":true,"result":{"file_path":"documents/file 1.bin","file_size":%d}}' % SIZE
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
            writer.write_eof()
            await reader.read()
        else:
            await file(request, reader, writer)

    telegram = TelegramLookAlike(limits=False)
    async with wire(talk) as url, serving(telegram, url, patience=patience, slowest_write=slowest_write) as desk:
        desk.keep()
        yield desk


async def test_a_file_is_shown_whole(desk: Desk) -> None:
    """Right bytes, length, type and name; the name in the URL is decoration; the token is nowhere."""
    path = desk.keep(name="写真 1.jpg")
    for url in (path, f"/media/{ID}", f"/media/{ID}/other/name.exe", f"/media/{ID}/"):
        async with desk.get(url) as answer:
            assert answer.status == 200
            assert await answer.read() == BYTES
            assert answer.headers["Content-Length"] == str(SIZE)
            assert answer.headers["Content-Type"] == "image/jpeg"
            assert answer.headers["Accept-Ranges"] == "bytes"
            assert answer.headers["Cache-Control"] == "private, max-age=3600"
            assert answer.headers["Content-Disposition"] == (
                "inline; filename=\"__ 1.jpg\"; filename*=UTF-8''%E5%86%99%E7%9C%9F%201.jpg"
            )
            assert desk.telegram.token not in str(answer.headers)


SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; "
    "style-src 'unsafe-inline'",
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_every_answer_is_inert(desk: Desk, method: str) -> None:
    """Success, part, refusal and outage alike carry the headers that keep a browser from running anything."""
    path = desk.keep()
    part = {"Range": "bytes=5000-"}
    for url, headers, status in ((path, {}, 200), (path, part, 416), ("/media/" + "x" * 20, {}, 404)):
        async with desk.get(url, method, **headers) as answer:
            assert answer.status == (200 if method == "HEAD" and status == 416 else status)
            assert {name: answer.headers.get(name) for name in SAFE} == SAFE
    desk.telegram.faults.down = True
    desk.known[ID] = Media(ID, "another", "a", "image/png", 1)
    async with desk.get(path, method) as answer:
        assert answer.status == 503
        assert {name: answer.headers.get(name) for name in SAFE} == SAFE


@pytest.mark.parametrize(
    ("mime", "served", "how"),
    [
        ("image/jpeg", "image/jpeg", "inline"),
        ("IMAGE/PNG; charset=x", "image/png", "inline"),
        ("video/mp4", "video/mp4", "inline"),
        ("audio/ogg", "audio/ogg", "inline"),
        ("application/pdf", "application/pdf", "attachment"),
        ("text/plain", "text/plain; charset=utf-8", "attachment"),
        ("image/svg+xml", "application/octet-stream", "attachment"),
        ("text/html", "application/octet-stream", "attachment"),
        ("text/xml", "application/octet-stream", "attachment"),
        ("application/xhtml+xml", "application/octet-stream", "attachment"),
        ("application/javascript", "application/octet-stream", "attachment"),
        ("multipart/x-mixed-replace", "application/octet-stream", "attachment"),
        ("image/jpeg\r\nX: y", "application/octet-stream", "attachment"),
        ("", "application/octet-stream", "attachment"),
    ],
)
def test_only_inert_types_are_named(mime: str, served: str, how: str) -> None:
    """A customer's claim of a type that can carry script becomes a download without a type."""
    headers = content_headers(Media(ID, "f", "x", mime, 1))
    assert headers["Content-Type"] == served
    assert headers["Content-Disposition"].startswith(how + ";")


@given(st.text())
def test_no_name_can_forge_a_header(name: str) -> None:
    """Whatever a file is called, Content-Disposition stays one line of ASCII with exactly two parameters."""
    header = disposition("attachment", name)
    assert re.fullmatch(r"attachment; filename=\"[^\"\\%/]+\"; filename\*=UTF-8''[A-Za-z0-9%._~-]+", header)
    assert header.isascii()
    assert header.isprintable()


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=100-", 100, 999),
        ("bytes=-100", 900, 999),
        ("bytes=-5000", 0, 999),
        ("bytes=990-5000", 990, 999),
        ("Bytes= 5-6", 5, 6),
    ],
)
async def test_parts_are_served(desk: Desk, asked: str, first: int, last: int) -> None:
    """One range, from, to or both, is answered with exactly these bytes."""
    async with desk.get(desk.keep(), Range=asked) as answer:
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
        assert answer.headers["Content-Length"] == str(last - first + 1)
        assert await answer.read() == BYTES[first : last + 1]


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "bytes=x-", "bytes=-", "bytes=9-2", "lines=1-2", "bytes=1", "0-5", ""]
)
async def test_what_is_no_single_range_gets_the_whole(desk: Desk, asked: str) -> None:
    """Several ranges and nonsense are ignored, as RFC 9110 allows; so is a range under If-Range."""
    path = desk.keep()
    for headers in ({"Range": asked}, {"Range": "bytes=0-1", "If-Range": '"version"'}):
        async with desk.get(path, **headers) as answer:
            assert answer.status == 200
            assert await answer.read() == BYTES


@pytest.mark.parametrize("asked", ["bytes=1000-", "bytes=1000-1001", "bytes=-0"])
async def test_a_part_beyond_the_file_is_416(desk: Desk, asked: str) -> None:
    """The answer says how large the file is."""
    async with desk.get(desk.keep(), Range=asked) as answer:
        assert answer.status == 416
        assert answer.headers["Content-Range"] == f"bytes */{SIZE}"


@given(st.integers(1, 50), st.integers(0, 60) | st.none(), st.integers(0, 60) | st.none())
def test_ranges_cut_like_slices(size: int, first: int | None, last: int | None) -> None:
    """A range means the slice of the file that it says, for every size and every bound."""
    whole = list(range(size))
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    if first is None:
        expected = [] if last is None else whole[max(0, size - last) :]
    else:
        expected = whole[first:] if last is None else whole[first : last + 1]
    backwards = first is not None and last is not None and last < first
    if not expected and not backwards and (first, last) != (None, None):
        with pytest.raises(UnsatisfiableError) as raised:
            asked_span(header, size)
        assert raised.value.size == size
        return
    span = asked_span(header, size)
    if span is None:
        assert backwards or (first, last) == (None, None)
    else:
        assert whole[span.first : span.last + 1] == expected
        assert len(span) == len(expected)


async def test_head_tells_all_and_downloads_nothing(desk: Desk) -> None:
    """HEAD has GET's headers, no body, and leaves the file where it is; a Range means nothing to it."""
    path = desk.keep()
    desk.telegram.faults.answer_next(500, on="file")
    for headers in ({}, {"Range": "bytes=0-1"}):
        async with desk.get(path, "HEAD", **headers) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Length"] == str(SIZE)
            assert answer.headers["Content-Type"] == "image/jpeg"
            assert answer.headers["Accept-Ranges"] == "bytes"
            assert await answer.read() == b""
    assert desk.telegram.faults.scripted == 0


@pytest.mark.parametrize(
    "media_id",
    [
        *(
            "short",
            "x" * 65,
            "unknown-but-well-formed",
            "a b c d e f g h i",
            "..%2f..%2f..%2f..%2fetc",
            "%0a" + "x" * 20,
        ),
        *("abcdefghijklmnopqrstu%0a", "%EF%BD%81bcdefghijklmnopqrstuv", "abcdefghijklmnopqrstuV"),
    ],
)
async def test_every_wrong_id_is_the_same_404(desk: Desk, media_id: str) -> None:
    """Malformed and unknown ids are not told apart, and other methods than GET and HEAD are not allowed."""
    desk.keep()
    async with desk.get(f"/media/{media_id}/a.jpg") as answer:
        assert (answer.status, await answer.text()) == (404, "There is no such file.")
    async with desk.get(f"/media/{media_id}", "POST") as answer:
        assert answer.status == 405


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_gone_and_too_big_files_are_404_in_words(desk: Desk, method: str) -> None:
    """The agent reads why there is nothing to see."""
    path = desk.keep(told=21 * 2**20)
    async with desk.get(path, method) as answer:
        assert answer.status == 404
        assert method == "HEAD" or "20 MB" in await answer.text()
    path = desk.keep()
    desk.telegram.next_answer(400, "Bad Request: invalid file_id", on="getFile")
    async with desk.get(path, method) as answer:
        assert answer.status == 404
        assert method == "HEAD" or "does not have this file" in await answer.text()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_file_that_telegram_does_not_give_is_late(desk: Desk, method: str) -> None:
    """Its words for that are the same as for a file that is gone: 503 and when to come back, and it comes back."""
    path = desk.keep()
    stored = desk.telegram.files[desk.known[ID].file_id]
    stored.alive = False
    for _ in range(6):
        async with desk.get(path, method) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
    stored.alive = True
    async with desk.get(path, method) as answer:
        assert answer.status == 200


async def test_it_is_gone_when_an_hour_changes_nothing(desk: Desk) -> None:
    """After five such answers over an hour it is called gone; Telegram is asked once an hour, and may find it again."""
    path = desk.keep()
    stored = desk.telegram.files[desk.known[ID].file_id]
    stored.alive = False

    async def status_after(seconds: float) -> tuple[int, int]:
        desk.now += seconds
        before = asked()
        async with desk.get(path) as answer:
            words = await answer.read()
            assert (answer.status == 404) == (words == b"Telegram does not have this file any more.")
        return answer.status, asked() - before

    def asked() -> int:
        return len(desk.telegram.calls) + len(desk.telegram.refused)

    assert [await status_after(seconds) for seconds in (0, 0, 900, 900, 900, 899)] == [(503, 1)] * 6
    assert await status_after(1) == (404, 1)
    assert [await status_after(1), await status_after(3598)] == [(404, 0), (404, 0)]
    assert await status_after(1) == (404, 1)
    stored.alive = True
    assert await status_after(3599) == (404, 0)
    assert await status_after(1) == (200, 1)


async def test_outages_are_503_and_say_when(desk: Desk) -> None:
    """Telegram down, 429, 5xx, a refused token, and a store that is down: try again, not "gone"."""
    path = desk.keep()
    for on in ("getFile", "file"):
        desk.telegram.next_answer(429, retry_after=7, on="getFile")
        if on == "file":
            desk.telegram.faults.next_answers.clear()
            desk.telegram.faults.answer_next(429, headers={"Retry-After": "7"}, on="file")
        async with desk.get(path) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
        for status in (500, 502, 401):
            desk.telegram.next_answer(status, on=on)
            async with desk.get(path) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
        async with desk.get(path) as answer:
            assert answer.status == 200
    desk.telegram.faults.down = True
    async with desk.get(path) as answer:
        assert answer.status == 503
    desk.store_is_down = True
    async with desk.get(path) as answer:
        assert answer.status == 503


async def test_a_dead_link_is_renewed_once(desk: Desk) -> None:
    """A path is asked for once and remembered; when Telegram drops it early, or its time is over, once more."""
    path = desk.keep()

    async def fetch() -> int:
        async with desk.get(path) as answer:
            await answer.read()
            return answer.status

    def asked() -> int:
        return sum(made.method == "getFile" for made in desk.telegram.calls)

    assert [await fetch(), await fetch()] == [200, 200]
    assert asked() == 1
    desk.telegram.files.expire_links()
    assert await fetch() == 200
    assert asked() == 2
    desk.telegram.faults.answer_next(404, on="file", times=2)
    assert await fetch() == 503
    assert asked() == 3
    desk.now += files_module.PATH_LIFETIME
    assert [await fetch(), await fetch()] == [200, 200]
    assert asked() == 4


@pytest.mark.parametrize("result", [{}, {"file_path": "/etc/passwd"}, {"file_path": "a/../../b"}, {"file_path": 1}, []])
async def test_an_odd_path_is_not_followed(desk: Desk, result: object) -> None:
    """What Telegram tells as a path must be one below the bot's own; anything else is an outage."""
    path = desk.keep()
    desk.telegram.faults.answer_next(200, payload={"ok": True, "result": result}, on="getFile")
    async with desk.get(path) as answer:
        assert answer.status == 503


async def test_the_memory_for_paths_is_bounded(desk: Desk) -> None:
    """The path longest unused is forgotten first."""
    async with open_session() as session:
        files = TelegramFiles(open_bot(desk.telegram.token, desk.telegram.url, session), session, most_paths=2)
        ids = [desk.telegram.files.keep("document", Content.of(1)).file_id for _ in range(3)]
        for file_id in (ids[0], ids[1], ids[0], ids[2], ids[0]):
            await files.resolve(file_id)
        assert [made.params["file_id"] for made in desk.telegram.calls] == [ids[0], ids[1], ids[2]]
        assert len(files._paths) == 2


def whole(extra: bytes = b"", *, length: int | None = SIZE, body: bytes = BYTES) -> Talk:
    framing = b"" if length is None else b"Content-Length: %d\r\n" % length

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + extra + framing + b"\r\n" + body)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    return talk


async def test_parts_are_served_even_when_upstream_knows_none() -> None:
    """A file server that ignores Range and sends the whole file still yields the right 206."""

    async def file(_: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole()(reader, writer)

    async with upstream(file) as desk, desk.get(f"/media/{ID}", Range="bytes=100-299") as answer:
        assert answer.status == 206
        assert await answer.read() == BYTES[100:300]


async def test_a_file_of_untold_length_is_streamed() -> None:
    """Without a Content-Length upstream, the size that getFile told stands in, and the bytes are right."""

    async def file(_: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole(length=None)(reader, writer)

    async with upstream(file) as desk, desk.get(f"/media/{ID}") as answer:
        assert await answer.read() == BYTES
        assert answer.headers["Content-Length"] == str(SIZE)


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-899"}])
async def test_a_broken_upstream_never_looks_complete(headers: dict[str, str]) -> None:
    """When Telegram breaks off in the middle, so does the answer: the browser sees an error, not a short file."""

    async def file(_: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole(body=BYTES[:500])(reader, writer)

    async with upstream(file) as desk, desk.get(f"/media/{ID}", **headers) as answer:
        assert answer.status in (200, 206)
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


@pytest.mark.parametrize("told", ["bytes 5-9/1000", "bytes 0-9", "nonsense", ""])
async def test_another_part_than_asked_for_is_not_passed_on(told: str) -> None:
    """A 206 whose Content-Range is not the one asked for is an error, never wrong bytes."""

    async def file(_: str, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 206 Partial\r\nContent-Length: 10\r\nContent-Range: {told}\r\n\r\n"
        writer.write(head.encode() + bytes(10))
        await writer.drain()

    async with upstream(file) as desk, desk.get(f"/media/{ID}", Range="bytes=0-9") as answer:
        assert answer.status == 503


async def test_a_reader_who_leaves_ends_the_download() -> None:
    """When the browser goes away in the middle, the connection to Telegram is closed, and the slot is free again."""
    left = asyncio.Event()

    async def file(_: str, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        try:
            while True:
                writer.write(bytes(2**16))
                await writer.drain()
        except ConnectionError:
            left.set()

    async with upstream(file) as desk:
        for _ in range(4):
            left.clear()
            async with desk.get(f"/media/{ID}") as answer:
                await answer.content.readexactly(100_000)
                answer.close()
            async with asyncio.timeout(5):
                await left.wait()


async def test_streams_are_limited() -> None:
    """With all streams in use, one more is told to come back, and HEAD still works."""
    release, full = asyncio.Event(), asyncio.Barrier(3)

    async def file(_: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await full.wait()
        await release.wait()
        await whole()(reader, writer)

    async with upstream(file, patience=0.05) as desk:
        waiting = [asyncio.create_task(read(desk)) for _ in range(2)]
        await full.wait()
        async with desk.get(f"/media/{ID}") as answer:
            assert answer.status == 503
        async with desk.get(f"/media/{ID}", "HEAD") as answer:
            assert answer.status == 200
        release.set()
        assert await asyncio.gather(*waiting) == [BYTES, BYTES]


async def test_slow_readers_of_one_link_leave_streams_to_others(desk: Desk) -> None:
    """However many take one link's bytes slowly, or wait for them, another link is served at once."""
    slow, other = desk.keep(19 * 2**20), Media("another-link-entirely", "", "b.jpg", "image/jpeg", SIZE)
    stored = desk.telegram.files.keep("document", Content.of(SIZE))
    desk.known[other.id] = replace(other, file_id=stored.file_id)
    readers = [asyncio.create_task(head_of(desk, slow)) for _ in range(12)]

    async def two_are_served() -> bool:
        return sum(reader.done() for reader in readers) == 2

    await eventually(two_are_served)
    async with asyncio.timeout(8), desk.get(f"/media/{other.id}") as answer:  # nobody who waits for a stream
        assert (answer.status, await answer.read()) == (200, BYTES)
    assert sum(reader.done() for reader in readers) == 2
    assert desk.streams._value.get() == 2
    for reader in readers:
        reader.cancel()
    for left in await asyncio.gather(*readers, return_exceptions=True):
        if isinstance(left, aiohttp.ClientResponse):
            left.close()

    async def none_is_left() -> bool:
        return bool(desk.streams._value.get() == 0)

    await eventually(none_is_left)


async def test_conversions_take_no_stream(desk: Desk) -> None:
    """While as many as may be wait for their turn, other files stream, and one more voice message comes as it was sent.

    HEAD counts as GET does.
    """
    plain = desk.keep()
    voices = [f"a-voice-message-{number}" for number in range(5)]
    for name in voices:
        stored = desk.telegram.files.keep("voice", Content.of(media.voice(0.2)))
        desk.known[name] = Media(name, stored.file_id, "voice.m4a", "audio/mp4", None, "audio/ogg")
    async with desk.converter._lines["audio/mp4"].place:
        methods = ("GET", "GET", "GET", "HEAD")
        asking = [asyncio.create_task(kind_of(desk, *each)) for each in zip(voices, methods, strict=False)]

        async def all_wait() -> bool:
            return len(desk.converter._running) == len(asking)

        await eventually(all_wait)
        async with asyncio.timeout(2):
            assert await kind_of(desk, plain.split("/")[2], "GET") == "image/jpeg"
            assert await kind_of(desk, voices[4], "HEAD") == "audio/ogg"
        assert not any(task.done() for task in asking)
    assert await asyncio.gather(*asking) == ["audio/mp4"] * 4


async def kind_of(desk: Desk, name: str, method: str) -> str:
    """The media type of what is served, once all of it has come."""
    async with desk.get(f"/media/{name}", method) as answer:
        await answer.read()
        return answer.headers["Content-Type"]


async def head_of(desk: Desk, path: str) -> aiohttp.ClientResponse:
    """An answer of which nobody reads more than its head."""
    return await desk.get(path)


@pytest.mark.parametrize("result", [{"file_path": "/etc/passwd"}, {"file_path": "photos/../../../etc/passwd"}])
async def test_a_local_server_leads_nowhere_else(telegram: TelegramLookAlike, tmp_path: Path, result: object) -> None:
    """What lies outside of its directory is an outage, and the log says so without the path."""
    telegram.run_locally(tmp_path)
    async with serving(telegram, shared=tmp_path) as desk:
        path = desk.keep()
        desk.telegram.faults.answer_next(200, payload={"ok": True, "result": result}, on="getFile")
        async with desk.get(path) as answer:
            assert answer.status == 503


@pytest.mark.parametrize("in_local_mode", [True, False])
async def test_a_local_server_serves_either_way(
    telegram: TelegramLookAlike, tmp_path: Path, *, in_local_mode: bool
) -> None:
    """In local mode by its disk, else over HTTP; what was deleted there is asked for once more; else it is late."""
    if in_local_mode:
        telegram.run_locally(tmp_path)
    async with serving(telegram, shared=tmp_path) as desk:
        path = desk.keep()
        for _ in range(2):
            async with desk.get(path, Range="bytes=5-9") as answer:
                assert (answer.status, await answer.read()) == (206, BYTES[5:10])
                assert telegram.token not in str(answer.headers)
            assert in_local_mode == bool(tidied(tmp_path))
        telegram.kill_file(desk.known[ID].file_id)
        async with desk.get(path) as answer:
            assert (answer.status, await answer.text()) == (503, "The file cannot be had at the moment.")


def tidied(directory: Path) -> list[Path]:
    """The files of a local server, all of them deleted."""
    files = list(directory.rglob("file_*"))
    for file in files:
        file.unlink()
    return files


async def read(desk: Desk) -> bytes:
    async with desk.get(f"/media/{ID}") as answer:
        return await answer.read()


async def test_a_reader_who_stalls_loses_the_slot() -> None:
    """Whoever takes no bytes for too long is cut off, so that slow readers cannot use up all streams."""
    left = asyncio.Event()

    async def file(_: str, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        try:
            while True:
                writer.write(bytes(2**16))
                await writer.drain()
        except ConnectionError:
            left.set()

    async with upstream(file, slowest_write=0.1) as desk:
        host, port = desk.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(f"GET /media/{ID} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        async with asyncio.timeout(5):
            await left.wait()
        writer.close()


async def test_memory_stays_flat_for_twenty_megabytes(desk: Desk) -> None:
    """A file passes through the relay, it is not collected; not even for a slow reader."""
    path = desk.keep(20 * 2**20)
    before = resident()
    async with desk.get(path) as answer:
        first = await answer.content.readexactly(2**16)
        await asyncio.sleep(0.2)
        assert resident() - before < 10 * 2**20
        size = len(first)
        async for chunk in answer.content.iter_chunked(2**16):
            size += len(chunk)
    assert size == 20 * 2**20
    assert resident() - before < 10 * 2**20


async def test_the_token_reaches_neither_answers_nor_logs(caplog: pytest.LogCaptureFixture) -> None:
    """Not in headers, not in bodies, not at DEBUG, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    async def file(request: str, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        echo = request.split()[1].encode()
        status = [b"404", b"404", b"500", b"302"][len(seen) - 1]
        head = b"HTTP/1.1 %s %s\r\nConnection: close\r\nLocation: %s\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % (status, echo, echo, len(echo)) + echo)
        await writer.drain()

    async with upstream(file) as desk:
        for _ in range(3):
            async with desk.get(f"/media/{ID}") as answer:
                assert desk.telegram.token not in str(answer.headers) + str(answer.reason) + await answer.text()
        assert all(desk.telegram.token in request for request in seen)
        assert "documents/file%201.bin" in seen[0]
        assert len(seen) == 4
        assert desk.telegram.token not in caplog.text


def test_a_span_knows_its_length() -> None:
    """Both ends are included."""
    assert len(Span(3, 3)) == 1
