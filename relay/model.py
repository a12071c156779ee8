"""The relay's own values: frozen, without behaviour that could wait or fail.

A *letter* is what came in, as it came in. A *delivery* is what goes out because of it. A *lane* is one client in one
direction: its deliveries leave in the order in which they were accepted, one at a time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeGuard, TypeVar, dataclass_transform

_Value = TypeVar("_Value")


@dataclass_transform(field_specifiers=(field,))
def value(*, frozen: bool, slots: bool) -> Callable[[type[_Value]], type[_Value]]:
    """A dataclass that is frozen for who checks types, and plain at run time.

    Python freezes by a call for each field that is set: 1,500 instructions, a tenth of what the store's thread spent on
    a message that comes alone.
    """
    return dataclass(slots=slots, unsafe_hash=frozen)


#: After so many deaths of the process with its delivery in flight a lane is a suspect: these are carried one at a time.
SUSPECT_AFTER = 3

#: Bytes. A larger file is handed out as it came.
LARGEST_CONVERTED = 20 * 2**20

Direction = Literal["to_kit", "to_telegram"]
#: Lanes carried at the same time, at most. Telegram's own limit is 30 messages a second.
LANES: Final[Mapping[Direction, int]] = {"to_kit": 512, "to_telegram": 256}
#: Who a letter is from. The relay's own letters are its notes to agents.
Source = Literal["telegram", "kit", "relay"]
Author = Literal["customer", "agent"]


@value(frozen=True, slots=True)
class Letter:
    """An update from Telegram or an event from Kit, exactly as it was received."""

    channel: str  #: The bot's id: it outlives tokens, names and Kit channels.
    source: Source
    source_id: str  #: Telegram's update_id or Kit's event_id; with channel and source, unique for ever.
    body: str  #: The raw JSON.


@value(frozen=True, slots=True)
class Address:
    """Where in Telegram a client is answered. The fields are the Bot API's parameters."""

    chat_id: int
    business_connection_id: str | None = None
    message_thread_id: int | None = None
    direct_messages_topic_id: int | None = None

    def parameters(self) -> dict[str, object]:
        """The parameters that every method takes which sends something there."""
        named = (
            ("chat_id", self.chat_id),
            ("business_connection_id", self.business_connection_id),
            ("message_thread_id", self.message_thread_id),
            ("direct_messages_topic_id", self.direct_messages_topic_id),
        )
        return {name: value for name, value in named if value is not None}


@value(frozen=True, slots=True)
class Client:
    """A customer as the relay remembers them. Without one, no callback reaches anybody."""

    client_id: str
    address: Address
    open: bool = True  #: A conversation is open in Kit, as far as we know.
    unreachable: str | None = None  #: Why nothing can be delivered to them until they write again.
    language: str = ""  #: As Telegram names it ("pt-br"); "" if it does not.
    profile: Mapping[str, Any] = field(default_factory=dict)  #: Kit's `client_data`, but for the id.
    first_touch: Mapping[str, Any] = field(default_factory=dict)  #: The `utm` and `page` that brought them first.
    avatar: str | None = None  #: Of their picture: what follows /media/ in its link.
    unreachable_told: bool = False  #: The agent of the open conversation knows that they cannot be reached.
    loss_told: bool = False  #: They were told, in this conversation, that something of theirs was lost.
    flood_told: bool = False  #: They and their agent were told that so much of theirs waits that no more is taken.


@value(frozen=True, slots=True)
class BusinessConnection:
    """What the owner of a Telegram Business account lets the bot do in the account's name."""

    id: str  #: Telegram gives another one when the owner changes settings.
    user_id: int  #: The owner's.
    user_chat_id: int
    enabled: bool
    rights: Mapping[str, bool] = field(default_factory=dict)  #: Those that are given, by the Bot API's names.

    @property
    def may_reply(self) -> bool:
        """Whether agents' answers get through."""
        return self.enabled and self.rights.get("can_reply", False)

    @property
    def may_read(self) -> bool:
        """Whether customers' messages may be marked as read."""
        return self.enabled and self.rights.get("can_read_messages", False)


@value(frozen=True, slots=True)
class Said:
    """What an earlier message said, for edits, replies, reactions and deletions to refer to. Kept for a time."""

    message_id: int  #: Telegram's; unique within a client.
    author: Author
    text: str  #: As the agent read or wrote it.
    mark: str = ""  #: What sets equal words apart: the files beside them.


