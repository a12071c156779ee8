"""Who comes in, who is sent away, and what strangers learn and leave behind."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
import structlog
from aiohttp import web
from structlog.testing import LogCapture

from relay.web.door import Connection, Door, say_no_name, through_the_door, whose_of
from relay.web.own_name import is_own_name, only_by_own_name
from relay.web.refusals import Refusals
from relay.web.serving import serve
from tests.waiting import eventually

HEAD = b"GET / HTTP/1.1\r\nHost: relay\r\n"


@pytest.fixture
def told() -> Iterator[LogCapture]:
    """What stands in the log."""
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[capture], wrapper_class=structlog.BoundLogger, cache_logger_on_first_use=False)
    yield capture
    structlog.configure(**before)


@dataclass
class House:
    """An address behind a door, and who stands in front of it."""

    port: int
    door: Door
    go: asyncio.Event = field(default_factory=asyncio.Event)  #: Lets go of who asks for /slow.
    busy: int = 0  #: How many of them there are.

    visitors: list[asyncio.StreamWriter] = field(default_factory=list)

    async def knock(self, said: bytes, source: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection from an address of this machine, and say so much."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        self.visitors.append(writer)
        writer.write(said)
        return reader, writer

    async def ask(self, said: bytes, source: str = "127.0.0.1") -> bytes:
        """All that is answered."""
        reader, writer = await self.knock(said, source)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer

    async def leave(self) -> None:
        """Everybody goes."""
        for writer in self.visitors:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Whether the other side hangs up soon, without a word."""
    try:
        return await asyncio.wait_for(reader.read(), 5) == b""
    except ConnectionError:  # it had not read what was written last
        return True


@asynccontextmanager
async def house(*, most: int = 8, head_time: float = 0.3) -> AsyncIterator[House]:
    """An application that says hello, or that something is wrong with it."""
    place = House(0, Door(Refusals(), most=most, head_time=head_time))

    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def stumble(_: web.Request) -> web.Response:
        raise ValueError("a customer's words")

    async def slow(_: web.Request) -> web.Response:
        place.busy += 1
        await place.go.wait()
        return web.Response(text="done")

    app = web.Application(middlewares=[through_the_door])
    app.on_response_prepare.append(say_no_name)
    app.router.add_get("/", hello)
    app.router.add_get("/bug", stumble)
    app.router.add_get("/slow", slow)
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    manager, loop = runner.server, asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(manager, place.door, loop=loop, access_log=None), "127.0.0.1", 0
    )
    place.port = server.sockets[0].getsockname()[1]
    try:
        yield place
    finally:
        await place.leave()
        server.close()
        await runner.cleanup()
        place.door.close()
        place.door.refusals.end()


async def test_a_head_that_never_ends_is_closed() -> None:
    """Whether it has not begun, stopped in the middle, or drips on; who is done in time is answered."""
    async with house() as place:
        began = time.monotonic()
        silent, half = await place.knock(b""), await place.knock(HEAD)
        dripping, dripper = await place.knock(b"G")

        async def drip() -> None:
            for byte in HEAD:
                with suppress(ConnectionError):
                    dripper.write(bytes([byte]))
                await asyncio.sleep(0.1)

        task = asyncio.create_task(drip())
        assert b"hello" in await place.ask(HEAD + b"Connection: close\r\n\r\n")
        for reader in (silent[0], half[0], dripping):
            assert await is_closed(reader)
        assert 0.3 <= time.monotonic() - began < 4
        task.cancel()


async def test_a_connection_may_rest_between_two_requests() -> None:
    """Longer than a head may take; but the next head must not."""
    async with house(head_time=0.2) as place:
        reader, writer = await place.knock(HEAD + b"\r\n")
        assert b"hello" in await reader.readuntil(b"hello")
        await asyncio.sleep(1.5)  # longer than two looks at who waits too long
        writer.write(HEAD + b"\r\n")
        assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"hello"), 5)
        writer.write(HEAD)
        assert await is_closed(reader)


async def test_who_opens_most_gives_way_with_503() -> None:
    """To whoever comes, the one that has waited longest first. Who has opened few is not sent away."""
    async with house(most=8, head_time=60) as place:
        quiet = await place.knock(HEAD, "127.0.0.2")
        many = [await place.knock(HEAD, "127.0.0.3") for _ in range(7)]
        await asyncio.sleep(0)
        for _ in range(3):
            assert b"hello" in await place.ask(HEAD + b"Connection: close\r\n\r\n", "127.0.0.4")
        answer = await asyncio.wait_for(many[0][0].read(), 5)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 5" in answer
        quiet[1].write(b"Connection: close\r\n\r\n")
        assert b"hello" in await asyncio.wait_for(quiet[0].read(), 5)


async def test_where_nobody_waits_the_newcomer_is_sent_away(told: LogCapture) -> None:
    """Whoever is being answered is answered to the end."""
    async with house(most=2) as place:
        asked = [asyncio.create_task(place.ask(b"GET /slow HTTP/1.0\r\n\r\n")) for _ in range(2)]

        async def are_busy() -> bool:
            return place.busy == 2

        await eventually(are_busy)
        assert (await place.ask(HEAD + b"\r\n")).startswith(b"HTTP/1.1 503 ")
        place.go.set()
        assert all(b"done" in answer for answer in await asyncio.gather(*asked))
    assert [line["event"] for line in told.entries] == ["request.refused"]


