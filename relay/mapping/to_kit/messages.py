"""Messages in customers' chats, new and edited. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from telegram import Message, Update

from relay.mapping.content.commands import link_of, read_start
from relay.mapping.content.content import Content
from relay.mapping.content.readers import read_content, remind
from relay.mapping.content.references import references, refers_to
from relay.mapping.content.remembered import own_words, said_in_chat
from relay.mapping.content.service_messages import person
from relay.mapping.event.albums import album_of, map_album
from relay.mapping.event.events import KitContext, Origin, make_event, say_large
from relay.mapping.event.origins import Owners, client_of, origin_of
from relay.mapping.text.language import heading, say
from relay.mapping.text.text import join
from relay.model import Declined, Known, Outcome, Said, Wants, is_id

_LONGEST_OLD: Final = 4096  #: Characters of what an edited message said before.


def message_wants(message: Message, owners: Owners) -> Wants:
    """What mapping a new message needs to know."""
    return Wants(client_of(message, owners), refers_to(message), album_of(message), link_of(message))


def edit_wants(message: Message, owners: Owners) -> Wants:
    """What mapping an edited message needs to know: what it said before."""
    earlier = [number for number in (message.message_id, *refers_to(message)) if is_id(number)]
    return Wants(client_of(message, owners), tuple(earlier))


def map_message(update: Update, message: Message, context: KitContext, known: Known) -> Outcome:
    """A new message."""
    origin = _origin(update, message, context, known)
    if isinstance(origin, Declined):
        return origin
    content = read_start(message, known) or _read(message, known.said)
    before = _before(message, origin, known)
    said = said_in_chat(message.message_id, content, "agent" if origin.own else "customer")
    if (group := album_of(message)) is not None:
        return map_album(context, origin, content, known, group=group, before=before, said=said)
    return make_event(context, origin, _behind(before, say_large(context, content)), known, said=said)


def map_edit(update: Update, message: Message, context: KitContext, known: Known) -> Outcome:
    """A message that says something else now; and what it said before, if that is remembered."""
    origin = _origin(update, message, context, known)
    if isinstance(origin, Declined):
        return origin
    # PTB's attribute warns of its own future; its dictionary doesn't.
    if message.location is not None and "live_period" in message.location.to_dict():
        return Declined("a step of a live location, not its end")
    content = _read(message, known.said)
    said = said_in_chat(message.message_id, content, "agent" if origin.own else "customer")
    # Where a live location ends says all: nobody asks where it began.
    old = known.said.get(message.message_id) if message.location is None else None
    if old is not None and said and (old.text, old.mark) == (said[0].text, said[0].mark):
        return Declined("an edit that changes nothing an agent would see")
    shown = _behind(_before(message, origin, known), say_large(context, content))
    content = _edited(shown, own_words(content), old)
    return make_event(context, origin, content, known, again="edit", said=said)


def _origin(update: Update, message: Message, context: KitContext, known: Known) -> Origin | Declined:
    """Where a message comes from; why agents are not told of it.

    What an account or a channel says past the bot, an agent must know who is about to say the same; but it is nothing
    to wake agents for.
    """
    origin = origin_of(update, message, context.owners)
    if isinstance(origin, Origin) and origin.own and (known.client is None or not known.client.open):
        return Declined("said by the account itself while no conversation is open")
    return origin


def _before(message: Message, origin: Origin, known: Known) -> str:
    """The lines before the content: that it is not the customer's, and what it refers to."""
    own = say("account_wrote", name=person(message.sender_chat or message.from_user)) if origin.own else ""
    return join("\n", own, references(message, known.said))


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