@value(frozen=True, slots=True)
class Media:
    """A file that lies at Telegram, and the capability (an unguessable id) that opens it through the relay."""

    id: str  #: 128 random bits, URL-safe.
    file_id: str
    name: str
    mime_type: str
    size: int | None  #: Bytes at Telegram, when it said so.
    source_type: str | None = None  #: What it is at Telegram, if `mime_type` is what it is converted into.
    preview: str | None = None  #: The file_id of a still picture, for when what cannot be shown cannot be converted.
    channel: str = field(default="", compare=False)  #: Whose bot can open it; the store knows.


#: How it begins what reactions to one message have in common, while they wait.
REACTIONS = "reaction to "


@value(frozen=True, slots=True)
class Draft:
    """A delivery that is about to be accepted."""

    direction: Direction
    client_id: str  #: Names the lane.
    body: str  #: JSON that only the receiving side's adapter reads.
    address: Address | None = None  #: Where it goes, if that is not where the client is answered.
    album: str | None = None  #: What its siblings have in common: it waits a moment for them.
    parts: str | None = None  #: Of what waits for siblings: what it is made of so far, JSON that only mapping reads.
    hasty: bool = False  #: It waits a shorter time, and not at all when something else of its lane follows it.
    written_at: float | None = None  #: Unix time at which the customer wrote or did it, if Telegram tells.


@value(frozen=True, slots=True)
class Rating:
    """A customer was asked for stars when a conversation was closed."""

    id: str  #: Derived from the event that closed it; unique within a channel.
    stars: int | None = None  #: 1 to 5, once they have answered.


@value(frozen=True, slots=True)
class Accepted:
    """Mapping's answer when a letter is to be delivered."""

    draft: Draft
    client: Client | None = None  #: To be remembered.
    media: tuple[Media, ...] = ()
    said: tuple[Said, ...] = ()  #: To be remembered.
    more: tuple[Draft, ...] = ()  #: Deliveries beside the first one.
    connection: BusinessConnection | None = None  #: To be remembered.
    rating: Rating | None = None  #: To be remembered: what is asked for, or the answer.


@value(frozen=True, slots=True)
class Declined:
    """Mapping's answer when nothing is to be delivered, for a written reason."""

    reason: str
    client: Client | None = None  #: To be remembered.
    connection: BusinessConnection | None = None  #: To be remembered.
    more: tuple[Draft, ...] = ()  #: What is delivered all the same: a note about it.
    said: tuple[Said, ...] = ()  #: To be remembered.
    withdraws: str | None = None  #: What the client's delivery that waits for siblings has in common with them.
    counted: str = ""  #: Under which name it is counted beside all that is declined.


@value(frozen=True, slots=True)
class Unreadable:
    """Not an answer but a failure: the letter becomes a dead letter and its raw body stays for a later try."""

    reason: str
    more: tuple[Draft, ...] = ()  #: What is delivered all the same: a note about it.


Outcome = Accepted | Declined | Unreadable


@value(frozen=True, slots=True)
class Wants:
    """What mapping a letter needs to be told by the store."""

    client_id: str | None = None
    messages: tuple[int, ...] = ()  #: Earlier messages of the client, by Telegram's ids.
    album: str | None = None
    link: str | None = None  #: The code of a deep link.
    owner: int | None = None  #: Of a Business account: how the connection stands, and who is talked to in it.
    newest: bool = False  #: In a Business account's chat: the customer's newest message.
    rating: str | None = None  #: The id of one that the client was asked for.
    told_unknown: bool = False  #: Whether agents know already that nobody with this client id has written.
    limits: bool = False  #: How many of the client's deliveries to Kit wait.

    @property
    def is_rare(self) -> bool:
        """Whether it wants what most letters do not: earlier messages, a link, a rating."""
        return bool(self.messages) or not (self.album is self.link is self.rating is None)


@value(frozen=True, slots=True)
class Album:
    """Something that waits for siblings, as an album does, and of which something was accepted before."""

    parts: str | None  #: While it still waits for siblings; None once it has left.


@value(frozen=True, slots=True)
class Known:
    """What the store remembers of what a letter `Wants`."""

    client: Client | None = None
    said: Mapping[int, Said] = field(default_factory=dict)
    album: Album | None = None
    touch: Mapping[str, Any] = field(default_factory=dict)  #: What the deep link stands for: `utm` and `page`.
    connection: BusinessConnection | None = None  #: The client's, or the owner's of today.
    open_clients: tuple[Client, ...] = ()  #: In the owner's account, those with an open conversation.
    newest: int | None = None  #: Telegram's id of that message.
    rating: Rating | None = None
    told_unknown: bool = False
    blocked: bool = False  #: A person has blocked the client.
    waiting: int = 0  #: Deliveries of the client to Kit.

    @property
    def is_open(self) -> bool:
        """Whether a conversation with the client is open in Kit, as far as we know. What comes now would begin one."""
        return self.client is not None and self.client.open

    closed_lately: bool = False  #: The client's conversation was closed a moment ago.


