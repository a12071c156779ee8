"""Reactions to a message, in words. Pure."""

from collections.abc import Iterable

from telegram import MessageReactionUpdated, ReactionType, ReactionTypeEmoji, ReactionTypePaid, Update

from relay.mapping.content import Content
from relay.mapping.events import KitContext, Origin, make_event
from relay.mapping.messages import why_not
from relay.mapping.text import clean
from relay.mapping.words import heading, say
from relay.model import Address, Known, Outcome, Wants


def reaction_wants(reaction: MessageReactionUpdated) -> Wants:
    """What mapping a reaction needs to know."""
    return Wants(str((reaction.user or reaction.chat).id))


def map_reaction(update: Update, reaction: MessageReactionUpdated, context: KitContext, known: Known) -> Outcome:
    """A reaction that was added, changed or taken back."""
    chat, sender = reaction.chat, reaction.user or reaction.chat
    if declined := why_not(chat, sender):
        return declined
    origin = Origin(update.update_id, reaction.message_id, sender, str(sender.id), Address(chat.id))
    return make_event(context, origin, read_reaction(reaction), known, again="reaction")


def read_reaction(reaction: MessageReactionUpdated) -> Content:
    """What was added, else what was taken back."""
    old, new = _shown(reaction.old_reaction), _shown(reaction.new_reaction)
    added, gone = [each for each in new if each not in old], [each for each in old if each not in new]
    if added or not gone:
        return Content(say("reacted", reactions=" ".join(added or new)).strip())
    return Content(say("took_back", reactions=" ".join(gone)))


def _shown(reactions: Iterable[ReactionType]) -> list[str]:
    return [_emoji(reaction) for reaction in reactions]


def _emoji(reaction: ReactionType) -> str:
    if isinstance(reaction, ReactionTypePaid):
        return "⭐"
    emoji = clean(reaction.emoji).strip() if isinstance(reaction, ReactionTypeEmoji) else ""
    return emoji or heading(say("custom_emoji"))
