"""Reactions to a message, in words. Pure."""

from collections.abc import Iterable

from telegram import MessageReactionUpdated, ReactionType, ReactionTypeEmoji, ReactionTypePaid, Update

from relay.mapping.content.content import Content
from relay.mapping.content.readers import remind
from relay.mapping.event.events import KitContext, Origin, make_event
from relay.mapping.event.origins import Owners, Place, why_not
from relay.mapping.text.language import heading, say
from relay.mapping.text.text import clean
from relay.model import Address, Declined, Known, Outcome, Said, Wants, is_id


def reaction_wants(reaction: MessageReactionUpdated, _: Owners) -> Wants:
    """What mapping a reaction needs to know."""
    ids = (reaction.message_id,) if is_id(reaction.message_id) else ()
    return Wants(clean(str((reaction.user or reaction.chat).id)), ids)


def map_reaction(update: Update, reaction: MessageReactionUpdated, context: KitContext, known: Known) -> Outcome:
    """A reaction that was added, changed or taken back."""
    chat, sender = reaction.chat, reaction.user or reaction.chat
    # A reaction does not say in which thread it is; the customer is answered where they wrote last.
    address = known.client.address if known.client is not None else Address(chat.id)
    place = Place(sender, clean(str(sender.id)), address)
    if declined := why_not(chat, place, sender):
        return declined
    if not known.is_open:
        return Declined("a reaction while no conversation is open")
    origin = Origin(update.update_id, reaction.message_id, sender, place.client_id, address)
    content = read_reaction(reaction, known.said.get(reaction.message_id))
    return make_event(context, origin, content, known, again="reaction")


def read_reaction(reaction: MessageReactionUpdated, said: Said | None) -> Content:
    """What was added, else what was taken back; and the words of the message, if they are remembered."""
    old, new = _shown(reaction.old_reaction), _shown(reaction.new_reaction)
    added, gone = [each for each in new if each not in old], [each for each in old if each not in new]
    if added or not gone:
        shown = " ".join(added or new)
        if said is None:
            return Content(say("reacted", reactions=shown).strip())
        return Content(say("reacted_to", reactions=shown, words=remind(said)).strip())
    shown = " ".join(gone)
    if said is None:
        return Content(say("took_back", reactions=shown))
    return Content(say("took_back_from", reactions=shown, words=remind(said)))


def _shown(reactions: Iterable[ReactionType]) -> list[str]:
    return [_emoji(reaction) for reaction in reactions]


def _emoji(reaction: ReactionType) -> str:
    if isinstance(reaction, ReactionTypePaid):
        return "⭐"
    emoji = clean(reaction.emoji).strip() if isinstance(reaction, ReactionTypeEmoji) else ""
    return emoji or heading(say("custom_emoji"))
