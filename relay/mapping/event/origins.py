"""Where something was said: in which customer's chat, where they are answered, and whether they said it. Pure.

A customer is a person in a private chat with the bot, in a chat with a Business account that the bot answers for, or in
a topic of a channel's direct messages. What the account or the channel says there itself is *its own*.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from telegram import Chat, MaybeInaccessibleMessage, Message, Update, User

from relay.mapping.event.clients import sender_of
from relay.mapping.event.events import Origin
from relay.mapping.text.text import clean
from relay.model import Address, Declined, is_id, value

#: The user ids of the owners of Business accounts, by the ids of their connections.
Owners = Mapping[str, int]
NOBODY: Final[Owners] = {}

_FIRST: Final = datetime(2013, 8, 14, tzinfo=UTC).timestamp()  #: Telegram's own first day.
_LONGEST_ID: Final = 255  #: Characters of a connection's id; Telegram's have about twenty.
_NOT_KITS: Final = re.compile(r"[^A-Za-z0-9@$_+.-]")  #: What a client id may not have in it.
#: Telegram itself, as it writes to an account: tdesktop's `isServiceUser`.
_TELEGRAMS_OWN: Final = frozenset({333000, 777000})


@value(frozen=True, slots=True)
class Place:
    """A chat with a customer."""

    customer: User | Chat
    client_id: str
    address: Address


def client_of(message: Message, owners: Owners) -> str:
    """Kit's id of the client in whose chat it was said, if it is a client's."""
    return place_of(message, _sender(message), owners).client_id


def origin_of(update: Update, message: Message, owners: Owners) -> Origin | Declined:
    """Where a message comes from; why that is none of a customer's chats."""
    sender = _sender(message)
    place = place_of(message, sender, owners)
    if declined := why_not(message.chat, place, sender):
        return declined
    connection = clean(message.business_connection_id)
    if connection and message.chat.id == owners.get(connection):
        return Declined("the account's chat with itself")
    if connection and message.chat.id in _TELEGRAMS_OWN:
        return Declined("Telegram's own word to the account: log-in codes are nobody else's")
    if message.sender_business_bot is not None:
        return Declined("what the bot itself said in the account's name")
    own = sender.id != place.customer.id
    message_id = message.message_id or clean(str(message.api_kwargs.get("ephemeral_message_id", "")))
    written_at = time_of(message.edit_date or message.date)
    customer = sender_of(place.customer)
    return Origin(update.update_id, message_id, customer, place.client_id, place.address, own, written_at)


def time_of(date: object) -> float | None:
    """Unix time of a date, which may be Unix time already; None for one that Telegram cannot have meant."""
    seconds = date.timestamp() if isinstance(date, datetime) else date
    return float(seconds) if isinstance(seconds, int | float) and seconds > _FIRST else None


def place_of(message: MaybeInaccessibleMessage, sender: User | Chat, owners: Owners) -> Place:
    """The chat in which the sender said, or pressed, something."""
    chat = message.chat
    if not isinstance(message, Message):
        return Place(sender, clean(str(sender.id)), Address(chat.id))
    if connection := clean(message.business_connection_id)[:_LONGEST_ID]:
        customer = sender if sender.id == chat.id else chat
        return Place(customer, business_client(chat, connection, owners), Address(chat.id, connection))
    topic = message.direct_messages_topic
    if topic is not None:
        address = Address(chat.id, direct_messages_topic_id=topic.topic_id)
        return Place(topic.user or sender, clean(f"{topic.topic_id}@{chat.id}"), address)
    thread = message.message_thread_id if message.is_topic_message and is_id(message.message_thread_id) else None
    return Place(sender, clean(str(sender.id)), Address(chat.id, message_thread_id=thread))


def business_client(chat: Chat, connection: str, owners: Owners) -> str:
    """The client of an account's chat: the same under whatever connection, since it goes by the account's owner.

    Of an owner whom not even Telegram could name, the connection stands in.
    """
    account = str(owners.get(connection) or _NOT_KITS.sub("-", connection)[:64])
    return clean(f"{chat.id}@{account}")


def why_not(chat: Chat, place: Place, sender: User | Chat) -> Declined | None:
    """Why what comes out of this chat is not a customer's; None if it is."""
    topic = place.address.direct_messages_topic_id
    if chat.type != "private" and topic is None:
        return Declined("not a private chat")
    if getattr(sender, "is_bot", False):
        return Declined("a message from a bot")
    ids = (chat.id, sender.id, place.customer.id, 0 if topic is None else topic)
    return None if all(map(is_id, ids)) else Declined("an id that Telegram cannot have given")


def _sender(message: Message) -> User | Chat:
    """Who says it. In direct messages a channel speaks as itself, and who pressed the keys stands beside it."""
    speaks_as = message.sender_chat if message.direct_messages_topic is not None else None
    return speaks_as or message.from_user or message.chat
