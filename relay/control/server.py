"""The running relay's end of the control socket: `POST /{operation}` with parameters as JSON."""

import os
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from socket import SO_PEERCRED, SOL_SOCKET
from typing import Any, Final

import orjson
import structlog
from aiohttp import web

from relay.control.operation import Operation, OperationContext, RefusedError
from relay.control.place import leave, listen
from relay.errors import Unavailable, place_of

log = structlog.get_logger()

_LIMIT: Final = 2**20  #: Bytes of a question.
_CREDENTIALS: Final = struct.Struct("3i")  #: struct ucred: process, user, group.


@asynccontextmanager
async def serve_control(
    context: OperationContext, operations: Mapping[str, Operation], directory: Path
) -> AsyncIterator[None]:
    """Answer at `directory`'s socket until the end of the block. Raises relay.control.place.NoPlaceError."""
    app = web.Application(client_max_size=_LIMIT)
    app.router.add_post("/{operation}", _Handler(context, operations).answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listen(directory)).start()
        try:
            yield
        finally:
            leave(directory)
    finally:
        await runner.cleanup()


class _Handler:
    def __init__(self, context: OperationContext, operations: Mapping[str, Operation]) -> None:
        self._context = context
        self._operations = operations

    async def answer(self, request: web.Request) -> web.Response:
        """200 with the operation's answer; 403, 404, 422, 500 or 503 with `error` in words."""
        name = request.match_info["operation"]
        operation = self._operations.get(name)
        if not _may_ask(request):
            return _json({"error": "only the relay's own user may ask"}, 403)
        if operation is None:
            return _json({"error": f"this relay knows no {name}; is it of another version?"}, 404)
        try:
            parameters: Mapping[str, Any] = orjson.loads(await request.read())
            response = _json(await operation(self._context, parameters))
        except RefusedError as error:
            return _json({"error": str(error)}, 422)
        except Unavailable as error:
            return _json({"error": str(error)}, 503)
        except Exception as error:  # noqa: BLE001 - whoever asked gets words, and the log the place
            where = place_of(error)
            log.error("control.bug", operation=name, error=where)  # noqa: TRY400 - a traceback may hold words
            return _json({"error": f"a bug in the relay ({where}). Its log names it: control.bug"}, 500)
        log.debug("control.answered", operation=name)
        return response


def _may_ask(request: web.Request) -> bool:
    """Whether it is our own user, or root. The socket's mode says so already; this holds if somebody changes it."""
    connection = request.transport.get_extra_info("socket") if request.transport else None
    if connection is None:
        return False
    _, user, _ = _CREDENTIALS.unpack(connection.getsockopt(SOL_SOCKET, SO_PEERCRED, _CREDENTIALS.size))
    return user in (0, os.geteuid())


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")
