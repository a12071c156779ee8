"""Each thing that somebody sent, and how far it has come. Told by both ends' ledgers and by the relay's log.

The ends say when it was sent, when the relay took it over (Telegram: the update was confirmed; Kit: the callback was
answered 200), and when it arrived. The log says why it waits, and why it never arrives.
"""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Direction = Literal["to_kit", "to_telegram"]
Stage = Literal["sent", "relay", "there", "settled", "dead"]

#: Journeys that are remembered, all chats together.
REMEMBERED = 2_000


@dataclass(slots=True)
class Journey:
    """One message, edit, reaction, answer or closing on its way."""

    number: int
    direction: Direction
    client: str
    key: str  #: The id at the end where it began: an update's, or a callback's event_id.
    message: str  #: The message that it is about; "" when it is about none.
    what: str  #: A few words of it.
    began: float  #: Monotonic.
    stage: Stage = "sent"
    accepted: float | None = None
    ended: float | None = None
    reason: str | None = None
    attempts: int = 0
    delivery: int | None = None  #: The relay's number for it, once it has told it.
    twice: bool = False  #: It arrived again under the same id, and was dropped there.
    dropped: bool = False  #: Dead, and no letter lies there any more.

    @property
    def open(self) -> bool:
        """Whether it is still on its way."""
        return self.stage in ("sent", "relay")

    @property
    def ms(self) -> float | None:
        """Milliseconds from end to end, if it arrived."""
        if self.ended is None or self.stage != "there":
            return None
        return round((self.ended - self.began) * 1000, 1)


class Journeys:
    """All of them, and who is first in each lane."""

    def __init__(self) -> None:
        self.all: deque[Journey] = deque()
        self.begun = 0
        self._by_key: dict[tuple[Direction, str], Journey] = {}
        self._by_message: dict[tuple[Direction, str, str], Journey] = {}

    def begin(self, direction: Direction, client: str, key: str, *, message: str = "", what: str = "") -> Journey:
        """Somebody sent something."""
        known = self._by_key.get((direction, key))
        if known is not None:
            return known
        self.begun += 1
        journey = Journey(self.begun, direction, client, key, message, what, time.monotonic())
        self.all.append(journey)
        self._by_key[direction, key] = journey
        if message:
            self._by_message.setdefault((direction, client, message), journey)
        while len(self.all) > REMEMBERED:
            self._forget(self.all.popleft())
        return journey

    def find(self, direction: Direction, key: str) -> Journey | None:
        """The journey that began under this id."""
        return self._by_key.get((direction, key))

    def of_message(self, direction: Direction, client: str, message: str) -> Journey | None:
        """The journey of a message."""
        return self._by_message.get((direction, client, message))

    def accept(self, journey: Journey, at: float) -> None:
        """The relay has it on disk."""
        if journey.accepted is None:
            journey.accepted = at
        if journey.stage == "sent":
            journey.stage = "relay"

    def arrive(self, journey: Journey, at: float) -> None:
        """The other end has it."""
        if journey.stage == "there":
            journey.twice = True
            return
        journey.accepted = journey.accepted or at
        journey.ended, journey.stage, journey.reason = at, "there", None

    def attempted(self, direction: Direction, client: str, line: dict[str, Any]) -> Journey | None:
        """An attempt at the oldest open one of a lane failed, or was the last."""
        number = line.get("delivery")
        journey = self._numbered(number) or next(self._open(direction, client), None)
        if journey is None:
            return None
        journey.attempts = max(journey.attempts, int(line.get("attempt") or 0))
        journey.reason = str(line.get("reason") or "") or None
        journey.delivery = number
        if journey.stage == "dead":  # retried by somebody, without a word to us
            journey.stage, journey.ended, journey.dropped = "relay", None, False
        if line.get("outcome") == "dead":
            journey.stage, journey.ended = "dead", time.monotonic()
        return journey

    def delivered(self, direction: Direction, client: str, at: float, delivery: int | None = None) -> None:
        """The one with this number, which may have been dead, or else the oldest that the relay has is delivered."""
        accepted = (one for one in self._open(direction, client) if one.accepted is not None)
        journey = self._numbered(delivery) or next(accepted, None)
        if journey is not None:
            self.arrive(journey, at)

    def reopen(self, delivery: int) -> None:
        """A dead letter is about to be carried again; until `retried` it cannot be through."""
        for journey in self.all:
            if journey.delivery == delivery and journey.stage == "dead":
                journey.accepted = None
                journey.stage, journey.ended, journey.reason, journey.attempts = "relay", None, None, 0
                journey.dropped = False

    def retried(self, delivery: int) -> None:
        """It waits again, as if it had just been accepted."""
        for journey in self.all:
            if journey.delivery == delivery:
                self.accept(journey, time.monotonic())

    def bury(self, delivery: int, reason: str) -> None:
        """It was not carried again after all."""
        for journey in self.all:
            if journey.delivery == delivery and journey.stage == "relay":
                journey.stage, journey.ended, journey.reason = "dead", time.monotonic(), reason

    def drop(self, delivery: int) -> None:
        """There is no such dead letter: somebody else decided."""
        for journey in self.all:
            if journey.delivery == delivery:
                journey.dropped = True

    def clear(self, direction: Direction, before: float) -> None:
        """No dead letter lies there: those from before this moment were retried or dropped by somebody."""
        for journey in self.all:
            if journey.direction == direction and journey.stage == "dead" and (journey.ended or before) < before:
                journey.dropped = True

    def settle(self, direction: Direction, before: float) -> None:
        """Nothing waits: what was accepted before this moment has gone its way, in company or without a word."""
        for journey in self.all:
            if journey.direction == direction and journey.stage == "relay" and (journey.accepted or before) < before:
                journey.stage, journey.ended, journey.reason = "settled", journey.ended, None

    def _numbered(self, delivery: int | None) -> Journey | None:
        """The one of which the relay has told this number, unless it has arrived."""
        found = (one for one in self.all if one.delivery == delivery and one.stage != "there")
        return next(found, None) if delivery is not None else None

    def _open(self, direction: Direction, client: str) -> Iterator[Journey]:
        return (one for one in self.all if one.direction == direction and one.client == client and one.open)

    def _forget(self, journey: Journey) -> None:
        self._by_key.pop((journey.direction, journey.key), None)
        message = (journey.direction, journey.client, journey.message)
        if self._by_message.get(message) is journey:
            del self._by_message[message]
