"""Listening: one application on one address."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

#: Seconds that requests in progress get when the relay stops, and a refused body to end.
_GRACE = 2.0


class CannotListenError(Exception):
    """The address cannot be had. The message says which and why."""


@asynccontextmanager
async def serve(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve `app` until the end of the block; yields the port, which differs from `port` only when that is 0.

    Bodies are not decompressed: nothing that calls us compresses, and a zip bomb must not be unpacked to be refused.
    Raises CannotListenError.
    """
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
            reason = os.strerror(error.errno) if error.errno else "unknown host"
            raise CannotListenError(f"cannot listen on {host}:{port} ({reason})") from None
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
