"""Answers on the relay's public port while no relay runs there, so that its address can be tried from outside.

Kit tests the callback's address while a channel is being created, before it shows the salt: whoever sets the relay up
needs somebody to answer. Delivers nothing, remembers nothing but the signature of the last test.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from relay.kit.signature import is_shaped
from relay.web.serving import serve

_BODY_LIMIT = 64 * 2**10


@dataclass(slots=True)
class StandIn:
    """What has been seen. `nonce` proves that it is we who answer under an address."""

    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    signature: bytes | None = None  #: Of Kit's test request, if it carried one.
    tested: asyncio.Event = field(default_factory=asyncio.Event)  #: Kit has asked.

    @property
    def probe_path(self) -> str:
        """Where the nonce is told."""
        return f"/media/{self.nonce}"

    async def answer(self, request: web.Request) -> web.Response:
        """200 `OK` for Kit's test, whatever it carries: https://voximplant.com/kit/docs/channels/custom."""
        values = [value for name, value in request.raw_headers if name.lower() == b"authorization"]
        if len(values) == 1 and is_shaped(values[0]):
            self.signature = values[0]
        self.tested.set()
        return web.Response(text="OK")

    async def prove(self, request: web.Request) -> web.Response:
        """The nonce, for whoever knows it already."""
        known = secrets.compare_digest(request.match_info["nonce"].encode(), self.nonce.encode())
        return web.Response(text=self.nonce) if known else web.Response(status=404)


@asynccontextmanager
async def standing_in(host: str, port: int, callback_path: str) -> AsyncIterator[tuple[StandIn, int]]:
    """Answer until the end of the block; yields what is seen, and the port.

    Raises relay.web.serving.CannotListenError, usually because the relay itself is there.
    """
    stand_in = StandIn()
    app = web.Application(client_max_size=_BODY_LIMIT)
    app.router.add_get(callback_path, stand_in.answer)
    app.router.add_post(callback_path, stand_in.answer)
    app.router.add_get("/media/{nonce}", stand_in.prove)
    async with serve(app, host, port) as listening:
        yield stand_in, listening
