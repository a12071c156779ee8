"""The bot's own place in chats: blocked and unblocked by a customer, taken into groups and channels. Pure.

https://core.telegram.org/bots/api#chatmemberupdated
"""

from dataclasses import replace
from typing import Final

from telegram import ChatMember, ChatMemberUpdated, Update

from relay.mapping.event.events import KitContext
from relay.mapping.event.notes import note
from relay.mapping.event.origins import Owners
from relay.mapping.text.language import say, to_customer
from relay.mapping.text.text import clean
from relay.model import Accepted, Address, Declined, Draft, Known, Outcome, Said, Wants, is_id
from relay.steps import LeaveChat, dump_steps

BLOCKED: Final = "the customer has blocked the bot"
_OUT: Final = frozenset({ChatMember.LEFT, ChatMember.BANNED})
#: No message has this number: under it is remembered that a chat was told already.
_TOLD: Final = 0


def membership_wants(change: ChatMemberUpdated, _: Owners) -> Wants:
    """What mapping the change needs to know: of a customer, how they are; of a group, whether it was told."""
    return Wants(clean(str(change.chat.id)), (_TOLD,))


def map_membership(update: Update, change: ChatMemberUpdated, context: KitContext, known: Known) -> Outcome:
    """A change of what the bot may do in a chat."""
    if not is_id(change.chat.id):
        return Declined("an id that Telegram cannot have given")
    if change.chat.type == "private":
        return _map_blocking(update, change, context, known)
    return _map_group(change, context, known)


def _map_blocking(update: Update, change: ChatMemberUpdated, context: KitContext, known: Known) -> Outcome:
    blocked, client = _is_out(change.new_chat_member), known.client
    what = "blocked" if blocked else "unblocked"
    if client is None:
        return Declined(f"{what} by somebody who never wrote")
    changed = replace(client, unreachable=BLOCKED if blocked else None, unreachable_told=blocked and client.open)
    if not client.open:
        return Declined(f"{what} while no conversation is open", changed)
    text = say("note.blocked" if blocked else "note.unblocked")
    return Accepted(note(context, client, update.update_id, text), changed)


def _map_group(change: ChatMemberUpdated, context: KitContext, known: Known) -> Outcome:
    """Groups and channels are no customers: the bot leaves them, with a word to those whom it leaves."""
    new = change.new_chat_member
    if _is_out(new):
        return Declined("out of a group or channel")
    if not _is_out(change.old_chat_member):
        return Declined("other rights in a group or channel")
    if getattr(new, "can_manage_direct_messages", None) is True:
        return Declined("in a channel to answer its direct messages")
    if not context.leave_groups:
        return Declined("in a group or channel, and RELAY_LEAVE_GROUPS says to stay")
    # What is sent to a channel is published to all who read it; there the bot goes without a word.
    tell = change.chat.type != "channel" and _TOLD not in known.said
    language = clean(getattr(change.from_user, "language_code", None))
    words = to_customer(language, "customer.not_for_groups") if tell else None
    lane = clean(str(change.chat.id))
    draft = Draft("to_telegram", lane, dump_steps([LeaveChat(words)]), Address(change.chat.id))
    return Accepted(draft, said=(Said(_TOLD, "agent", words),) if words else ())


def _is_out(member: ChatMember) -> bool:
    return member.status in _OUT or getattr(member, "is_member", None) is False
