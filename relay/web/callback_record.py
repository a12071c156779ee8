"""Keeps a record of whether Kit gets through: a salt or token that is not Kit's makes every answer of every agent 401.

Anybody can send requests that are refused, so each costs next to nothing and is forgotten but for a number: so many are
looked at between two notes, and a note is at most one transaction a second. It waits up to a second for another's
commit: most often that of what becomes of the callback.
"""

import asyncio
from codecs import BOM_UTF8
from collections import Counter
from contextlib import suppress
from typing import Final

import orjson

from relay.errors import Unavailable
from relay.kit.callbacks import is_event_id
from relay.kit.reading import client_in
from relay.kit.signature import is_shaped
from relay.monitoring.metrics import ChannelMetrics
from relay.store.callbacks import CallbacksSeen
from relay.store.store import Store
from relay.web.refusals import Refusals

_PAUSE: Final = 1.0  #: Seconds between two notes.
_PATIENCE: Final = 1.0  #: Seconds for which a note waits for a commit to share: alone it costs as much as a message.
#: Refused requests that are looked at between two notes.
_LOOKED_AT: Final = 100
#: Bytes. What Kit sends of an agent's longest message, each character escaped, is smaller.
_BODY: Final = 2**16


class CallbackRecord:
    """The record of one channel. `run` writes it down."""

    def __init__(self, channel: str, store: Store, metrics: ChannelMetrics, refusals: Refusals) -> None:
        self._channel = channel
        self._store = store
        self._metrics = metrics
        self._refusals = refusals
        self._accepted = False
        self._refused: Counter[str] = Counter()
        self._left = _LOOKED_AT
        self._changed = asyncio.Event()

    def accept(self) -> None:
        """A callback of Kit's was taken."""
        self._accepted = True
        self._changed.set()

    def refuse(self, authorization: bytes | None, body: bytes) -> None:
        """A request was refused for its signature. Is it Kit's? Costs no more than a short look, and never waits."""
        if not self._left or not is_shaped(authorization):
            return
        self._left -= 1
        self._changed.set()  # also of a stranger's: with the next note more may be looked at
        client_id = _client_of(body)
        if client_id is not None:
            self._refused[client_id] += 1

    async def run(self) -> None:
        """Note what came, at most once a second, until cancelled; then once more, at once."""
        noting: asyncio.Task[None] | None = None
        try:
            while True:
                await self._changed.wait()
                seen = self._take()
                if seen.accepted or seen.refused:
                    noting = asyncio.create_task(self._note(seen, _PATIENCE), name="callback note")
                    await asyncio.shield(noting)
                await asyncio.sleep(_PAUSE)
        finally:
            waits = noting is not None and not noting.done()
            if waits or self._changed.is_set():
                await self._note(self._take(), 0.0)  # the commit of this one takes along a note that still waits
            if noting is not None:
                await noting

    def _take(self) -> CallbacksSeen:
        """What came since the last note."""
        seen = CallbacksSeen(self._channel, self._accepted, dict(self._refused))
        self._changed.clear()
        self._accepted = False
        self._refused.clear()
        self._left = _LOOKED_AT
        return seen

    async def _note(self, seen: CallbacksSeen, patience: float) -> None:
        with suppress(Unavailable):  # a figure is not worth more than the messages that cannot be stored either
            self._tell(await self._store.note_callbacks(seen, patience=patience))

    def _tell(self, refused: int) -> None:
        if refused:
            self._metrics.refused_from_kit(refused)
            reason = "KIT_SECURITY_SALT or KIT_API_TOKEN is wrong"
            self._refusals.note("callback.refused_from_kit", times=refused, reason=reason)


def _client_of(body: bytes) -> str | None:
    """The client whom an event is about; None if it is no event of Kit's."""
    if len(body) > _BODY:
        return None
    try:
        raw = orjson.loads(body.removeprefix(BOM_UTF8))
    except orjson.JSONDecodeError:
        return None
    return client_in(raw) if isinstance(raw, dict) and is_event_id(raw.get("event_id")) else None
