"""A look-alike's HTTP server: on loopback, on a port that stays the same when it is stopped and started again."""

import asyncio
import socket
from collections.abc import Callable
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler

#: Seconds that a request in hand is given when the server stops: a stop is an outage, not a farewell.
GRACE = 0.02


@web.middleware
async def no_browser(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The look-alikes are for programs on this machine; a site that is open in a browser there is none of them.

    Files it may load: they are looked at in browsers. And the relay may know a look-alike by another name.
    """
    controls = request.path.startswith("/sandbox/")
    is_file = request.method in ("GET", "HEAD") and request.path.startswith(("/file/", "/files/"))
    elsewhere = request.host.partition(":")[0] not in ("127.0.0.1", "localhost")
    if ("Origin" in request.headers and not is_file) or (controls and elsewhere):
        raise web.HTTPForbidden(text="not for browsers\n")
    return await handler(request)


class Server:
    """Serves what `application` builds; a new one at each start, because aiohttp closes an application for good."""

    def __init__(self, application: Callable[[], web.Application], *, port: int = 0, host: str = "127.0.0.1") -> None:
        self._application = application
        self._runner: web.AppRunner | None = None
        self._listening: socket.socket | None = None
        self.host = host
        self.port = port  #: 0 until the first start has found a free one.

    @property
    def url(self) -> str:
        """`http://host:port`, without a slash at the end. Known once started."""
        return f"http://{self.host}:{self.port}"

    @property
    def is_running(self) -> bool:
        """Whether the listening socket is open."""
        return self._runner is not None

    async def start(self) -> None:
        """Open the listening socket. Raises OSError when the port is taken."""
        if self._runner is not None:
            return
        self._listening = socket.create_server((self.host, self.port), backlog=1024)
        self.port = self._listening.getsockname()[1]
        # A client that hangs up ends its request here too: an abandoned long poll must not linger.
        self._runner = web.AppRunner(
            self._application(), access_log=None, shutdown_timeout=GRACE, handler_cancellation=True
        )
        await self._runner.setup()
        await web.SockSite(self._runner, self._listening, backlog=1024).start()

    async def stop(self) -> None:
        """Close the listening socket and every connection, long polls included."""
        if self._runner is not None and self._listening is not None:
            runner, self._runner = self._runner, None
            # Python 3.11 never closes a connection that it accepted just before its server was closed, and who asks
            # by it would wait for an answer. So the last one has come when the server closes.
            asyncio.get_running_loop().remove_reader(self._listening)
            await asyncio.sleep(0)
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
