"""The client keeps a token fresh, loses no event, and says what became of each."""

import asyncio
import resource
import socket
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web

from relay.errors import CredentialsRefused, Down, NotAccepted, Throttled, Unavailable, Uncertain
from relay.kit.client import KitClient
from relay.kit.tokens import MAX_LOGIN_HOLD
from tests.kit.kit_server import (
    API_TOKEN,
    CHANNEL,
    DOMAIN,
    Answer,
    Kit,
    answering,
    break_off,
    hang_up,
    refusal,
    running_kit,
    stay_silent,
)

EVENT = b'{"event_id": "e1"}'


class Clock:
    """Monotonic seconds, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
async def kit() -> AsyncIterator[Kit]:
    async with running_kit() as kit:
        yield kit


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def connected(
    base_url: str, clock: Clock, *, api_token: str = API_TOKEN, seconds: float = 60
) -> AsyncIterator[KitClient]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield KitClient(session, base_url, DOMAIN, api_token, CHANNEL, now=clock, timeout=seconds)


@pytest.fixture
async def client(kit: Kit, clock: Clock) -> AsyncIterator[KitClient]:
    async with connected(kit.base_url, clock) as client:
        yield client


async def test_the_first_event_logs_in_and_the_next_uses_the_token(kit: Kit, client: KitClient, clock: Clock) -> None:
    """One login serves all events until the token ages; text and bytes are sent as they are."""
    assert client.token_age() is None
    await client.send(EVENT)
    clock.advance(700)
    await client.send(EVENT.decode())
    assert (kit.logins, kit.refreshes, kit.events) == (1, 0, [EVENT, EVENT])
    assert client.token_age() == 700
    assert client.last_error is None


async def test_a_hundred_waiting_events_make_one_login(kit: Kit, client: KitClient) -> None:
    """However many start at once without a token, Kit sees one login."""
    await asyncio.gather(*(client.send(EVENT) for _ in range(100)))
    assert (kit.logins, len(kit.events)) == (1, 100)


async def test_an_old_token_is_refreshed_once_for_all(kit: Kit, client: KitClient, clock: Clock) -> None:
    """A hundred events that meet a token of 12 minutes make one refresh, and no event meets the old token."""
    await client.login()
    clock.advance(720)
    kit.live.clear()
    await asyncio.gather(*(client.send(EVENT) for _ in range(100)))
    assert (kit.logins, kit.refreshes, len(kit.attempts)) == (1, 1, 100)


async def test_each_refresh_uses_the_newest_pair(kit: Kit, client: KitClient, clock: Clock) -> None:
    """A refresh token is used once: the pair that came with the last answer counts."""
    await client.login()
    for _ in range(3):
        clock.advance(800)
        await client.send(EVENT)
    assert (kit.logins, kit.refreshes) == (1, 3)


@pytest.mark.parametrize("answer", [refusal(401, 401), refusal(200, 401), refusal(400, 1), refusal(200, 7)], ids=str)
async def test_a_refused_refresh_becomes_a_login(
    kit: Kit, client: KitClient, clock: Clock, answer: web.Response
) -> None:
    """When the refresh token is dead, however Kit says so, the API token still opens."""
    await client.login()
    clock.advance(24 * 3600)
    kit.next_refresh.append(answering(lambda: answer))
    await client.send(EVENT)
    assert (kit.logins, kit.refreshes, kit.events) == (2, 1, [EVENT])


async def test_a_token_that_dies_early_is_renewed_and_the_event_sent_again(kit: Kit, client: KitClient) -> None:
    """A 401 in the middle costs one refresh and one repetition of the same body, and no error."""
    await client.login()
    kit.live.clear()
    await client.send(EVENT)
    assert (kit.refreshes, kit.attempts, kit.events) == (1, [EVENT, EVENT], [EVENT])


async def test_a_hundred_refused_events_make_one_refresh(kit: Kit, client: KitClient) -> None:
    """All who met the same dead token share its renewal."""
    await client.login()
    kit.live.clear()
    await asyncio.gather(*(client.send(EVENT) for _ in range(100)))
    assert (kit.logins, kit.refreshes, len(kit.events)) == (1, 1, 100)


async def test_a_second_refusal_asks_a_person(kit: Kit, client: KitClient) -> None:
    """If Kit refuses a brand-new token too, the words name the token and the whitelist, and the event waits."""
    kit.next_send.extend(answering(lambda: refusal(403, 403)) for _ in range(2))
    with pytest.raises(Unavailable, match=r"API token.*IP whitelist"):
        await client.send(EVENT)
    assert (len(kit.attempts), client.last_error is not None) == (2, True)
    await client.send(EVENT)
    assert (kit.events, client.last_error) == ([EVENT], None)


async def test_a_wrong_api_token_makes_no_login_storm(kit: Kit, clock: Clock) -> None:
    """After a refused login the next ones wait, 1 s doubling to 15 s; meanwhile events are turned away at once."""
    async with connected(kit.base_url, clock, api_token="wrong") as client:
        logins = []
        for _ in range(200):
            results = await asyncio.gather(*(client.send(EVENT) for _ in range(5)), return_exceptions=True)
            assert {type(result) for result in results} == {CredentialsRefused}
            logins.append(kit.logins)
            clock.advance(1)
        assert (kit.attempts, client.token_age()) == ([], None)
        assert "KIT_API_TOKEN" in (client.last_error or "")
        assert [logins.index(number) for number in range(1, 9)] == [0, 1, 3, 7, 15, 30, 45, 60]
        kit.api_token = "wrong"  # as if the operator had put it right
        clock.advance(60)
        await client.send(EVENT)
        assert kit.events == [EVENT]


async def test_a_throttled_login_is_not_repeated_before_its_time(kit: Kit, client: KitClient, clock: Clock) -> None:
    """A 429 on the login holds back all events for the time that Kit asked for."""
    kit.next_login.append(answering(lambda: web.Response(status=429, headers={"Retry-After": "30"})))
    with pytest.raises(Throttled):
        await client.send(EVENT)
    clock.advance(10)
    with pytest.raises(Throttled) as caught:
        await client.send(EVENT)
    assert (kit.logins, caught.value.retry_after, caught.value.of_all) == (1, 20, True)
    clock.advance(20)
    await client.send(EVENT)


async def test_a_login_that_is_to_wait_an_hour_is_tried_once_a_minute(
    kit: Kit, client: KitClient, clock: Clock
) -> None:
    """Nobody gets through without a token, so an hour that was asked for by mistake would silence everybody."""
    kit.next_login.append(answering(lambda: web.Response(status=429, headers={"Retry-After": "3600"})))
    with pytest.raises(Throttled) as caught:
        await client.send(EVENT)
    assert (caught.value.retry_after, caught.value.of_all) == (3600, True)
    clock.advance(MAX_LOGIN_HOLD - 1)
    with pytest.raises(Throttled):
        await client.send(EVENT)
    assert kit.logins == 1
    clock.advance(1)
    await client.send(EVENT)


async def test_a_failed_renewal_is_shared_by_all_who_wait(kit: Kit, client: KitClient) -> None:
    """When the login fails, those who waited for it fail with it instead of trying one after the other."""
    kit.next_login.append(answering(lambda: web.Response(status=503)))
    results = await asyncio.gather(*(client.send(EVENT) for _ in range(50)), return_exceptions=True)
    assert {type(result) for result in results} == {Down}
    assert kit.logins == 1
    await client.send(EVENT)


async def test_a_living_token_is_used_while_renewal_fails(kit: Kit, client: KitClient, clock: Clock) -> None:
    """Between 12 and 15 minutes a failing login host costs nothing; after that events wait."""
    await client.login()
    kit.next_refresh.append(answering(lambda: web.Response(status=502)))
    kit.next_login.extend(answering(lambda: web.Response(status=502)) for _ in range(2))
    clock.advance(721)
    await client.send(EVENT)
    await client.send(EVENT)
    assert (len(kit.events), kit.refreshes, kit.logins) == (2, 1, 1)
    clock.advance(100)
    await client.send(EVENT)
    assert (len(kit.events), kit.logins) == (3, 2)
    clock.advance(100)
    with pytest.raises(Unavailable):
        await client.send(EVENT)


async def test_a_cancelled_waiter_leaves_the_door_open(kit: Kit, client: KitClient) -> None:
    """If the task that logs in is cancelled, the next one does it."""
    arrived = asyncio.Event()

    async def never(_: web.Request) -> web.StreamResponse:
        arrived.set()
        await asyncio.Event().wait()
        return web.Response()

    kit.next_login.append(never)
    first, second = (asyncio.create_task(client.send(EVENT)) for _ in range(2))
    await arrived.wait()
    first.cancel()
    await second
    assert (kit.logins, kit.events) == (2, [EVENT])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (answering(lambda: refusal(200, 400, "bad field")), NotAccepted),
        (answering(lambda: web.Response(text="<html>maintenance</html>", content_type="text/html")), Unavailable),
        (answering(lambda: web.Response(status=301, headers={"Location": "/elsewhere"})), Unavailable),
        (answering(lambda: web.Response(text="x" * 1_000_000)), Unavailable),
        (answering(lambda: web.Response(status=404)), Unavailable),
        (answering(lambda: web.Response(status=429)), Throttled),
        (hang_up, Uncertain),
        (stay_silent, Uncertain),
        (break_off, Uncertain),
    ],
)
async def test_each_end_of_a_request_has_its_error(
    kit: Kit, clock: Clock, answer: Answer, error: type[Exception]
) -> None:
    """Refused, unreadable, throttled or unanswered: one request, the right error, and the next event goes through."""
    async with connected(kit.base_url, clock, seconds=1) as client:
        await client.login()
        kit.next_send.append(answer)
        with pytest.raises(Exception, match=r".") as caught:
            await client.send(EVENT)
        assert type(caught.value) is error
        assert len(kit.attempts) == 1
        assert client.last_error == str(caught.value)
        await client.send(EVENT)


@pytest.mark.parametrize("answer", [hang_up, stay_silent, break_off])
async def test_a_lost_answer_to_a_login_is_certain_to_have_sent_nothing(kit: Kit, clock: Clock, answer: Answer) -> None:
    """As long as the token is missing, no event was sent, so nothing is uncertain."""
    async with connected(kit.base_url, clock, seconds=1) as client:
        kit.next_login.append(answer)
        with pytest.raises(Down) as caught:
            await client.send(EVENT)
        assert type(caught.value) is Down


async def test_where_nobody_listens_nothing_was_sent(clock: Clock) -> None:
    """A refused connection is Down, never Uncertain."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    async with connected(f"http://127.0.0.1:{port}", clock) as client:
        with pytest.raises(Down) as caught:
            await client.send(EVENT)
        assert type(caught.value) is Down


