"""How much a bot may send.

https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this

Token buckets on a monotonic clock, and for groups a strict minute. An album is one message, and in a group as many as
it has files. Actions, answers to buttons and downloads are free.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from relay.sandbox.telegram.refusal import Refused


@dataclass(slots=True)
class Bucket:
    """So many at once, and so many a second from then on."""

    burst: float
    rate: float
    level: float
    at: float

    def wait(self, now: float) -> float:
        """Seconds until one more fits; 0 when it fits now."""
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        return 0.0 if self.level >= 1 - 1e-9 else (1 - self.level) / self.rate


@dataclass(slots=True)
class Limits:
    """The buckets of one bot, and who was sent away."""

    clock: Callable[[], float]
    on: bool = True
    overall: tuple[float, float] = (30, 30)  #: Burst, and messages a second, for the whole bot.
    private: tuple[float, float] = (5, 1)  #: The same for one chat.
    group: int = 20  #: Messages to one group, which has these buckets too, in any 60 seconds.
    given: int = 0  #: How many 429s were answered.
    broken: int = 0  #: How many calls came before a retry_after for their chat had passed.
    _buckets: dict[int | None, Bucket] = field(default_factory=dict)
    _minutes: dict[int, deque[float]] = field(default_factory=dict)  #: Of groups: when each message came.
    _parked: dict[str, float] = field(default_factory=dict)

    def admit(self, chat_id: int, messages: int = 1) -> None:
        """Let a message (or an album of so many) through, or raise Refused (429) with retry_after in whole seconds."""
        self.note_arrival(str(chat_id))
        if not self.on:
            return
        buckets = (self._bucket(None, self.overall), self._bucket(chat_id, self.private))
        now = self.clock()
        wait = max(self._minute(chat_id, messages, now), *(bucket.wait(now) for bucket in buckets))
        if wait > 0:
            seconds = max(1, math.ceil(wait))
            self.park(str(chat_id), seconds)
            raise Refused(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        for bucket in buckets:
            bucket.level -= 1
        if chat_id < 0:
            self._minutes[chat_id].extend([now] * messages)

    def _minute(self, chat_id: int, messages: int, now: float) -> float:
        """Seconds until a group's last minute has room for so many."""
        if chat_id > 0:
            return 0.0
        came = self._minutes.setdefault(chat_id, deque())
        while came and came[0] <= now - 60:
            came.popleft()
        beyond = len(came) + messages - self.group
        return came[min(beyond, len(came)) - 1] + 60 - now if beyond > 0 and came else 0.0

    def become(self, private: tuple[float, float]) -> None:
        """From now on chats have this burst and rate."""
        self.private = private
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if key is None}

    def note_arrival(self, chat: str) -> None:
        """Count a call that breaks a running retry_after."""
        if self._parked and (until := self._parked.get(chat)) is not None:
            if self.clock() < until:
                self.broken += 1
            else:
                del self._parked[chat]

    def park(self, chat: str, seconds: float) -> None:
        """Remember that this chat's caller was told to wait."""
        self.given += 1
        self._parked[chat] = self.clock() + seconds

    def _bucket(self, key: int | None, size: tuple[float, float]) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            burst, rate = size
            bucket = self._buckets[key] = Bucket(burst, rate, burst, self.clock())
        return bucket
