"""Messages in customers' chats, new and edited. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Final

from telegram import Location, Message, Update

from relay.mapping.content.cards import is_live
from relay.mapping.content.commands import link_of, read_start
from relay.mapping.content.content import Content
from relay.mapping.content.kinds import is_happening
from relay.mapping.content.readers import excerpt, read_content
from relay.mapping.content.references import Reference, references, refers_to
from relay.mapping.content.remembered import own_words, said_in_chat
from relay.mapping.event.albums import album_of, map_album
from relay.mapping.event.changes import change_key, make_change, take_back, waiting_change
from relay.mapping.event.events import KitContext, Origin, client_after, make_event, say_large
from relay.mapping.event.origins import Owners, client_of, origin_of
from relay.mapping.text.changes import changed_places
from relay.mapping.text.language import heading, say
from relay.mapping.text.people import name_of
from relay.mapping.text.text import join
from relay.model import Declined, Known, Outcome, Said, Wants, is_id

#: Under which name a Start that is held is counted.
HELD_START: Final = "held_start"
_LONGEST_OLD: Final = 4096  #: Characters of what an edited message said before.


def message_wants(message: Message, owners: Owners) -> Wants:
    """What mapping a new message needs to know."""
    return Wants(client_of(message, owners), refers_to(message), album_of(message), link_of(message))


def edit_wants(message: Message, owners: Owners) -> Wants:
    """What mapping an edited message needs to know: what it said before, and whether an earlier edit still waits."""
    earlier = [number for number in (message.message_id, *refers_to(message)) if is_id(number)]
    return Wants(client_of(message, owners), tuple(earlier), change_key("edit", message.message_id))


def map_message(update: Update, message: Message, context: KitContext, known: Known) -> Outcome:
    """A new message."""
    origin = _origin(update, message, context, known)
    if isinstance(origin, Declined):
        return origin
    if is_happening(message) and not known.is_open:
        return Declined("nobody said anything, and no conversation is open")
    started = read_start(message, known)
    if started is not None and context.holds_starts and not known.is_open:
        return _held(origin, started, known)
    content = started or _read(message, known.said, context)
    said = _said(message, content, origin, context)
    before = _before(message, origin, known, context)
    if (group := album_of(message)) is None:
        content = _behind(before, say_large(context, _with(before, content)))
        return make_event(context, origin, content, known, said=said)
    if known.album is None:  # what all items of an album answer is shown once
        content = _with(before, content)
    return map_album(context, origin, content, known, group=group, before=before.text, said=said)


def _held(origin: Origin, started: Content, known: Known) -> Declined:
    """A Start that agents do not hear of. Who it was, and what brought them, is remembered for their first words."""
    client = replace(client_after(origin, started, known), open=False)
    return Declined("a Start while no conversation is open: RELAY_START is hold", client=client, counted=HELD_START)


def map_edit(update: Update, message: Message, context: KitContext, known: Known) -> Outcome:
    """A message that says something else now; and what it said before, if that is remembered."""
    origin = _origin(update, message, context, known)
    if isinstance(origin, Declined):
        return origin
    origin = _answered_as_before(origin, known)
    if message.location is not None and (declined := _why_no_place(message.location, known)):
        return declined
    content = _read(message, known.said, context)
    said = _said(message, content, origin, context)
    # Where a live location ends says all: nobody asks where it began.
    old = _said_before(message, known) if message.location is None else None
    if old is not None and said and (old.text, old.mark) == (said[0].text, said[0].mark):
        if waiting_change(known) is not None:
            return take_back(origin, known, kind="edit", said=said)
        return Declined("an edit that changes nothing an agent would see")
    words = own_words(content, context.forms)
    before = _before(message, origin, known, context)
    edited = _edited(before.text, say_large(context, content), words, old)
    if old is None:  # nobody knows whether what it answers in another chat was seen
        edited = _with(before, edited)
    return make_change(context, origin, edited, known, kind="edit", before=old and asdict(old), said=said)


def _answered_as_before(origin: Origin, known: Known) -> Origin:
    """Who corrects something in one thread is answered in that which they wrote in last."""
    if known.client is None:
        return origin
    thread = known.client.address.message_thread_id
    return replace(origin, address=replace(origin.address, message_thread_id=thread))


def _why_no_place(location: Location, known: Known) -> Declined | None:
    """Why agents are not told of a place that was edited; None if they are."""
    if is_live(location):
        return Declined("a step of a live location, not its end")
    if not known.is_open:
        return Declined("the end of a live location while no conversation is open")
    return None


def _said_before(message: Message, known: Known) -> Said | None:
    """What the message said when agents last heard of it."""
    waiting = waiting_change(known)
    if waiting is None:
        return known.said.get(message.message_id)
    return None if waiting.before is None else Said(**waiting.before)


def _said(message: Message, content: Content, origin: Origin, context: KitContext) -> tuple[Said, ...]:
    return said_in_chat(message.message_id, content, "agent" if origin.own else "customer", context.forms)


def _origin(update: Update, message: Message, context: KitContext, known: Known) -> Origin | Declined:
    """Where a message comes from; why agents are not told of it.

    What an account or a channel says past the bot, an agent must know who is about to say the same; but it is nothing
    to wake agents for.
    """
    origin = origin_of(update, message, context.owners)
    if isinstance(origin, Origin) and origin.own and not known.is_open:
        return Declined("said by the account itself while no conversation is open")
    return origin


def _before(message: Message, origin: Origin, known: Known, context: KitContext) -> Reference:
    """What stands before the content: that it is not the customer's, and what it refers to."""
    reference = references(message, known.said, context.forms)
    if not origin.own:
        return reference
    key = "account_wrote_automatically" if message.is_from_offline else "account_wrote"
    own = say(key, name=name_of(message.sender_chat or message.from_user))
    return replace(reference, text=join("\n", own, reference.text))


def _read(message: Message, said: Mapping[int, Said], context: KitContext) -> Content:
    """What the message holds. Of a message that was pinned: what agents know it by."""
    pinned = message.pinned_message
    if pinned is None or message.text:
        return read_content(message)
    words = excerpt(pinned, said.get(pinned.message_id), context.forms)
    return Content(heading("pinned_message", say("quoted", words=words)))


def _with(before: Reference, content: Content) -> Content:
    """The content, behind what another chat's message holds that it answers."""
    return replace(content, items=(*before.items, *content.items)) if before.items else content


def _behind(before: Reference, content: Content) -> Content:
    """The content with the lines before it that say what it refers to."""
    return replace(content, text=f"{before.text}\n{content.text}".rstrip()) if before.text else content


def _edited(before: str, content: Content, words: str, old: Said | None) -> Content:
    """The content as an edit, and what it said before if its words are other ones now. Of long words, what changed."""
    if old is None or old.text == words:
        return replace(content, text=say("edited", text=join("\n", before, content.text)).rstrip())
    was, now = changed_places(old.text.strip(), content.text.strip() or words)
    was = was if len(was) <= _LONGEST_OLD else f"{was[:_LONGEST_OLD]}…"
    return replace(content, text=say("edited_was", text=join("\n", before, now), old=was))
