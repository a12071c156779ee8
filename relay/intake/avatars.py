"""Customers' pictures: looked up beside the messages, never before them.

Who wrote is noted in passing; one task of the channel asks Telegram about one customer at a time, at most once a day
each. So a message never waits for a picture: the first one of a customer goes without it, later ones with it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from relay.errors import NotAccepted, RelayError, Throttled, place_of
from relay.model import Media
from relay.store.avatars import Avatar
from relay.store.store import Store

log = structlog.get_logger()

#: Seconds after which a picture is looked up again.
_FRESH: Final = 86400.0
#: Customers that wait to be looked up at most; who finds no room is noted again with their next message.
_WAITING: Final = 1000
#: Customers of whom it is remembered, without asking the store, that their picture is fresh.
_KNOWN: Final = 10_000
#: Customers of whom the store is asked, and told, together.
_TOGETHER: Final = 20
#: Seconds between two questions to Telegram, and after one that Telegram did not answer.
_PACE: Final = 0.05
_PAUSE: Final = 60.0

#: The picture of a user as a medium that may be kept; None if there is none to be seen. Raises RelayError.
Look = Callable[[int], Awaitable[Media | None]]


class Avatars:
    """The pictures of one channel's customers. `now` is the store's clock."""

    def __init__(self, channel: str, store: Store, look: Look, now: Callable[[], float]) -> None:
        self._channel = channel
        self._store = store
        self._look = look
        self._now = now
        self._waiting: asyncio.Queue[str] = asyncio.Queue(_WAITING)
        self._fresh: OrderedDict[str, float] = OrderedDict()  #: Until when there is nothing to look up.

    def note(self, client_id: str) -> None:
        """A customer wrote: see to their picture, some time soon. Costs nothing and never waits."""
        if self._fresh.get(client_id, 0.0) > self._now() or self._waiting.full():
            return
        self._remember(client_id)
        self._waiting.put_nowait(client_id)

    async def run(self) -> None:
        """Look up whoever waits, until cancelled."""
        while True:
            clients = [await self._waiting.get()]
            while len(clients) < _TOGETHER and not self._waiting.empty():
                clients.append(self._waiting.get_nowait())
            try:
                await self._refresh(clients)
            except RelayError as error:
                await asyncio.sleep(self._failed(error, clients))
            except Exception as error:  # noqa: BLE001 - nobody's message may suffer for a picture
                log.error("avatar.bug", error=place_of(error))  # noqa: TRY400 - a traceback may hold a customer's words

    async def _refresh(self, clients: list[str]) -> None:
        """Look up who of them is due. In the store they share a transaction before, and one after."""
        since, found = self._now() - _FRESH, list[Avatar]()
        users = await asyncio.gather(*(self._store.whose_avatar(self._channel, each, since) for each in clients))
        due = [(client_id, user_id) for client_id, user_id in zip(clients, users, strict=True) if user_id is not None]
        for number, (client_id, user_id) in enumerate(due, start=1):
            pause = await self._look_up(client_id, user_id, found)
            if number == len(due) or pause > _PACE:  # their next message should have it: it does not wait for the pause
                await self._keep(found)
            await asyncio.sleep(pause)

    async def _look_up(self, client_id: str, user_id: int, found: list[Avatar]) -> float:
        """Ask about one of them. Returns the seconds until the next question."""
        try:
            found.append(Avatar(self._channel, client_id, await self._look(user_id)))
        except NotAccepted as error:  # Telegram will say the same in an hour: tomorrow is soon enough
            log.info("avatar.refused", reason=str(error))
            found.append(Avatar(self._channel, client_id, None, known=False))
        except RelayError as error:
            return self._failed(error, [client_id])
        except Exception as error:  # noqa: BLE001 - as above
            log.error("avatar.bug", error=place_of(error))  # noqa: TRY400 - as above
        return _PACE

    async def _keep(self, found: list[Avatar]) -> None:
        kept = [*found]
        found.clear()
        await asyncio.gather(*map(self._store.keep_avatar, kept))

    def _failed(self, error: RelayError, clients: list[str]) -> float:
        """These could not be asked about: their next message asks again. Returns the seconds to wait."""
        for client_id in clients:
            self._fresh.pop(client_id, None)
        pause = error.retry_after if isinstance(error, Throttled) else _PAUSE
        log.info("avatar.failed", reason=str(error), pause=pause)
        return pause

    def _remember(self, client_id: str) -> None:
        self._fresh[client_id] = self._now() + _FRESH
        self._fresh.move_to_end(client_id)
        if len(self._fresh) > _KNOWN:
            self._fresh.popitem(last=False)
