"""Messages of customers, new and edited. Pure."""

from dataclasses import replace

from telegram import Chat, Message, Update, User

from relay.mapping.clients import is_id
from relay.mapping.events import KitContext, Origin, make_event
from relay.mapping.reading import read_content
from relay.mapping.references import references
from relay.mapping.starting import link_of, read_start
from relay.mapping.words import say
from relay.model import Address, Declined, Known, Outcome, Wants


def message_wants(message: Message) -> Wants:
    """What mapping a message, new or edited, needs to know."""
    return Wants(str((message.from_user or message.chat).id), link=link_of(message))


def map_message(update: Update, message: Message, context: KitContext, known: Known) -> Outcome:
    """A new message."""
    return _map(update, message, context, known, edited=False)


def map_edit(update: Update, message: Message, context: KitContext, known: Known) -> Outcome:
    """A message that says something else now."""
    # PTB's attribute warns of its own future; its dictionary doesn't.
    if message.location is not None and "live_period" in message.location.to_dict():
        return Declined("a step of a live location, not its end")
    return _map(update, message, context, known, edited=True)


def _map(update: Update, message: Message, context: KitContext, known: Known, *, edited: bool) -> Outcome:
    chat, sender = message.chat, message.from_user or message.chat
    if declined := why_not(chat, sender):
        return declined
    content = (None if edited else read_start(message, known)) or read_content(message)
    if before := references(message):
        content = replace(content, text=f"{before}\n{content.text}".rstrip())
    if edited:
        content = replace(content, text=say("edited", text=content.text).rstrip())
    origin = Origin(update.update_id, message.message_id, sender, str(sender.id), Address(chat.id))
    return make_event(context, origin, content, known, again="edit" if edited else "")


def why_not(chat: Chat, sender: User | Chat) -> Declined | None:
    """Why what comes out of this chat is not a customer's; None if it is."""
    if chat.type != "private":
        return Declined("not a private chat")
    if getattr(sender, "is_bot", False):
        return Declined("a message from a bot")
    return None if is_id(chat.id) and is_id(sender.id) else Declined("an id that Telegram cannot have given")
