"""Follows both ends and the relay's log, and keeps what look-alikes have no place for: journeys, edits, the desk."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aiohttp

from relay.sandbox.kit.ledger import Sent
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.page.gauges import DIRECTIONS, Reading, look
from relay.sandbox.page.journeys import Direction, Journey, Journeys
from relay.sandbox.page.process import Line, RelayProcess
from relay.sandbox.page.words import chat_of, what_of_event, what_of_update
from relay.sandbox.shared.changes import Changes
from relay.sandbox.telegram.server import TelegramLookAlike

Key = TypeVar("Key")
Value = TypeVar("Value")

#: Seconds between two looks at the relay's internal port.
LOOK: Final = 0.4
#: What is kept of each: entries of a conversation at the desk, conversations, edits and reactions.
ENTRIES: Final = 400
CONVERSATIONS: Final = 200
CHANGED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a conversation as the desk shows it: an event that arrived, or a callback that was made."""

    number: int
    at: float  #: Unix time.
    sent: Sent | None = None
    callback: dict[str, Any] | None = None
    event_id: str = ""


def keep(kept: dict[Key, Value], key: Key, value: Value, most: int) -> None:
    """Put it in as the youngest; beyond `most` the oldest goes."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]


class Watch:
    """See the module."""

    def __init__(self, telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
        self.telegram = telegram
        self.kit = kit
        self.revision = 0  #: Counts the changes.
        self.journeys = Journeys()
        self.reading = Reading()
        self.edits: dict[tuple[int, int], str] = {}
        self.reactions: dict[tuple[int, int], str] = {}
        self.actions: dict[int, tuple[str, float]] = {}  #: The last chat action: its name, and when, in Unix time.
        self.desk: dict[str, deque[Entry]] = {}
        self.unreadable: deque[str] = deque(maxlen=20)  #: Reasons of letters that became dead before they had a lane.
        self._changes = Changes()
        self._epoch = time.time() - time.monotonic()
        self._entries = 0
        self._next_update = 0
        self._first_pending = 0
        self._last_call: dict[str, float] = {}
        self._seen = dict.fromkeys(("calls", "actions", "events", "made", "posted"), 0)

    async def follow(self, process: RelayProcess, admin_url: str) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for changes, observe in (
                (self.telegram.changes, self.observe_telegram),
                (self.kit.changes, self.observe_kit),
                (process.changes, lambda: None),
            ):
                tasks.create_task(self._each_change(changes, observe), name="watching an end")
            tasks.create_task(self._read_gauges(admin_url), name="reading the gauges")

    async def moved_on(self, revision: int, timeout: float) -> bool:  # noqa: ASYNC109 - the deadline is the contract
        """Wait until something has changed since `revision`. False: nothing did in so many seconds."""
        try:
            return await self._changes.wait_for(lambda: self.revision != revision, timeout)
        except TimeoutError:
            return False

    def hear(self, line: Line) -> None:
        """Take a line of the relay's log."""
        event = line["event"]
        if event == "delivery.attempted":
            direction, client = line.get("direction"), str(line.get("client"))
            if direction in DIRECTIONS:
                self._attempted(direction, client, line)
        elif event == "letter.unreadable" and "read" not in line:
            self.unreadable.append(f"{line.get('kind')} {line.get('source_id')}: {line.get('error')}")
        self._changed()

    def silent(self, side: str) -> str | None:
        """In words that this side was switched off, if it was: the relay's own reason names an exception."""
        ends = {"kit": ("Kit", self.kit.faults), "telegram": ("Telegram", self.telegram.faults)}
        name, faults = ends.get(side, ("", None))
        return f"{name} does not answer" if faults is not None and faults.down else None

    def reopen(self, delivery: int) -> None:
        """A dead letter is about to be put back."""
        self.journeys.reopen(delivery)
        self._changed()

    def retried(self, delivery: int) -> None:
        """It has been put back."""
        self.journeys.retried(delivery)
        self._changed()

    def bury(self, delivery: int, reason: str) -> None:
        """It could not be put back."""
        self.journeys.bury(delivery, reason)
        self._changed()

    def drop(self, delivery: int) -> None:
        """No such letter lies there any more."""
        self.journeys.drop(delivery)
        self._changed()

    def unix(self, monotonic: float) -> float:
        """A ledger's time as Unix time."""
        return round(self._epoch + monotonic, 3)

    def observe_telegram(self) -> None:
        """New updates, those that the relay has confirmed, and what it has sent."""
        pending = self.telegram.updates.pending
        for update in pending:
            if update["update_id"] >= self._next_update:
                self._next_update = update["update_id"] + 1
                self._sent_by_customer(update)
        self._confirmed(pending[0]["update_id"] if pending else self.telegram.updates.next_id)
        for call in self._new("calls", self.telegram.calls):
            keep(self._last_call, str(call.chat_id), call.at, CHANGED)
            if call.message_id is not None:
                self.actions.pop(call.chat_id or 0, None)
        for call in self._new("actions", self.telegram.actions):
            keep(self.actions, call.chat_id or 0, (str(call.params.get("action")), self.unix(call.at)), CHANGED)

    def _confirmed(self, first: int) -> None:
        """Of the updates that wait, this one is the first: those before it are on the relay's disk."""
        if first <= self._first_pending:
            return
        now = time.monotonic()
        for journey in self.journeys.all:
            if journey.direction == "to_kit" and journey.stage == "sent" and int(journey.key) < first:
                self.journeys.accept(journey, now)
        self._first_pending = first

    def observe_kit(self) -> None:
        """New events, callbacks that were made, and callbacks that the relay has answered."""
        for sent in self._new("events", self.kit.events):
            if not sent.duplicate:
                self._enter(sent.client_id, self.unix(sent.at), sent=sent)
            journey = self._journey_of(sent)
            if journey is not None:
                self.journeys.arrive(journey, sent.at)
        for callback in self._new("made", self.kit.callbacks.made):
            event = json.loads(callback.body)
            what = what_of_event(event)
            self.journeys.begin("to_telegram", callback.client_id, callback.event_id, what=what)
            self._enter(callback.client_id, time.time(), callback=event, event_id=callback.event_id)
        for posted in self._new("posted", self.kit.callbacks.posted):
            journey = self.journeys.find("to_telegram", posted.event_id or "")
            if journey is not None and posted.status == 200:
                self.journeys.accept(journey, time.monotonic())
            elif journey is not None and journey.stage == "sent":
                journey.reason = f"the relay answered {posted.status}" if posted.status else "the relay does not answer"

    def _changed(self) -> None:
        self.revision += 1
        self._changes.notify()

    def _attempted(self, direction: Direction, client: str, line: Line) -> None:
        if line.get("outcome") == "retried" and (silent := self.silent(direction.removeprefix("to_"))):
            self.journeys.attempted(direction, client, {**line, "reason": silent})
        elif line.get("outcome") != "delivered":
            self.journeys.attempted(direction, client, line)
        elif direction == "to_telegram":  # Kit's own ledger is more exact
            at = self._last_call.get(client, time.monotonic())
            self.journeys.delivered(direction, client, at, line.get("delivery"))

    def _sent_by_customer(self, update: dict[str, Any]) -> None:
        chat_id, message_id = chat_of(update)
        if chat_id is None:
            return
        new = "message" in update
        self.journeys.begin(
            "to_kit",
            str(chat_id),
            str(update["update_id"]),
            message=str(message_id) if new else "",
            what=what_of_update(update),
        )
        if message_id is None:
            return
        if edited := update.get("edited_message"):
            keep(self.edits, (chat_id, message_id), edited.get("text", edited.get("caption", "")), CHANGED)
        if reaction := update.get("message_reaction"):
            shown = [one.get("emoji", "★") for one in reaction["new_reaction"]]
            keep(self.reactions, (chat_id, message_id), "".join(shown), CHANGED)

    def _journey_of(self, sent: Sent) -> Journey | None:
        """A message's event bears its number; an edit's or a reaction's also that of its update."""
        _, _, update_id = sent.message_id.rpartition(".")
        if update_id != sent.message_id:
            return self.journeys.find("to_kit", update_id)
        return self.journeys.of_message("to_kit", sent.client_id, sent.message_id)

    def _enter(self, client: str, at: float, **what: Any) -> None:  # noqa: ANN401 - the fields of Entry
        self._entries += 1
        entries = self.desk.get(client)
        if entries is None:
            entries = deque(maxlen=ENTRIES)
        keep(self.desk, client, entries, CONVERSATIONS)
        entries.append(Entry(self._entries, at, **what))

    def _new(self, name: str, ledger: list[Any]) -> list[Any]:
        seen = self._seen[name]
        if len(ledger) < seen:  # the look-alike was told to forget
            seen = 0
        self._seen[name] = len(ledger)
        return ledger[seen:]

    async def _each_change(self, changes: Changes, observe: Callable[[], None]) -> None:
        while True:
            observe()
            self._changed()
            woken = iter((False, True))
            await changes.wait_for(lambda w=woken: next(w), None)  # type: ignore[misc]

    async def _read_gauges(self, url: str) -> None:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            while True:
                self.reading = await look(session, url, self.reading)
                if self.reading.fresh:
                    for direction in DIRECTIONS:
                        if self.reading.waiting(direction) == 0:
                            self.journeys.settle(direction, self.reading.asked_at)
                        if self.reading.lying(direction) == 0:
                            self.journeys.clear(direction, self.reading.asked_at)
                self._changed()
                await asyncio.sleep(LOOK)
