"""Telegram's webhook: an empty 2xx only after the update is on disk, and nothing for anybody else.

The body of an answer is never used: Telegram would execute JSON in it. https://core.telegram.org/bots/api#setwebhook
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
import structlog
from aiohttp import web
from structlog.contextvars import bind_contextvars

from relay.errors import Unavailable
from relay.telegram.polling import has_id
from relay.web.readers import Readers
from relay.web.refusals import Refusals
from relay.web.serving import however_slashed

log = structlog.get_logger()

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
#: Seconds that a body may take to arrive.
_BODY_TIME = 10.0


@dataclass(frozen=True, slots=True)
class TelegramWebhook:
    """The handler of one bot's webhook. `accept` commits an update; it raises relay.errors.Unavailable."""

    secret: str
    accept: Callable[[dict[str, Any]], Awaitable[None]]
    refusals: Refusals  #: Of the whole relay: gets the lines about what is refused.
    log_fields: Mapping[str, str] = field(default_factory=dict)
    readers: Readers = field(default_factory=Readers)

    def add_to(self, app: web.Application, path: str) -> None:
        """Add the route."""
        app.router.add_post(however_slashed(path), self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        """An update: from Telegram, committed, acknowledged."""
        bind_contextvars(**self.log_fields)  # of this request alone: aiohttp handles each in a task of its own
        return await self._answer(request)

    async def _answer(self, request: web.Request) -> web.Response:
        given = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self.secret.encode()):
            self.refusals.note("webhook.refused", status=401)
            return web.Response(status=401)
        try:
            update = await self._read(request)
        except web.HTTPException as error:
            return _refusal(error.status)
        if not has_id(update):
            # Without an id it can neither be told from others nor be asked for again: to refuse it would only bring it
            # back for a day, and hold up its chat.
            log.error("webhook.update_without_id")
            return web.Response()
        try:
            await self.accept(update)
        except Unavailable:
            return _refusal(503)
        return web.Response()

    async def _read(self, request: web.Request) -> Any:  # noqa: ANN401 - whatever came
        """The body as JSON. Raises web.HTTPException: too slow, too many at once, or no JSON."""
        try:
            return orjson.loads(await self.readers.read(request, _BODY_TIME))
        except Unavailable:
            raise web.HTTPServiceUnavailable from None
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            raise web.HTTPRequestTimeout from None
        except orjson.JSONDecodeError:
            log.error("webhook.unreadable")  # noqa: TRY400 - the error would quote a customer's words
            raise web.HTTPBadRequest from None


def _refusal(status: int) -> web.Response:
    return web.Response(status=status, headers={"Retry-After": "5"} if status == 503 else None)
