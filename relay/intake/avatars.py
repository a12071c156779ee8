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
#: Seconds between two questions, and after one that Telegram did not answer.
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
            client_id = await self._waiting.get()
            pause = _PACE
            try:
                await self._refresh(client_id)
            except RelayError as error:
                self._fresh.pop(client_id, None)  # their next message asks again
                pause = error.retry_after if isinstance(error, Throttled) else _PAUSE
                log.info("avatar.failed", reason=str(error), pause=pause)
            except Exception as error:  # noqa: BLE001 - nobody's message may suffer for a picture
                log.error("avatar.bug", error=place_of(error))  # noqa: TRY400 - a traceback may hold a customer's words
            await asyncio.sleep(pause)

    async def _refresh(self, client_id: str) -> None:
        user_id = await self._store.whose_avatar(self._channel, client_id, self._now() - _FRESH)
        if user_id is None:
            return
        try:
            picture = await self._look(user_id)
        except NotAccepted as error:  # Telegram will say the same in an hour: tomorrow is soon enough
            log.info("avatar.refused", reason=str(error))
            await self._store.keep_avatar(Avatar(self._channel, client_id, None, known=False))
        else:
            await self._store.keep_avatar(Avatar(self._channel, client_id, picture))

    def _remember(self, client_id: str) -> None:
        self._fresh[client_id] = self._now() + _FRESH
        self._fresh.move_to_end(client_id)
        if len(self._fresh) > _KNOWN:
            self._fresh.popitem(last=False)
