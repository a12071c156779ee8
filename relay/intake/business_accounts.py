"""Business accounts, by the ids of their connections: whose they are is learnt before an update from them is mapped."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

import structlog

from relay.errors import RelayError, Unavailable, place_of
from relay.intake.served import connection_in
from relay.mapping.to_kit.business import read_connection
from relay.store.business_connections import Met
from relay.store.store import Store

log = structlog.get_logger()

#: Connections that are kept in mind; a bot has a handful, and the store knows all.
_MOST: Final = 10_000
#: Seconds that a batch of updates waits for what Telegram says of all its connections: they are asked side by side.
_PATIENCE: Final = 5.0

#: What Telegram says of a connection: the result of getBusinessConnection, raw. Raises RelayError.
AskConnection = Callable[[str], Awaitable[Any]]


class Accounts:
    """The accounts of one channel. Into `owners` go their owners' user ids, as updates come in."""

    def __init__(
        self,
        channel: str,
        store: Store,
        ask: AskConnection,
        owners: dict[str, int],
        *,
        patience: float = _PATIENCE,
    ) -> None:
        self.owners = owners
        self._channel = channel
        self._store = store
        self._ask = ask
        self._patience = patience

    async def learn(self, updates: Iterable[Mapping[str, Any]]) -> None:
        """Know the owner of every account that the updates come from.

        Of a connection that was made while Telegram kept no updates for us, it is asked; if it does not answer, mapping
        makes do without the owner. Raises relay.errors.Unavailable when the database cannot be read.
        """
        if len(self.owners) > _MOST:
            self.owners.clear()
        ids = dict.fromkeys(map(self._connection_in, updates))
        unknown = [each for each in ids if each and each not in self.owners]
        if unknown:
            for error in await asyncio.gather(*map(self._find, unknown), return_exceptions=True):
                if error is not None:
                    raise error

    async def _find(self, connection_id: str) -> None:
        """Know one owner, if that can be. What is odd about a connection must not stop the other updates."""
        try:
            owner = await self._store.find_owner(self._channel, connection_id) or await self._asked(connection_id)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - see above
            log.error("business.connection_bug", error=place_of(error))  # noqa: TRY400 - a traceback may hold words
            return
        if owner is not None:
            self.owners[connection_id] = owner

    def _connection_in(self, update: Mapping[str, Any]) -> str | None:
        """The connection that an update comes through. One that tells of a connection tells whose it is."""
        if (told := update.get("business_connection")) is not None:
            connection = read_connection(told) if isinstance(told, dict) else None
            if connection is not None:
                self.owners[connection.id] = connection.user_id
            return None
        return connection_in(update)

    async def _asked(self, connection_id: str) -> int | None:
        try:
            async with asyncio.timeout(self._patience):
                told = await self._ask(connection_id)
        except (RelayError, TimeoutError) as error:
            log.warning("business.connection_unknown", reason=str(error) or "no answer in time")
            return None
        connection = read_connection(told) if isinstance(told, dict) else None
        if connection is None or connection.id != connection_id:
            return None
        await self._store.meet_connection(Met(self._channel, connection))
        return connection.user_id
