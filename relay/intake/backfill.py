"""Reads old letters once more, after the start, to note whose they are: tracing and erasing look there."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from relay.errors import Unavailable, place_of
from relay.model import Letter, Reading
from relay.store.backfill import Filled
from relay.store.store import Store

log = structlog.get_logger()

#: Seconds between two parts: messages go first.
PAUSE: Final = 0.1
#: And after one that the database could not commit.
_LATER: Final = 60.0
#: So many letters are read before others get a turn: parsing one costs about 0.2 ms.
_TURN: Final = 20

Reader = Callable[[Letter], Reading]


async def fill_clients(store: Store, readers: Mapping[str, Reader], *, pause: float = PAUSE) -> None:
    """Note whose each letter is of which that is not noted, until all are. `readers` by channel.

    Raises relay.errors.Unavailable when the database cannot commit; then the next call goes on from there.
    """
    found = parts = 0
    while (part := await store.next_unfilled()) is not None:
        clients: dict[int, str] = {}
        for index, (row_id, letter) in enumerate(part.letters.items()):
            client_id = _client_of(letter, readers)
            if client_id is not None:
                clients[row_id] = client_id
            if index % _TURN == _TURN - 1:
                await asyncio.sleep(0)
        await store.fill(Filled(clients, part.next_id))
        found, parts = found + len(clients), parts + 1
        await asyncio.sleep(pause)
    if parts:
        log.info("backfill.done", letters=found)


async def keep_filling(store: Store, find_readers: Callable[[], Awaitable[Mapping[str, Reader]]]) -> None:
    """Fill beside a running relay, however often the database cannot commit."""
    while True:
        try:
            return await fill_clients(store, await find_readers())
        except Unavailable:
            await asyncio.sleep(_LATER)


def _client_of(letter: Letter, readers: Mapping[str, Reader]) -> str | None:
    reader = readers.get(letter.channel)
    if reader is None:
        return None
    try:
        return reader(letter).wants.client_id
    except Exception as error:  # noqa: BLE001 - an old letter may be anything, and the next one waits
        log.info("backfill.unreadable", source=letter.source, source_id=letter.source_id, error=place_of(error))
        return None
