"""Messages of customers, new and edited. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from telegram import Chat, Message, Update, User

from relay.mapping.albums import album_of, map_album
from relay.mapping.clients import is_id
from relay.mapping.content import Content
from relay.mapping.events import KitContext, Origin, make_event
from relay.mapping.reading import read_content, remind
from relay.mapping.references import references, refers_to
from relay.mapping.said import own_words, said_by_customer
from relay.mapping.starting import link_of, read_start
from relay.mapping.text import clean
from relay.mapping.words import heading, say
from relay.model import Address, Declined, Known, Outcome, Said, Wants

_LONGEST_OLD: Final = 4096  #: Characters of what an edited message said before.


def message_wants(message: Message) -> Wants:
    """What mapping a new message needs to know."""
    return Wants(client_of(message), refers_to(message), album_of(message), link_of(message))


def edit_wants(message: Message) -> Wants:
    """What mapping an edited message needs to know: what it said before."""
    earlier = [number for number in (message.message_id, *refers_to(message)) if is_id(number)]
    return Wants(client_of(message), tuple(earlier))


def map_message(update: Update, message: Message, context: KitContext, known: Known) -> Outcome:
    """A new message."""
    origin = origin_of(update, message)
    if isinstance(origin, Declined):
        return origin
    content = read_start(message, known) or _read(message, known.said)
    before = references(message, known.said)
    said = said_by_customer(message.message_id, content)
    if (group := album_of(message)) is not None:
        return map_album(context, origin, content, known, group=group, before=before, said=said)
    return make_event(context, origin, _behind(before, content), known, said=said)


def map_edit(update: Update, message: Message, context: KitContext, known: Known) -> Outcome:
    """A message that says something else now; and what it said before, if that is remembered."""
    origin = origin_of(update, message)
    if isinstance(origin, Declined):
        return origin
    # PTB's attribute warns of its own future; its dictionary doesn't.
    if message.location is not None and "live_period" in message.location.to_dict():
        return Declined("a step of a live location, not its end")
    content = _read(message, known.said)
    said = said_by_customer(message.message_id, content)
    # Where a live location ends says all: nobody asks where it began.
    old = known.said.get(message.message_id) if message.location is None else None
    if old is not None and said and (old.text, old.mark) == (said[0].text, said[0].mark):
        return Declined("an edit that changes nothing an agent would see")
    content = _edited(_behind(references(message, known.said), content), own_words(content), old)
    return make_event(context, origin, content, known, again="edit", said=said)


def client_of(message: Message) -> str:
    """Kit's id of the client whose message it is, if it is a client's."""
    return clean(str((message.from_user or message.chat).id))


def origin_of(update: Update, message: Message) -> Origin | Declined:
    """Where a message comes from; why it is none of a customer's."""
    chat, sender = message.chat, message.from_user or message.chat
    declined = why_not(chat, sender)
    return declined or Origin(update.update_id, message.message_id, sender, client_of(message), Address(chat.id))


def why_not(chat: Chat, sender: User | Chat) -> Declined | None:
    """Why what comes out of this chat is not a customer's; None if it is."""
    if chat.type != "private":
        return Declined("not a private chat")
    if getattr(sender, "is_bot", False):
        return Declined("a message from a bot")
    return None if is_id(chat.id) and is_id(sender.id) else Declined("an id that Telegram cannot have given")


def _read(message: Message, said: Mapping[int, Said]) -> Content:
    """What the message holds. That a message was pinned which Telegram shows no more: what we remember of it."""
    pinned = message.pinned_message
    if pinned is not None and pinned.message_id in refers_to(message) and not message.text:
        old = said.get(pinned.message_id)
        if old is not None:
            return Content(heading("pinned_message", say("quoted", words=remind(old))))
    return read_content(message)


def _behind(before: str, content: Content) -> Content:
    """The content with the lines before it that say what it refers to."""
    return replace(content, text=f"{before}\n{content.text}".rstrip()) if before else content


def _edited(content: Content, words: str, old: Said | None) -> Content:
    """The content as an edit, and what it said before if its words are other ones now."""
    if old is None or old.text == words:
        return replace(content, text=say("edited", text=content.text).rstrip())
    before = old.text if len(old.text) <= _LONGEST_OLD else f"{old.text[:_LONGEST_OLD]}…"
    return replace(content, text=say("edited_was", text=content.text.strip() or words, old=before))