#: Makes what is told of a letter that became the dead letter of this number, at this Unix time; None if nothing is.
#: Called inside the accepting transaction, and pure.
TellDead = Callable[[int, float, Known], Accepted | None]


#: Maps a letter, with what the store remembers. Called inside the accepting transaction, and pure.
Decide = Callable[[Known], Outcome]


@value(frozen=True, slots=True)
class Reading:
    """A letter that is read and not yet mapped."""

    decide: Decide
    wants: Wants = Wants()
    in_part: bool = False  #: Something of the letter could not be read.
    tell_unknown: Callable[[], Draft] | None = None  #: Makes the note that nobody with this client id has written.
    tell_dead: TellDead | None = None


@value(frozen=True, slots=True)
class Delivery:
    """A claimed delivery: ours until it is settled, or until the process ends."""

    id: int
    channel: str
    direction: Direction
    client_id: str
    address: Address | None  #: Where Telegram deliveries go, as the client link says now.
    unreachable: str | None  #: Why the customer cannot be reached, if that is known already.
    language: str  #: The customer's.
    body: str
    lane_id: int
    lease: int  #: Proof that the claim is ours; settling with an older one changes nothing.
    crashes: int  #: How many deaths of a process are on the lane's account.
    attempts: int  #: This one included.
    steps_done: int  #: Telegram calls of this delivery that are already confirmed.
    uncertain: int  #: How often the step now due ended without an answer.
    accepted_at: float  #: Unix time, seconds.
    written_at: float | None = None  #: Unix time at which the customer wrote or did it, if Telegram tells.
    failing_since: float | None = None  #: Since when attempts that count have failed, in Unix time; None if none has.
    holder: str | None = None  #: Which of several relays has claimed it.
    is_late: bool = False  #: A file that came too late for its message: it waits beside the chat's other deliveries.
    source_id: str | None = None  #: Of its letter: Telegram's update id or Kit's event id.

    @property
    def is_suspect(self) -> bool:
        """Whether so many processes died with it in flight that it is carried as the only one of its sort."""
        return self.crashes >= SUSPECT_AFTER


@value(frozen=True, slots=True)
class Delivered:
    """The other side has it."""

    said: tuple[Said, ...] = ()  #: To be remembered.


@value(frozen=True, slots=True)
class Retry:
    """Try again: the lane waits, so that its order holds."""

    after: float  #: Seconds.
    reason: str
    free: bool = False  #: The attempt does not count.
    paced: bool = False  #: There was none: it is not its turn yet.
    uncertain: bool = False  #: The attempt may have had its effect.
    backs_off: bool = False  #: Nobody asked for the wait: a new message of the chat, or the side's recovery, ends it.
    tried: bool = True  #: It was out and came back, so no process dies of it.
    asked_for: bool = False  #: The other side said how long to wait.
    note: "Note | None" = None  #: What is told of it.


#: Makes what is told of something that got no further, of a customer as they are now; None if nothing is. Called inside
#: the transaction that buries it, and pure.
Note = Callable[[Client], Accepted | None]


@value(frozen=True, slots=True)
class Bury:
    """No more attempts: a dead letter. The lane goes on."""

    reason: str
    why: str = "gave_up"  #: The reason in the catalogue, for the agent and for the figures.
    unreachable: bool = False  #: Nothing reaches this customer until they write again.
    note: Note | None = None  #: What is told of it.


@value(frozen=True, slots=True)
class Late:
    """A part of a delivery that is not to hold up the rest: a delivery of its own, beside the chat's others."""

    body: str
    note: Note
    wait: float = 0.0  #: Seconds that it is left alone first.


@value(frozen=True, slots=True)
class Lost:
    """A part of a delivery that got no further while the rest goes on: a dead letter of its own."""

    body: str
    reason: str
    why: str
    note: Note | None = None


Result = Delivered | Retry | Bury


def is_id(value: object) -> TypeGuard[int]:
    """Whether Telegram can have given this id."""
    # PTB takes what stands in the JSON; a database takes 64 bits.
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


@value(frozen=True, slots=True)
class Member:
    """One of several relays on one database, as another one saw it at its last beat."""

    name: str  #: Its host's, and what sets it apart from others there.
    duties: tuple[str, ...]  #: What it does that only one may.
    is_me: bool


def poll_duty(key: str) -> str:
    """What the polling of a channel's bot is called among the things that only one relay may do."""
    return f"poll {key}"
