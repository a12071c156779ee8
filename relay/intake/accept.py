"""Everything that comes in is read here, mapped and committed with what follows from it, and only then acknowledged.

Reading parses; mapping happens inside the accepting transaction, since it needs what the store remembers.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson
import structlog
from telegram import Update

from relay.errors import place_of
from relay.intake.business_accounts import Accounts
from relay.intake.button_presses import Presses
from relay.kit.protocol import SignedEvent, UnfitEvent, reread_event
from relay.mapping.event.events import KitContext
from relay.mapping.failure.unusable import tell_skipped, tell_unfit
from relay.mapping.to_kit.partial import read_in_part
from relay.mapping.to_kit.plain import read_plain_text
from relay.mapping.to_kit.updates import read as read_parsed
from relay.mapping.to_telegram.events import TelegramContext, map_event, skipped_in
from relay.mapping.to_telegram.events import wants_of as wants_of_event
from relay.model import Direction, Letter, Reading, Unreadable, Wants
from relay.monitoring.metrics import ChannelMetrics
from relay.store.accepting import Arrival, Verdict
from relay.store.store import Store

log = structlog.get_logger()

#: So many updates are mapped before others get a turn: parsing one costs about 0.2 ms.
_TURN = 20


@dataclass(frozen=True, slots=True)
class Intake:
    """Accepts letters of one channel, from both sides."""

    channel: str
    store: Store
    context: KitContext
    telegram: TelegramContext
    metrics: ChannelMetrics
    wake: Callable[[Direction], None]  #: Called after a commit that gave work in this direction.
    wrote: Callable[[str], None]  #: Called after a commit with the client id of each customer who wrote.
    accounts: Accounts
    presses: Presses

    async def accept_updates(self, updates: list[dict[str, Any]]) -> None:
        """Commit raw updates, what follows from them, and the next polling offset.

        Raises relay.errors.Unavailable when the database cannot commit; then the offset must not be raised.
        """
        await self.accounts.learn(updates)
        letters = []
        for index, raw in enumerate(updates):
            letters.append((_letter(self.channel, raw), read_update(raw, self.context)))
            if index % _TURN == _TURN - 1:
                await asyncio.sleep(0)
        verdicts = await self.store.accept(
            Arrival(tuple(letters), self.channel, 1 + max(raw["update_id"] for raw in updates))
        )
        self.presses.answer_all(updates)
        for (letter, reading), verdict in zip(letters, verdicts, strict=True):
            if verdict == "accepted" and reading.wants.client_id is not None:
                self.wrote(reading.wants.client_id)
            self.metrics.updated(verdict)
            if reading.in_part and verdict == "accepted":
                self.metrics.read_in_part()
            level = log.warning if verdict in {"tampered", "dead"} else log.debug
            level("update.received", update=letter.source_id, verdict=verdict)
        self.wake("to_kit")
        self.wake("to_telegram")

    async def accept_callback(self, callback: SignedEvent | UnfitEvent, body: bytes) -> Verdict:
        """Commit an event from Kit whose signature holds, and what follows from it.

        Raises relay.errors.Unavailable when the database cannot commit; then Kit must not get a 2xx.
        """
        letter = Letter(self.channel, "kit", event_id_of(callback), body.decode("utf-8", "replace"))
        reading = read_event(callback, self.context, self.telegram)
        [verdict] = await self.store.accept(Arrival(((letter, reading),), self.channel))
        if verdict in {"accepted", "declined"}:
            self._report_skipped(callback)
        if verdict in {"accepted", "declined", "dead"}:
            self.wake("to_telegram")
            self.wake("to_kit")  # with a note, perhaps
        return verdict

    def _report_skipped(self, callback: SignedEvent | UnfitEvent) -> None:
        if isinstance(callback, SignedEvent):
            for kind in skipped_in(callback.event):
                self.metrics.skipped_payload()
                log.warning("callback.payload_skipped", event_id=callback.event.event_id, payload=kind)


def reread(letter: Letter, context: KitContext, telegram: TelegramContext) -> Reading:
    """A letter that was stored, as it is understood today."""
    if letter.source == "telegram":
        return read_update(json.loads(letter.body), context)
    return read_event(reread_event(letter.body.encode("utf-8", "replace"), letter.source_id), context, telegram)


def read_update(raw: dict[str, Any], context: KitContext) -> Reading:
    """What a raw update means. Never raises: one that nobody understands must not stop its neighbours."""
    try:
        return read_plain_text(raw, context) or read_parsed(Update.de_json(raw, None), context)
    except Exception as error:  # noqa: BLE001 - python-telegram-bot raises whatever its constructors do
        where = place_of(error)
    reading = read_in_part(raw, context)
    given: dict[str, Any] = {"kind": "update", "source_id": str(raw["update_id"]), "error": where}
    if reading is not None:
        log.warning("letter.unreadable", read="in part", **given)
        return replace(reading, in_part=True)
    log.error("letter.unreadable", **given)
    outcome = Unreadable(f"the update cannot be read: {where}")
    return Reading(lambda _: outcome)


def read_event(callback: SignedEvent | UnfitEvent, context: KitContext, telegram: TelegramContext) -> Reading:
    """What an event is about."""
    if isinstance(callback, UnfitEvent):
        unfit = Unreadable(callback.reason)
        return Reading(
            lambda known: tell_unfit(unfit, callback.event_id, callback.said, context, known),
            Wants(callback.client_id),
        )
    event = callback.event
    return Reading(
        lambda known: tell_skipped(map_event(event, known, telegram), event, context, known), wants_of_event(event)
    )


def event_id_of(callback: SignedEvent | UnfitEvent) -> str:
    """The event's id, whether it fits otherwise or not."""
    return callback.event_id if isinstance(callback, UnfitEvent) else callback.event.event_id


#: What the callback route needs of an intake.
AcceptCallback = Callable[[SignedEvent | UnfitEvent, bytes], Awaitable[Verdict]]


def _letter(channel: str, raw: dict[str, Any]) -> Letter:
    try:
        body = orjson.dumps(raw).decode()
    except TypeError:
        # A lone surrogate or a number beyond 64 bits, neither of which Telegram sends; escaped, both can be stored.
        body = json.dumps(raw)
    return Letter(channel, "telegram", str(raw["update_id"]), body)
