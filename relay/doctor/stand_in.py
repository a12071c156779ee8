"""Answers on the relay's public port while no relay runs there, so that its address can be tried from outside.

Kit tests the callback's address while a channel is being created, before it shows the salt: whoever sets the relay up
needs somebody to answer. Delivers nothing, remembers nothing but signatures: anybody can ask, and only Kit can sign.
"""

import asyncio
import secrets
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from aiohttp import web

from relay.kit.signature import is_shaped
from relay.web.serving import CannotListenError, however_slashed, serve

_BODY_LIMIT = 64 * 2**10
#: Signatures that are remembered: strangers may send some of their own.
_MANY = 100


@dataclass(slots=True)
class StandIn:
    """What has been seen. `nonce` proves that it is we who answer under an address."""

    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    signatures: set[bytes] = field(default_factory=set)  #: That requests carried; one of them may be Kit's.
    signed: threading.Event = field(default_factory=threading.Event)  #: Somebody has asked with one.
    unsigned: int = 0  #: How many have asked without.

    @property
    def probe_path(self) -> str:
        """Where the nonce is told."""
        return f"/media/{self.nonce}"

    async def answer(self, request: web.Request) -> web.Response:
        """200 `OK` for Kit's test, whatever it carries: https://voximplant.com/kit/docs/channels/custom."""
        values = [value for name, value in request.raw_headers if name.lower() == b"authorization"]
        if len(values) == 1 and is_shaped(values[0]):
            if len(self.signatures) < _MANY:
                self.signatures.add(values[0])
            self.signed.set()
        else:
            self.unsigned += 1
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
    path = however_slashed(callback_path)
    app.router.add_get(path, stand_in.answer)
    app.router.add_post(path, stand_in.answer)
    app.router.add_get("/media/{nonce}", stand_in.prove)
    async with serve(app, host, port) as listening:
        yield stand_in, listening


@contextmanager
def standing_in_beside(host: str, port: int, callback_path: str) -> Iterator[tuple[StandIn, int]]:
    """The same from a thread of its own: somebody answers while another is asked questions, and takes their time."""
    started: Future[tuple[StandIn, int]] = Future()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def answer() -> None:
        try:
            async with standing_in(host, port, callback_path) as standing:
                started.set_result(standing)
                await stop.wait()
        except CannotListenError as error:
            started.set_exception(error)

    thread = threading.Thread(target=loop.run_until_complete, args=(answer(),), name="stand-in", daemon=True)
    thread.start()
    try:
        yield started.result()
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
