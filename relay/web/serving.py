"""Listening: one application on one address."""

import asyncio
import errno
import os
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import web

from relay.web.door import MOST, Connection, Door, say_no_name, through_the_door
from relay.web.refusals import Refusals

#: Seconds that requests in progress get when the relay stops, and a refused body to end.
_GRACE = 2.0
#: Seconds that a connection may rest between two requests: longer than proxies keep theirs.
_KEEP_ALIVE = 75.0


class CannotListenError(Exception):
    """The address cannot be had. The message names the setting, the address and the reason."""


@asynccontextmanager
async def serve(
    app: web.Application, host: str, port: int, *, setting: str = "RELAY", refusals: Refusals | None = None
) -> AsyncIterator[int]:
    """Serve `app` until the end of the block; yields the port, which differs from `port` only when that is 0.

    `setting` is how the names of the settings begin that `host` and `port` came from; `refusals` gets the lines about
    what is no request, or too much. Raises CannotListenError.
    Bodies are not decompressed: nothing that calls us compresses, and a zip bomb must not be unpacked to be refused.
    """
    own = refusals or Refusals()
    door = Door(own, most=_most_connections())
    app.middlewares.insert(0, through_the_door)
    app.on_response_prepare.append(say_no_name)
    runner = web.AppRunner(app, shutdown_timeout=_GRACE)
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - it has been set up
    # No access log: it would hold capability URLs. Our own lines say what happened, by ids.
    connect = partial(
        Connection,
        runner.server,
        door,
        loop=asyncio.get_running_loop(),
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=_KEEP_ALIVE,
        lingering_time=_GRACE,
    )
    listening: asyncio.Server | None = None
    try:
        try:
            listening = await asyncio.get_running_loop().create_server(connect, host, port, backlog=1024)
        except OSError as error:
            raise CannotListenError(_words(error, host, port, setting)) from None
        yield listening.sockets[0].getsockname()[1]
    finally:
        if listening is not None:
            listening.close()
        await runner.cleanup()
        door.close()
        own.end()


def _most_connections() -> int:
    """Half of the files that this process may have open: strangers leave enough for everything else."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else min(MOST, soft // 2)


def however_slashed(path: str) -> str:
    """The route of `path` with any number of slashes in front and behind, as people paste addresses into forms."""
    return f"/{{before:/*}}{path.strip('/')}{{behind:/*}}"


def _words(error: OSError, host: str, port: int, setting: str) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"{setting}_HOST: no such address on this machine: {host}"
    reason = os.strerror(error.errno) if error.errno else "unknown reason"
    remedy = "Does another relay run? Else end the program that has it, or choose another port."
    return f"{setting}_PORT: cannot listen on {host}:{port} ({reason}). {remedy}"
