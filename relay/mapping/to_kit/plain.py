"""The commonest update by far, a plain text in a private chat, read straight from its JSON.

python-telegram-bot spends 0.1 ms on objects that nobody would look at, as much as all the rest of accepting an update.
Whatever is not exactly of this shape goes the long way, through `to_kit.map_update`; a test with Hypothesis holds that
both ways say the same.
"""

from collections.abc import Mapping
from types import NoneType
from typing import Any, Final

from relay.mapping.content.content import Content
from relay.mapping.content.remembered import said_in_chat
from relay.mapping.event.clients import Sender
from relay.mapping.event.events import KitContext, Origin, make_event
from relay.mapping.event.origins import time_of
from relay.mapping.text.people import handle, language_of, shown_name
from relay.mapping.text.text import clean, is_visible
from relay.model import Address, Reading, Wants, is_id

_MESSAGE: Final = frozenset({"message_id", "from", "chat", "date", "text"})
_CHAT: Final = frozenset({"id", "type", "first_name", "last_name", "username"})
_PERSON: Final = frozenset({"id", "is_bot", "first_name", "last_name", "username", "language_code", "is_premium"})
_WORD: Final = frozenset({str, NoneType})
#: Unix time that every datetime can hold.
_LAST_DATE: Final = 2**32


def read_plain_text(raw: Mapping[str, Any], context: KitContext) -> Reading | None:
    """The reading of a plain text in a private chat; None for everything else."""
    message, update_id = raw.get("message"), raw.get("update_id")
    if len(raw) != 2 or type(message) is not dict or message.keys() != _MESSAGE or type(update_id) is not int:
        return None
    message_id, chat, person, text = message["message_id"], message["chat"], message["from"], clean(message["text"])
    sender = _read_sender(person)
    if sender is None or not any(map(is_visible, text)) or type(message_id) is not int or not _is_private(chat):
        return None
    if type(message["date"]) is not int or not 0 < message["date"] < _LAST_DATE:
        return None
    address, written_at = Address(chat["id"]), time_of(message["date"])
    origin = Origin(update_id, message_id, sender, str(person["id"]), address, written_at=written_at)
    content = Content(text)
    said = said_in_chat(message_id, content, "customer", context.forms)
    wants = Wants(origin.client_id)
    return Reading(lambda known: make_event(context, origin, content, known, said=said), wants)


def _is_private(chat: object) -> bool:
    return type(chat) is dict and chat.keys() <= _CHAT and chat.get("type") == "private" and _has_id(chat)


def _read_sender(raw: object) -> Sender | None:
    if type(raw) is not dict or not raw.keys() <= _PERSON or raw.get("is_bot") is not False or not _has_id(raw):
        return None
    first, last, user = raw.get("first_name"), raw.get("last_name"), raw.get("username")
    language = raw.get("language_code")
    if first is None or not {type(first), type(last), type(user), type(language)} <= _WORD:
        return None
    name = shown_name(first, last) or handle(user)
    return Sender(name, language_of(language)) if name else None  # else to be named in the agents' language


def _has_id(raw: Mapping[str, Any]) -> bool:
    number = raw.get("id")
    return type(number) is int and is_id(number)