MALFORMED = {
    "no HTTP": b"hello\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a NUL": b"GET / HTTP/1.1\r\nHost: relay\r\nX: secret\0word\r\n\r\n",
    "too long": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("said", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_no_request_is_answered_in_few_words(told: LogCapture, said: bytes) -> None:
    """400, which repeats nothing of it, and one line in the log, no error, without a word of it either."""
    async with house() as place:
        answer = await place.ask(said)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert not {b"secret", b"aaa", b"hello"} & {word for word in (b"secret", b"aaa", b"hello") if word in answer}
    [line] = told.entries
    assert (line["event"], line["log_level"]) == ("request.malformed", "warning")
    assert "secret" not in str(line)


async def test_who_answers_is_not_said() -> None:
    """No answer names the program and its version: not a good one, not 404, not 405, not 400, not 500, not 503."""
    async with house(most=2) as place:
        requests = [b"GET / HTTP/1.0", b"GET /nowhere HTTP/1.0", b"POST / HTTP/1.0", b"GET /bug HTTP/1.0", b"nonsense"]
        answers = [await place.ask(request + b"\r\n\r\n") for request in requests]
        held = [await place.knock(HEAD) for _ in range(3)]
        answers.append(await asyncio.wait_for(held[0][0].read(), 5))
    assert [int(answer.split()[1]) for answer in answers] == [200, 404, 405, 500, 400, 503]
    assert not [answer for answer in answers if b"server:" in answer.lower() or b"aiohttp" in answer.lower()]


async def test_a_bug_is_a_line_without_words(told: LogCapture) -> None:
    """Its kind and its place, not the text of the error, which may be a customer's."""
    async with house() as place:
        assert (await place.ask(b"GET /bug HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.0 500 ")
    [line] = told.entries
    assert (line["event"], line["log_level"]) == ("web.bug", "error")
    assert line["error"].startswith("ValueError in stumble")
    assert "words" not in str(line)


async def test_so_many_lines_a_minute_and_then_their_number(told: LogCapture) -> None:
    """A flood of what is refused fills no log; none of it is an error."""
    async with house(most=1000) as place:
        for _ in range(100):
            await place.ask(b"nonsense\r\n\r\n")
    assert [line["event"] for line in told.entries] == ["request.malformed"] * 10 + ["request.more_refused"]
    assert told.entries[-1]["count"] == 90
    assert {line["log_level"] for line in told.entries} == {"warning"}


async def test_a_new_minute_is_told_anew(told: LogCapture) -> None:
    """And what the last one had more is told when it ends."""
    refusals = Refusals(lines=1, minute=0.05)
    refusals.note("first")
    refusals.note("second")

    async def has_ended() -> bool:
        return len(told.entries) == 2

    await eventually(has_ended)
    refusals.note("third")
    refusals.end()
    assert [line["event"] for line in told.entries] == ["first", "request.more_refused", "third"]


@pytest.mark.parametrize(
    ("host", "own"),
    [
        *(("127.0.0.1:8081", True), ("127.0.0.1", True), ("[::1]:8081", True), ("10.0.0.7", True), ("0.0.0.0", True)),
        *(("localhost", True), ("LOCALHOST:8081", True), ("localhost.", True), ("relay:8081", True), ("relay", True)),
        *(("monitor.example.com", True), ("Monitor.Example.com:8081", True), ("", False), (":8081", False)),
        *(("evil.example", False), ("127.0.0.1.evil.example", False), ("localhost.evil.example", False)),
        *(("monitor.example.com.evil.example", False), ("[evil.example]", False), ("[::1", True), ("a:b:c", True)),
    ],
)
def test_the_internal_ports_own_names(host: str, own: bool) -> None:  # noqa: FBT001 - a table's column
    """Addresses, localhost, names of this network, and the one that is set; no name that a stranger can point here."""
    assert is_own_name(host, "monitor.example.com") is own


async def test_another_sites_page_reads_nothing_of_the_internal_port() -> None:
    """421, whatever it asks for; under its own name the port answers."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text="figures")

    app = web.Application(middlewares=[only_by_own_name("127.0.0.1")])
    app.router.add_get("/metrics", metrics)
    async with serve(app, "127.0.0.1", 0) as port:
        place = House(port, Door(Refusals()))
        for host, status in ((b"evil.example", b"421"), (b"127.0.0.1:%d" % port, b"200"), (b"relay", b"200")):
            answer = await place.ask(b"GET /metrics HTTP/1.1\r\nConnection: close\r\nHost: " + host + b"\r\n\r\n")
            assert answer.split()[1] == status
            assert (b"figures" in answer) == (status == b"200")


@pytest.mark.parametrize(
    ("peer", "whose"),
    [
        (("192.0.2.7", 4711), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 4711, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 4711, 0, 2), "fe80::/64"),
        (None, ""),
        ("/run/socket", ""),
    ],
)
def test_whose_a_connection_is(peer: object, whose: str) -> None:
    """An address; of IPv6 the network, since whoever has one address of it has all."""
    assert whose_of(peer) == whose
