"""Kinds of updates that are no customer's message, and why each is not carried to Kit. Pure."""

from typing import Final

from telegram import Update

from relay.mapping.text.text import clean

_CHANNEL: Final = "a channel or group is not a customer"
_SHOP: Final = "the relay sells nothing"
_POLL: Final = "the relay asks no polls"

#: Fields of `telegram.Update` that `to_kit.MAPPERS` does not carry, each with its reason.
REASONS: Final = {
    "channel_post": _CHANNEL,
    "chat_boost": _CHANNEL,
    "chat_join_request": _CHANNEL,
    "chat_member": _CHANNEL,
    "chosen_inline_result": "the relay answers no inline queries",
    "edited_channel_post": _CHANNEL,
    "guest_message": "the relay is no guest in other chats: it could answer once and at once, which no agent can",
    "inline_query": "the relay answers no inline queries",
    "managed_bot": "the relay manages no bots",
    "message_reaction_count": _CHANNEL,
    "poll": _POLL,
    "poll_answer": _POLL,
    "pre_checkout_query": _SHOP,
    "purchased_paid_media": _SHOP,
    "removed_chat_boost": _CHANNEL,
    "shipping_query": _SHOP,
}
#: What Telegram has already and python-telegram-bot has not.
NEWER: Final = {
    "stopped_message_generation": "the relay shows no drafts",
    "subscription": _SHOP,
}


def why_not_carried(update: Update) -> str:
    """The reason why an update without a customer's message is not carried; it names the field."""
    for field in Update.ALL_TYPES:
        if getattr(update, field, None) is not None:
            return f"{field}: {REASONS.get(field, 'an unknown kind of update')}"
    for field, reason in NEWER.items():
        if field in update.api_kwargs:
            return f"{field}: {reason}"
    unknown = ", ".join(clean(field)[:64] for field in sorted(update.api_kwargs)[:5])
    return f"{unknown or 'nothing'}: an unknown kind of update"
