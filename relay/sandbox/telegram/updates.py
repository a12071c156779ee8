"""getUpdates: the queue that confirms by offset.

https://core.telegram.org/bots/api#getupdates; where that is silent, tdlib/telegram-bot-api Client.cpp (do_get_updates)
and td's TQueue.cpp: an offset that is more than 10 beyond the newest update confirms nothing and answers from the
queue's head.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Any

from relay.sandbox.shared.changes import Changes
from relay.sandbox.telegram.refusal import Refused

MOST = 100  #: Updates in one answer.
LONGEST_POLL = 50  #: Seconds; longer timeouts are cut to this.
TOLERANCE = 10  #: How far beyond the newest update an offset may lie.
#: Kinds that a bot gets only when it asks for them by name.
ON_REQUEST = frozenset({"chat_member", "message_reaction", "message_reaction_count"})

OTHER_POLLER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


class UpdateQueue:
    """Updates that wait to be fetched and confirmed."""

    def __init__(self, changes: Changes, first_id: int) -> None:
        self._changes = changes
        self._updates: deque[dict[str, Any]] = deque()
        self._next_id = first_id
        self._poll: asyncio.Future[None] | None = None
        self._asked: frozenset[str] | None = None
        self.confirmed = 0  #: How many updates have been confirmed.
        self.polls = 0  #: How many getUpdates calls there were.
        self.webhook_url = ""

    @property
    def pending(self) -> list[dict[str, Any]]:
        """Updates that are not confirmed, oldest first."""
        return list(self._updates)

    @property
    def pending_count(self) -> int:
        """How many updates are not confirmed."""
        return len(self._updates)

    @property
    def next_id(self) -> int:
        """The id that the next update gets."""
        return self._next_id

    @property
    def is_polled(self) -> bool:
        """Whether a long poll is open at this moment."""
        return self._poll is not None

    def push(self, updates: Iterable[dict[str, Any]]) -> None:
        """Append updates; one without an update_id gets the next one. Wakes the long poll."""
        for update in updates:
            update.setdefault("update_id", self._next_id)
            self._next_id = update["update_id"] + 1
            self._updates.append(update)
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)
        self._changes.notify()

    def interrupt(self) -> None:
        """End the open long poll, as a server does that goes down."""
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)

    def take(self, number: int) -> None:
        """Confirm one update, wherever it stands: a webhook took it."""
        kept = deque(update for update in self._updates if update["update_id"] != number)
        self.confirmed += len(self._updates) - len(kept)
        self._updates = kept
        self._changes.notify()

    def ask_for(self, kinds: list[str] | None) -> None:
        """Which kinds are wanted from now on (allowed_updates); None: as before."""
        if kinds is not None:
            self._asked = frozenset(kinds) or None

    def clear(self) -> None:
        """Drop whatever waits (drop_pending_updates)."""
        self._updates.clear()

    async def get(
        self, *, offset: int = 0, limit: int = MOST, seconds: float = 0, allowed: list[str] | None = None
    ) -> list[dict[str, Any]]:
        """Confirm what lies below `offset`, then hand out up to `limit` updates, waiting up to `seconds` for the first.

        Raises Refused (409) when a webhook is set, or as soon as another getUpdates takes this one's place.
        """
        if self.webhook_url:
            raise Refused(409, WEBHOOK_ACTIVE)
        self.polls += 1
        self.ask_for(allowed)
        if self._poll is not None and not self._poll.done():
            self._poll.set_exception(Refused(409, OTHER_POLLER))
        self._confirm(offset)
        limit = max(1, min(limit, MOST))
        batch = self._batch(limit)
        if batch or seconds <= 0:
            return batch
        await self._wait(min(seconds, LONGEST_POLL))
        return self._batch(limit)

    async def _wait(self, seconds: float) -> None:
        poll = self._poll = asyncio.get_running_loop().create_future()
        self._changes.notify()
        try:
            async with asyncio.timeout(seconds):
                await poll
        except TimeoutError:
            return
        finally:
            if self._poll is poll:
                self._poll = None

    def _confirm(self, offset: int) -> None:
        before = len(self._updates)
        if offset < 0:
            while len(self._updates) > -offset:
                self._updates.popleft()
        elif offset <= self._next_id + TOLERANCE:
            while self._updates and self._updates[0]["update_id"] < offset:
                self._updates.popleft()
        if len(self._updates) != before:
            self.confirmed += before - len(self._updates)
            self._changes.notify()

    def _batch(self, limit: int) -> list[dict[str, Any]]:
        return list(islice((update for update in self._updates if self._wanted(update)), limit))

    def _wanted(self, update: dict[str, Any]) -> bool:
        if self._asked is None:
            return ON_REQUEST.isdisjoint(update)
        return not self._asked.isdisjoint(update)
