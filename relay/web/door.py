"""Who is let in, and for how long one may stand in the door: aiohttp itself waits for ever, for as many as come.

A connection *waits* while its next request's head has not come whole, and is *busy* from then until it is answered.
One whose head takes too long is closed. When there is no room for another, one gives way that waits: of whoever has
opened most connections the one that has waited longest. So strangers shut nobody out but themselves.
"""

import asyncio
from collections import Counter
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from relay.errors import place_of
from relay.web.refusals import Refusals

log = structlog.get_logger()

#: Seconds that the head of a request may take, from its first byte or from the connection's beginning.
_HEAD_TIME: Final = 10.0
_SWEEP: Final = 1.0  #: Seconds between two looks at who waits too long.
MOST: Final = 1024  #: Connections.

_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_MALFORMED: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class AnsweredError(ConnectionError):
    """It was answered in few bytes; the connection is at its end. aiohttp closes it and says nothing."""


class Door:
    """The connections of one address, at most `most`."""

    def __init__(self, refusals: Refusals, *, most: int = MOST, head_time: float = _HEAD_TIME) -> None:
        self.refusals = refusals
        self._most = most
        self._head_time = head_time
        self._opened: Counter[str] = Counter()  #: By whose they are.
        self._waiting: dict[Connection, float] = {}  #: Since when; who has waited longest comes first.
        self._sweeping: asyncio.TimerHandle | None = None

    def enter(self, connection: "Connection") -> None:
        """Let one in, in another's place if need be."""
        if self._opened.total() >= self._most and not self._make_room():
            self.refusals.note("request.refused", reason="too many requests at once")
            connection.turn_away()
        self._opened[connection.whose] += 1
        self.wait(connection)

    def leave(self, connection: "Connection") -> None:
        """It is closed."""
        self._waiting.pop(connection, None)
        self._opened[connection.whose] -= 1
        if not self._opened[connection.whose]:
            del self._opened[connection.whose]

    def wait(self, connection: "Connection") -> None:
        """A head is awaited from now on."""
        loop = asyncio.get_running_loop()
        self._waiting.pop(connection, None)
        self._waiting[connection] = loop.time()
        if self._sweeping is None:
            self._sweeping = loop.call_later(_SWEEP, self._sweep)

    def work(self, connection: "Connection") -> None:
        """A head has come whole."""
        self._waiting.pop(connection, None)

    def close(self) -> None:
        """Look no more."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    def _make_room(self) -> bool:
        """Whether somebody who waits could give way."""
        # Half a head rather than a connection that has shown that it can ask; of equals who has waited longest.
        chosen = max(self._waiting, key=lambda each: (self._opened[each.whose], not each.rests), default=None)
        if chosen is None:
            return False
        self.refusals.note("request.gave_way", connections=self._opened[chosen.whose])
        chosen.turn_away()
        return True

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeping = loop.call_later(_SWEEP, self._sweep) if self._waiting else None
        since = loop.time() - self._head_time
        late = [each for each, began in self._waiting.items() if began <= since and not each.rests]
        for connection in late:
            self.refusals.note("request.unfinished", seconds=self._head_time)
            self._waiting.pop(connection, None)
            connection.force_close()


class Connection(web.RequestHandler):
    """One connection that knows the door through which it came."""

    __slots__ = ("_door", "rests", "whose")

    def __init__(self, manager: web.Server, door: Door, **how: object) -> None:
        super().__init__(manager, **how)  # type: ignore[arg-type]
        self._door = door
        self.rests = False  #: It is between two requests, and no byte of the next one has come.
        self.whose = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Go in."""
        super().connection_made(transport)
        self.whose = whose_of(transport.get_extra_info("peername"))
        self._door.enter(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Go."""
        self._door.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A head may begin."""
        if self.rests:
            self.rests = False
            self._door.wait(self)
        super().data_received(data)

    def begin(self) -> None:
        """A request is handled from now on."""
        self.rests = False
        self._door.work(self)

    def end(self) -> None:
        """It was answered; another may follow, unless somebody has hung up."""
        if self.transport is not None:
            self.rests = True
            self._door.wait(self)

    def turn_away(self) -> None:
        """Answer 503, whatever was on its way, and close."""
        if self.transport is not None:
            self.transport.write(_BUSY)
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no request in few words that repeat nothing of it, and with one line in the log, or none."""
        if isinstance(exc, AnsweredError):
            raise exc
        if status >= 500:
            return super().handle_error(request, status, exc, message)
        self._door.refusals.note("request.malformed", reason=type(exc).__name__)
        if request.transport is not None:
            request.transport.write(_MALFORMED)
        raise AnsweredError


@web.middleware
async def through_the_door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Between a whole head and its answer a connection is busy. A bug of ours is a line in the log, without words."""
    connection = request.protocol
    assert isinstance(connection, Connection)  # noqa: S101 - whoever serves the application made it
    connection.begin()
    try:
        return await handler(request)
    except (web.HTTPException, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001 - one request was hit, and the others must not be
        log.error("web.bug", error=place_of(error))  # noqa: TRY400 - a traceback may hold words
        return web.Response(status=500, text="This is our fault.")
    finally:
        connection.end()


async def say_no_name(_request: web.Request, response: web.StreamResponse) -> None:
    """Whoever asks need not know which program answers, and in which version."""
    response.headers.pop("Server", None)


def whose_of(peer: object) -> str:
    """Whose a connection is: the address, of IPv6 the network that one customer of a provider has."""
    if not isinstance(peer, tuple):
        return ""
    try:
        address = ip_address(str(peer[0]).partition("%")[0])
    except ValueError:
        return str(peer[0])
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address)
