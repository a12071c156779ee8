"""Everything that comes in is read, mapped and committed with what follows from it, and only then acknowledged."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from logging import DEBUG
from typing import Any, Final

import orjson
import structlog

from relay.intake.business_accounts import Accounts
from relay.intake.button_presses import Presses
from relay.intake.numbers import message_id_of
from relay.intake.reading import event_id_of, read_event, read_update
from relay.kit.callbacks import SignedEvent, UnfitEvent
from relay.mapping.event.events import KitContext
from relay.mapping.to_telegram.events import TelegramContext, skipped_in
from relay.model import Direction, Letter, Reading
from relay.monitoring.metrics import ChannelMetrics
from relay.store.accepting import Arrival
from relay.store.deliveries import Verdict
from relay.store.store import Store

log = structlog.get_logger()

#: So many updates are mapped before others get a turn: parsing one costs about 0.2 ms.
_TURN: Final = 20
#: What became of an update that somebody should look at.
_ALARMING: Final = frozenset[Verdict]({"tampered", "dead"})


@dataclass(frozen=True, slots=True)
class Intake:
    """Accepts letters of one channel, from both sides."""

    channel: str
    store: Store
    context: KitContext
    telegram: TelegramContext
    metrics: ChannelMetrics
    wake: Callable[[Direction], None]  #: Called when letters give work in this direction, or are about to.
    wrote: Callable[[str], None]  #: Called after a commit with the client id of each customer who wrote.
    accounts: Accounts
    presses: Presses

    async def accept_updates(self, updates: list[dict[str, Any]]) -> None:
        """Commit raw updates that were polled, what follows from them, and the next polling offset.

        Raises relay.errors.Unavailable when the database cannot commit; then the offset must not be raised.
        """
        await self._accept(updates, 1 + max(raw["update_id"] for raw in updates))

    async def accept_update(self, update: dict[str, Any]) -> None:
        """Commit a raw update that Telegram brought, and what follows from it.

        The polling offset stays: what Telegram brings comes in the order of its chat only, so a higher id says nothing
        about the lower ones. Raises relay.errors.Unavailable when the database cannot commit; then Telegram must not
        get a 2xx.
        """
        await self._accept([update], None)

    async def _accept(self, updates: list[dict[str, Any]], next_update_id: int | None) -> None:
        await self.accounts.learn(updates)
        letters = []
        for index, raw in enumerate(updates):
            letters.append((_letter(self.channel, raw), read_update(raw, self.context)))
            if index % _TURN == _TURN - 1:
                await asyncio.sleep(0)
        verdicts = await self._commit(Arrival(tuple(letters), self.channel, next_update_id), "to_kit")
        self.presses.answer_all(updates)
        for verdict in set(verdicts):
            self.metrics.updated(verdict, verdicts.count(verdict))
        verbose = log.is_enabled_for(DEBUG)
        for raw, (_, reading), verdict in zip(updates, letters, verdicts, strict=True):
            if verdict == "accepted" and reading.wants.client_id is not None:
                self.wrote(reading.wants.client_id)
            if verdict == "accepted" and reading.in_part:
                self.metrics.read_in_part()
            if verbose or verdict in _ALARMING:
                _log_update(raw, reading, verdict)

    async def accept_callback(self, callback: SignedEvent | UnfitEvent, body: bytes) -> Verdict:
        """Commit an event from Kit whose signature holds, and what follows from it.

        Raises relay.errors.Unavailable when the database cannot commit; then Kit must not get a 2xx.
        """
        letter = Letter(self.channel, "kit", event_id_of(callback), body.decode("utf-8", "replace"))
        reading = read_event(callback, self.context, self.telegram)
        [verdict] = await self._commit(Arrival(((letter, reading),), self.channel), "to_telegram")
        if verdict in {"accepted", "declined"}:
            self._report_skipped(callback)
        return verdict

    async def _commit(self, arrival: Arrival, usual: Direction) -> list[Verdict]:
        """Wake who most likely will carry it before it is accepted, who else has to after it.

        The claim of the first comes last in its transaction, so there is one commit where two would be. It must not
        run before the arrival waits there: nothing is awaited between.
        """
        self.wake(usual)
        verdicts = await self.store.accept(arrival)
        for direction in arrival.work - {usual}:
            self.wake(direction)
        return verdicts

    def _report_skipped(self, callback: SignedEvent | UnfitEvent) -> None:
        if isinstance(callback, SignedEvent):
            for kind in skipped_in(callback.event):
                self.metrics.skipped_payload()
                log.warning("callback.payload_skipped", event_id=callback.event.event_id, payload=kind)


#: What the callback route needs of an intake.
AcceptCallback = Callable[[SignedEvent | UnfitEvent, bytes], Awaitable[Verdict]]


def _log_update(raw: dict[str, Any], reading: Reading, verdict: Verdict) -> None:
    level = log.warning if verdict in _ALARMING else log.debug
    names = {"message_id": message_id_of("telegram", raw), "client": reading.wants.client_id}
    known = {name: value for name, value in names.items() if value is not None}
    level("update.received", update=str(raw["update_id"]), verdict=verdict, **known)


def _letter(channel: str, raw: dict[str, Any]) -> Letter:
    try:
        body = orjson.dumps(raw).decode()
    except TypeError:
        # A lone surrogate or a number beyond 64 bits, neither of which Telegram sends; escaped, both can be stored.
        body = json.dumps(raw)
    return Letter(channel, "telegram", str(raw["update_id"]), body)