async def test_where_no_file_can_be_opened_any_more_that_is_said(kit: Kit, clock: Clock) -> None:
    """What an operator can mend is named, with what to do; once it is mended, all goes on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with connected(kit.base_url, clock) as client:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
        try:
            with pytest.raises(Down, match="EMFILE: this process may have no more files open"):
                await client.send(EVENT)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await client.send(EVENT)


async def test_waiting_for_a_free_connection_is_no_uncertainty(kit: Kit, clock: Clock) -> None:
    """An event that never got a connection was surely not sent."""
    busy = asyncio.Event()

    async def hold(_: web.Request) -> web.StreamResponse:
        busy.set()
        return await stay_silent(_)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        client = KitClient(session, kit.base_url, DOMAIN, API_TOKEN, CHANNEL, now=clock, timeout=1.5)
        await client.login()
        kit.next_send.append(hold)
        first = asyncio.create_task(client.send(EVENT))
        await busy.wait()
        with pytest.raises(Down) as caught:
            await client.send(EVENT)
        assert type(caught.value) is Down
        with pytest.raises(Uncertain):
            await first


async def test_no_error_tells_a_secret(kit: Kit, clock: Clock) -> None:
    """Neither the API token nor an access token stands in an error or its printed chain, even when Kit echoes them."""
    echo = f"bad {API_TOKEN} in ?access_token={quote(API_TOKEN)}"
    errors: list[BaseException] = []
    async with connected(kit.base_url, clock, seconds=1) as client:
        kit.next_login.extend([hang_up, stay_silent, break_off, answering(lambda: refusal(200, 401, echo))])
        for _ in range(4):
            with pytest.raises(Unavailable) as caught:
                await client.login()
            errors.append(caught.value)
        clock.advance(10)
        await client.login()
        kit.next_send.extend([hang_up, answering(lambda: refusal(200, 400, "bad access-1"))])
        for _ in range(2):
            with pytest.raises((Uncertain, NotAccepted)) as sent:
                await client.send(EVENT)
            errors.append(sent.value)
    for error in errors:
        printed = "".join(traceback.format_exception(error)) + repr(error)
        assert API_TOKEN not in printed
        assert "access-1" not in printed


@pytest.mark.parametrize("status", [200, 404, 405, 429, 502])
async def test_a_probe_takes_any_answer_and_shows_nobody_anything(kit: Kit, client: KitClient, status: int) -> None:
    """Whoever answers is there; no token goes out, no login is made, and the channel's connections stay as they are."""
    seen: list[web.BaseRequest] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return web.Response(status=status)

    kit.next_probe.append(answer)
    await client.probe(5.0)
    assert [(request.method, request.path) for request in seen] == [("GET", f"/{CHANNEL}")]
    assert not seen[0].headers.keys() & {"Authorization", "Cookie"}
    assert (kit.logins, kit.attempts) == (0, [])


async def test_a_probe_that_gets_no_answer_says_so_in_its_time(kit: Kit, client: KitClient) -> None:
    """A connection without an answer is told from none at all."""
    kit.next_probe.extend([stay_silent, hang_up, hang_up])  # aiohttp asks twice who hangs up
    for _ in range(2):
        with pytest.raises(Uncertain):
            await client.probe(0.3)


async def test_a_probe_that_reaches_nobody_says_so(clock: Clock) -> None:
    """Nobody listens there."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    async with connected(f"http://127.0.0.1:{port}", clock) as client:
        with pytest.raises(Down):
            await client.probe(5.0)


async def test_the_login_is_checked_in_both_ways(kit: Kit, client: KitClient) -> None:
    """By the refresh token and by the API token; one of them refused is a failure, and sending goes on either way."""
    await client.login()
    await client.check_login()
    assert (kit.logins, kit.refreshes) == (2, 1)
    kit.next_refresh.append(answering(lambda: refusal(401, 401)))
    with pytest.raises(Unavailable):
        await client.check_login()
    await client.send(EVENT)
    kit.next_login.append(answering(lambda: refusal(401, 401)))
    with pytest.raises(CredentialsRefused):
        await client.check_login()
