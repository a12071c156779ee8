"""The relay's own values: frozen, without behaviour that could wait or fail.

A *letter* is what came in, as it came in. A *delivery* is what goes out because of it. A *lane* is one client in one
direction: its deliveries leave in the order in which they were accepted, one at a time.
"""

from dataclasses import dataclass
from typing import Literal

#: After so many deaths of the process with a lane's delivery in flight, the lane is carried with nothing beside it.
SUSPECT_AFTER = 3

Direction = Literal["to_kit", "to_telegram"]
Source = Literal["telegram", "kit"]


@dataclass(frozen=True, slots=True)
class Letter:
    """An update from Telegram or an event from Kit, exactly as it was received."""

    channel: str  #: The bot's id: it outlives tokens, names and Kit channels.
    source: Source
    source_id: str  #: Telegram's update_id or Kit's event_id; with channel and source, unique for ever.
    body: str  #: The raw JSON.


@dataclass(frozen=True, slots=True)
class ClientLink:
    """Which chat a Kit client id stands for. Without one, no callback reaches anybody."""

    client_id: str
    chat_id: int


@dataclass(frozen=True, slots=True)
class Media:
    """A file that lies at Telegram, and the capability (an unguessable id) that opens it through the relay."""

    id: str  #: 128 random bits, URL-safe.
    file_id: str
    name: str
    mime_type: str
    size: int | None  #: Bytes, when Telegram said so.


@dataclass(frozen=True, slots=True)
class Draft:
    """A delivery that is about to be accepted."""

    direction: Direction
    client_id: str
    body: str  #: JSON that only the receiving side's adapter reads.


@dataclass(frozen=True, slots=True)
class Accepted:
    """Mapping's answer when a letter is to be delivered."""

    draft: Draft
    link: ClientLink | None = None  #: The chat to remember (letters from Telegram only).
    media: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class Declined:
    """Mapping's answer when nothing is to be delivered, for a written reason."""

    reason: str
    closes: str | None = None  #: The client whose conversation this letter closed.


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not an answer but a failure: the letter becomes a dead letter and its raw body stays for a later try."""

    reason: str


Outcome = Accepted | Declined | Unreadable


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed delivery: ours until it is settled, or until the process ends."""

    id: int
    channel: str
    direction: Direction
    client_id: str
    chat_id: int | None  #: Where Telegram deliveries go, as the client link says now.
    body: str
    lane_id: int
    lease: int  #: Proof that the claim is ours; settling with an older one changes nothing.
    crashes: int  #: How often a process died with this lane's oldest delivery in flight.
    attempts: int  #: This one included.
    steps_done: int  #: Telegram calls of this delivery that are already confirmed.
    uncertain: int  #: How often the step now due ended without an answer.
    accepted_at: float  #: Unix time, seconds.


@dataclass(frozen=True, slots=True)
class Delivered:
    """The other side has it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again: the lane waits, so that its order holds."""

    after: float  #: Seconds.
    reason: str
    free: bool = False  #: The attempt does not count.
    uncertain: bool = False  #: The attempt may have had its effect.


@dataclass(frozen=True, slots=True)
class Bury:
    """No more attempts: a dead letter. The lane goes on."""

    reason: str


Result = Delivered | Retry | Bury
