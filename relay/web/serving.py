"""Listening: one application on one address."""

import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

#: Seconds that requests in progress get when the relay stops, and a refused body to end.
_GRACE = 2.0


class CannotListenError(Exception):
    """The address cannot be had. The message names the setting, the address and the reason."""


@asynccontextmanager
async def serve(app: web.Application, host: str, port: int, *, setting: str = "RELAY") -> AsyncIterator[int]:
    """Serve `app` until the end of the block; yields the port, which differs from `port` only when that is 0.

    `setting` is how the names of the settings begin that `host` and `port` came from.
    Bodies are not decompressed: nothing that calls us compresses, and a zip bomb must not be unpacked to be refused.
    Raises CannotListenError.
    """
    app.on_response_prepare.append(_name_no_versions)
    # No access log: it would hold capability URLs. Our own lines say what happened, by ids.
    runner = web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,
        shutdown_timeout=_GRACE,
        keepalive_timeout=75,
        lingering_time=_GRACE,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, backlog=1024).start()
        except OSError as error:
            raise CannotListenError(_words(error, host, port, setting)) from None
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _name_no_versions(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall("Server", None)


def however_slashed(path: str) -> str:
    """The route of `path` with any number of slashes in front and behind, as people paste addresses into forms."""
    return f"/{{before:/*}}{path.strip('/')}{{behind:/*}}"


def _words(error: OSError, host: str, port: int, setting: str) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"{setting}_HOST: no such address on this machine: {host}"
    reason = os.strerror(error.errno) if error.errno else "unknown reason"
    remedy = "Does another relay run? Else end the program that has it, or choose another port."
    return f"{setting}_PORT: cannot listen on {host}:{port} ({reason}). {remedy}"
