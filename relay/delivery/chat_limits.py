"""When a chat may get its next message: about one a second after a burst, groups 20 a minute; none while it is parked.

https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from relay.delivery.pace import Pace

#: Telegram lets short bursts pass.
_BURST: Final = 3
#: Messages to a group within a minute. The seconds beyond it are for those that were slow on their way.
_GROUP_LIMIT: Final = 20
_MINUTE: Final = 61.0
#: Seconds after which whoever finds somebody before them looks again, at least.
_A_MOMENT: Final = 0.1
#: Of so many chats something is remembered before what is over is forgotten.
_MANY: Final = 1_000


class Chats:
    """The paces of all chats of a bot, at `rate` messages a second for each; 0 means no limit."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._paces = Pace(rate, _BURST)
        self._groups: dict[int, deque[float]] = {}  #: When each of the last messages left.
        self._parked: dict[int, float] = {}  #: Until when.
        self._next: set[int] = set()  #: Somebody has the chat's next place and has not left yet.

    def delay(self, chat_id: int, messages: int, now: float) -> float:
        """Seconds until so many messages (an album, if more than one) may leave together."""
        waits = [self._parked.get(chat_id, now) - now, self._paces.delay(chat_id, now)]
        if chat_id in self._next and self._rate:
            waits.append(max(_A_MOMENT, 1.0 / self._rate))
        left = self._groups.get(chat_id, ())
        beyond = len(left) + min(messages, _GROUP_LIMIT) - _GROUP_LIMIT
        if beyond > 0:
            waits.append(left[beyond - 1] + _MINUTE - now)
        return max(0.0, *waits)

    @contextmanager
    def next_in(self, chat_id: int) -> Iterator[None]:
        """Keep the next place of a chat meanwhile: several clients may share it, and each has a lane of its own."""
        ours = chat_id not in self._next
        self._next.add(chat_id)
        try:
            yield
        finally:
            if ours:
                self._next.discard(chat_id)

    def left(self, chat_id: int, messages: int, now: float) -> None:
        """So many messages leave. An album is one for a person, and for a group as many as it has files."""
        self._paces.reserve(chat_id, now)
        if self._rate and chat_id < 0:
            if chat_id not in self._groups and len(self._groups) >= _MANY:
                self._groups = {chat: left for chat, left in self._groups.items() if left[-1] + _MINUTE > now}
            self._groups.setdefault(chat_id, deque(maxlen=_GROUP_LIMIT)).extend([now] * messages)

    def park(self, chat_id: int, seconds: float, now: float) -> None:
        """Telegram said so: nothing leaves for this chat meanwhile, whoever writes to it."""
        if len(self._parked) >= _MANY:
            self._parked = {chat: until for chat, until in self._parked.items() if until > now}
        self._parked[chat_id] = max(now + seconds, self._parked.get(chat_id, now))
