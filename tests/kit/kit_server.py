"""A Kit on loopback that keeps a record and can be told what to answer next."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

from relay.kit.requests import LOGIN_PATH, REFRESH_PATH

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

DOMAIN, API_TOKEN, CHANNEL = "acme", "api+token/1=", "6b7f2f5e-0000-4000-8000-c0ffee"


@dataclass
class Kit:
    """Knows which tokens live; `next_*` answers go first, one per request."""

    base_url: str = ""
    api_token: str = API_TOKEN
    logins: int = 0
    refreshes: int = 0
    issued: int = 0
    events: list[bytes] = field(default_factory=list)
    attempts: list[bytes] = field(default_factory=list)
    live: set[str] = field(default_factory=set)
    refreshable: set[str] = field(default_factory=set)
    next_login: deque[Answer] = field(default_factory=deque)
    next_refresh: deque[Answer] = field(default_factory=deque)
    next_send: deque[Answer] = field(default_factory=deque)
    next_probe: deque[Answer] = field(default_factory=deque)

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        self.logins += 1
        form = await request.post()
        if self.next_login:
            return await self.next_login.popleft()(request)
        right = (request.query.get("domain"), request.query.get("access_token"), form.get("channel_uuid"))
        return self._issue() if right == (DOMAIN, self.api_token, CHANNEL) else refusal(401, 401)

    async def refresh(self, request: web.Request) -> web.StreamResponse:
        self.refreshes += 1
        form = await request.post()
        if self.next_refresh:
            return await self.next_refresh.popleft()(request)
        token = str(form.get("refresh_token"))
        if token not in self.refreshable:
            return refusal(401, 401)
        self.refreshable.discard(token)
        return self._issue()

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.attempts.append(body)
        if self.next_send:
            return await self.next_send.popleft()(request)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.live:
            return refusal(401, 401)
        self.events.append(body)
        return web.json_response({"success": True, "result": True})

    async def answer_probe(self, request: web.Request) -> web.StreamResponse:
        return await self.next_probe.popleft()(request) if self.next_probe else web.Response(status=405)

    def _issue(self) -> web.Response:
        self.issued += 1
        number = self.issued
        self.live.add(f"access-{number}")
        self.refreshable.add(f"refresh-{number}")
        result = {"access_token": f"access-{number}", "refresh_token": f"refresh-{number}"}
        return web.json_response({"success": True, "result": result})


def refusal(status: int, code: int, error: str = "refused") -> web.Response:
    return web.json_response({"success": False, "result": {"error": error, "code": code}}, status=status)


def answering(response: Callable[[], web.StreamResponse]) -> Answer:
    """A fixed answer."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return response()

    return answer


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Take the request and close the connection without a word."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def stay_silent(_: web.Request) -> web.StreamResponse:
    """Take the request and never answer."""
    await asyncio.Event().wait()
    return web.Response()


async def break_off(request: web.Request) -> web.StreamResponse:
    """Promise more than is sent."""
    response = web.StreamResponse(headers={"Content-Length": "500"})
    await response.prepare(request)
    await response.write(b'{"success": tr')
    assert request.transport is not None
    request.transport.close()
    return response


@asynccontextmanager
async def running_kit() -> AsyncIterator[Kit]:
    """A Kit that listens on a free port."""
    kit = Kit()
    app = web.Application()
    app.router.add_post(LOGIN_PATH, kit.log_in)
    app.router.add_post(REFRESH_PATH, kit.refresh)
    app.router.add_post(f"/{CHANNEL}", kit.take)
    app.router.add_get(f"/{CHANNEL}", kit.answer_probe)
    async with TestServer(app, shutdown_timeout=0) as server:
        kit.base_url = str(server.make_url("")).rstrip("/")
        yield kit
