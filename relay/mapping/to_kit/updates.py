"""From a Telegram update to an event for Kit: the table of what becomes of each kind of update. Pure.

Never raises for an update that python-telegram-bot has parsed, and never makes an empty message.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from telegram import Update

from relay.mapping.event.events import STRANGER, KitContext
from relay.mapping.event.origins import NOBODY, Owners
from relay.mapping.text.language import speaking
from relay.mapping.to_kit.answers import answering
from relay.mapping.to_kit.business import connection_wants, deleted_wants, map_connection, map_deleted
from relay.mapping.to_kit.button_presses import map_press, press_wants
from relay.mapping.to_kit.membership import map_membership, membership_wants
from relay.mapping.to_kit.messages import edit_wants, map_edit, map_message, message_wants
from relay.mapping.to_kit.not_carried import why_not_carried
from relay.mapping.to_kit.reactions import map_reaction, reaction_wants
from relay.model import Declined, Known, Outcome, Reading, Wants


@dataclass(frozen=True, slots=True)
class Mapper:
    """What becomes of one kind of update. Both functions get the value of its field."""

    wants: Callable[[Any, Owners], Wants]
    map: Callable[[Update, Any, KitContext, Known], Outcome]
    needs: tuple[str, ...] = ("chat",)  #: What says whose it is. PTB takes an update without it.


#: By field of `telegram.Update`. Each other field has its reason in `updates.REASONS`.
MAPPERS: Final[Mapping[str, Mapper]] = {
    "message": Mapper(message_wants, answering(map_message)),
    "edited_message": Mapper(edit_wants, answering(map_edit, edits=True)),
    "message_reaction": Mapper(reaction_wants, map_reaction),
    "business_message": Mapper(message_wants, answering(map_message)),
    "edited_business_message": Mapper(edit_wants, answering(map_edit, edits=True)),
    "deleted_business_messages": Mapper(deleted_wants, map_deleted),
    "business_connection": Mapper(connection_wants, map_connection, ("user",)),
    "callback_query": Mapper(press_wants, map_press, ("from_user",)),
    "my_chat_member": Mapper(membership_wants, map_membership, ("chat", "old_chat_member", "new_chat_member")),
}


def read(update: Update, context: KitContext) -> Reading:
    """The reading of an update."""
    return Reading(lambda known: map_update(update, context, known), wants_of(update, context.owners))


def wants_of(update: Update, owners: Owners = NOBODY) -> Wants:
    """What mapping the update needs to know of the client and of earlier messages."""
    for field, mapper in MAPPERS.items():
        value = getattr(update, field)
        if value is not None:
            return Wants() if _missing(mapper, value) else mapper.wants(value, owners)
    return Wants()


def map_update(update: Update, context: KitContext, known: Known = STRANGER) -> Outcome:
    """The event that tells Kit of the update, or the reason why there is none."""
    for field, mapper in MAPPERS.items():
        value = getattr(update, field)
        if value is not None:
            if missing := _missing(mapper, value):
                return Declined(f"{field}: nobody's, without its {missing}")
            with speaking(context.language):
                return mapper.map(update, value, context, known)
    return Declined(why_not_carried(update))


def _missing(mapper: Mapper, value: object) -> str | None:
    return next((name for name in mapper.needs if getattr(value, name) is None), None)
