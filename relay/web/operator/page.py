"""A page for whoever looks after the relay, on the internal port: read-only, live, without a word or a name of anybody.

Its files are read when somebody asks, and what it shows is looked up once for all who look: at most once a second, and
never for more than a twentieth of the database's time.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from relay.errors import Unavailable

STATIC: Final = Path(__file__).with_name("static")
_TYPES: Final = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "drawing.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
#: Seconds for which an answer is told again; and how many times as long as it took to make.
_FRESH: Final = 1.0
_REST: Final = 20.0


class OperatorPage:
    """The page. `look` tells everything that it shows; raises relay.errors.Unavailable."""

    def __init__(self, look: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        self._look = look
        self._one_at_a_time = asyncio.Lock()
        self._told = b""
        self._stale_at = 0.0

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/", _index)
        app.router.add_get("/operator/{name}", _file)
        app.router.add_get("/overview", self._overview)

    async def _overview(self, _request: web.Request) -> web.Response:
        """200 with the figures as JSON, or 503 with `error` in words."""
        try:
            return _answer(await self.newest(), "application/json")
        except Unavailable as error:
            return _answer(orjson.dumps({"error": str(error)}), "application/json", status=503)

    async def newest(self) -> bytes:
        """The figures as JSON, not older than they must be. Raises relay.errors.Unavailable."""
        async with self._one_at_a_time:
            asked = time.monotonic()
            if asked >= self._stale_at:
                self._told = orjson.dumps(await self._look())
                now = time.monotonic()
                self._stale_at = now + max(_FRESH, _REST * (now - asked))
            return self._told


async def _index(_request: web.Request) -> web.Response:
    return _answer(await asyncio.to_thread((STATIC / "index.html").read_bytes), "text/html")


async def _file(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in _TYPES:
        raise web.HTTPNotFound
    return _answer(await asyncio.to_thread((STATIC / name).read_bytes), _TYPES[name])


def _answer(body: bytes, content_type: str, status: int = 200) -> web.Response:
    return web.Response(body=body, content_type=content_type, charset="utf-8", status=status, headers=_HEADERS)
