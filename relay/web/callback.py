"""Kit's callback: 200 only after the event is on disk, and nothing at all for anybody else.

Source: https://voximplant.com/kit/docs/channels/custom.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
import structlog
from aiohttp import web
from structlog.contextvars import bind_contextvars

from relay.errors import Unavailable
from relay.intake.accept import AcceptCallback
from relay.kit.callbacks import (
    CHECK_EVENT,
    BadEvent,
    BadSignature,
    Callback,
    ChannelTest,
    SignedEvent,
    UnfitEvent,
    read_event,
)
from relay.kit.signature import is_shaped
from relay.monitoring.metrics import ChannelMetrics
from relay.web.callback_record import CallbackRecord
from relay.web.readers import Readers
from relay.web.refusals import Refusals
from relay.web.serving import however_slashed

log = structlog.get_logger()

#: Bytes. An agent's longest message is a fraction of it.
BODY_LIMIT = 2**20
#: Seconds that a body may take to arrive; aiohttp itself would wait for ever.
_BODY_TIME = 10.0


@dataclass(frozen=True, slots=True)
class KitCallback:
    """The handlers of one channel's callback. `log_fields` stand in every line of the log about it."""

    secrets: Sequence[tuple[str, str]]  #: Each salt and API token with which Kit may sign, today's first.
    accept: AcceptCallback
    metrics: ChannelMetrics
    record: CallbackRecord
    refusals: Refusals  #: Of the whole relay: gets the lines about what is refused.
    log_fields: Mapping[str, str] = field(default_factory=dict)
    readers: Readers = field(default_factory=Readers)

    def add_to(self, app: web.Application, path: str) -> None:
        """Add the routes."""
        path = however_slashed(path)
        app.router.add_get(path, self.answer_test)  # HEAD comes with it
        app.router.add_post(path, self.answer_event)

    async def answer_test(self, _request: web.Request) -> web.Response:
        """Kit asks whether somebody is here while the channel is being created, when nobody knows its salt yet."""
        return web.Response(text="OK")

    async def answer_event(self, request: web.Request) -> web.Response:
        """An event: verified, committed, acknowledged."""
        bind_contextvars(**self.log_fields)  # of this request alone: aiohttp handles each in a task of its own
        return await self._answer(request)

    async def _answer(self, request: web.Request) -> web.Response:
        authorization, body = _authorization(request), b""
        try:
            body = await self._read(request, authorization)
            callback, is_previous = self._read_event(authorization, body)
        except BadSignature:
            self.record.refuse(authorization, body)
            return self._refuse(401, "the signature does not match")
        except BadEvent as error:
            return self._refuse(400, str(error))
        except web.HTTPException as error:
            return self._refuse(error.status, error.reason)
        if isinstance(callback, ChannelTest):
            self.metrics.called_back("test")
            log.info("callback.test", signed=callback.signed)
            return web.Response(text="OK")
        return await self._accept(callback, body, is_previous=is_previous)

    def _read_event(self, authorization: bytes | None, body: bytes) -> tuple[Callback, bool]:
        """The event, and whether it was not signed with today's salt and token. Raises BadEvent or BadSignature."""
        *before_last, last = self.secrets
        for number, (salt, token) in enumerate(before_last):
            with suppress(BadSignature):
                return read_event(authorization, body, salt=salt, token=token), number > 0
        return read_event(authorization, body, salt=last[0], token=last[1]), bool(before_last)

    async def _read(self, request: web.Request, authorization: bytes | None) -> bytes:
        """The body. Raises BadSignature or web.HTTPException."""
        if request.can_read_body and not is_shaped(authorization):
            # Whoever has no signature need not be read: a body takes memory, and Kit's test has none.
            raise BadSignature("there is no signature")
        return await self._read_body(request)

    async def _read_body(self, request: web.Request) -> bytes:
        """The body as it came. Raises web.HTTPException: compressed, too large, or too slow."""
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise web.HTTPUnsupportedMediaType(reason="compressed bodies are not accepted")
        if (request.content_length or 0) > BODY_LIMIT:
            raise web.HTTPRequestEntityTooLarge(BODY_LIMIT, request.content_length or 0)
        try:
            return await self.readers.read(request, _BODY_TIME)
        except Unavailable:
            raise web.HTTPServiceUnavailable(reason="too many bodies at once") from None
        except TimeoutError:
            raise web.HTTPRequestTimeout(reason="the body took too long") from None
        except (ConnectionError, aiohttp.ClientError):
            raise web.HTTPBadRequest(reason="the body did not come to its end") from None

    async def _accept(self, callback: SignedEvent | UnfitEvent, body: bytes, *, is_previous: bool) -> web.Response:
        try:
            verdict = await self.accept(callback, body)
        except Unavailable:
            self.metrics.called_back("unavailable")
            return web.Response(status=503, headers={"Retry-After": "5"}, text="try again later")
        self.metrics.called_back(verdict)
        fields = {"verdict": verdict, "signature": callback.form}
        if is_previous:
            self.metrics.signed_with_previous()
            fields["signed_with"] = "previous"
        if isinstance(callback, UnfitEvent):
            fields |= {"event_id": callback.event_id, "reason": callback.reason}
        else:
            fields |= {"event_id": callback.event.event_id, "event_type": callback.event.event_type}
        if not _is_sample(callback):
            self.record.accept()
        level = log.warning if verdict in {"tampered", "unknown_client", "dead"} else log.info
        level("callback.received", **fields)
        return web.Response(text="OK")

    def _refuse(self, status: int, reason: str) -> web.Response:
        self.metrics.called_back("refused")
        self.refusals.note("callback.refused", status=status, reason=reason)
        headers = {"Retry-After": "5"} if status == 503 else None
        return web.Response(status=status, text=reason, headers=headers)


def _is_sample(callback: SignedEvent | UnfitEvent) -> bool:
    """Whether it is `relay check` and not Kit: its samples prove nothing about Kit's salt."""
    return isinstance(callback, SignedEvent) and callback.event.event_type == CHECK_EVENT


def _authorization(request: web.Request) -> bytes | None:
    """The header's bytes as they came: a str with odd characters would make the comparison itself fail."""
    values = [value for name, value in request.raw_headers if name.lower() == b"authorization"]
    return values[0] if len(values) == 1 else None
