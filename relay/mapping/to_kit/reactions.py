"""Reactions to a message, in words. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from telegram import MessageReactionUpdated, ReactionType, Update

from relay.mapping.content.content import Content
from relay.mapping.content.readers import remind
from relay.mapping.event.changes import change_key, make_change, take_back, waiting_change
from relay.mapping.event.clients import sender_of
from relay.mapping.event.events import KitContext, Origin
from relay.mapping.event.origins import Owners, Place, time_of, why_not
from relay.mapping.text.language import heading, say
from relay.mapping.text.text import clean
from relay.model import Address, Declined, Known, Outcome, Said, Wants, is_id

Raw = dict[str, Any]


def reaction_wants(reaction: MessageReactionUpdated, _: Owners) -> Wants:
    """What mapping a reaction needs to know."""
    ids = (reaction.message_id,) if is_id(reaction.message_id) else ()
    client_id = clean(str((reaction.user or reaction.chat).id))
    return Wants(client_id, ids, change_key("reaction", reaction.message_id))


def map_reaction(update: Update, reaction: MessageReactionUpdated, context: KitContext, known: Known) -> Outcome:
    """A reaction that was added, changed or taken back. What ends as it began within a moment, nobody is told."""
    chat, sender = reaction.chat, reaction.user or reaction.chat
    # A reaction does not say in which thread it is; the customer is answered where they wrote last.
    address = known.client.address if known.client is not None else Address(chat.id)
    place = Place(sender, clean(str(sender.id)), address)
    if declined := why_not(chat, place, sender):
        return declined
    if not known.is_open:
        return Declined("a reaction while no conversation is open")
    number, written_at = reaction.message_id, time_of(reaction.date)
    customer = sender_of(sender)
    origin = Origin(update.update_id, number, customer, place.client_id, address, written_at=written_at)
    old, new = _raw(reaction.old_reaction), _raw(reaction.new_reaction)
    waiting = waiting_change(known)
    if waiting is not None:
        old = waiting.before
        if all(each in new for each in old) and all(each in old for each in new):
            return take_back(origin, known, kind="reaction")
    content = read_reaction(old, new, known.said.get(reaction.message_id))
    return make_change(context, origin, content, known, kind="reaction", before=old)


def read_reaction(old: Sequence[Raw], new: Sequence[Raw], said: Said | None) -> Content:
    """What was added, else what was taken back; and the words of the message, if they are remembered."""
    added, gone = [each for each in new if each not in old], [each for each in old if each not in new]
    if added or not gone:
        shown = _shown(added or new)
        if said is None:
            return Content(say("reacted", reactions=shown).strip())
        return Content(say("reacted_to", reactions=shown, words=remind(said)).strip())
    shown = _shown(gone)
    if said is None:
        return Content(say("took_back", reactions=shown))
    return Content(say("took_back_from", reactions=shown, words=remind(said)))


def _raw(reactions: Iterable[ReactionType]) -> list[Raw]:
    """The reactions as JSON: python-telegram-bot cannot compare all of them."""
    return [reaction.to_dict() for reaction in reactions]


def _shown(reactions: Iterable[Raw]) -> str:
    return " ".join(map(_emoji, reactions))


def _emoji(reaction: Raw) -> str:
    if reaction.get("type") == ReactionType.PAID:
        return "⭐"
    return clean(reaction.get("emoji")).strip() or heading(say("custom_emoji"))
