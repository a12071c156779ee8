"""A named placeholder for each kind of message that has no reader of its own, so that no message is silent. Pure."""

from collections.abc import Callable
from typing import Any

from telegram import Contact, Dice, Game, Invoice, Location, Message, Poll, Sticker, Venue, WebAppData
from telegram.constants import MessageAttachmentType

from relay.mapping.places import describe_point
from relay.mapping.text import clean

#: Fields of `telegram.Message` that say how, where or by whom something was said, not what.
CIRCUMSTANCES = frozenset(
    {
        "_effective_attachment",
        "author_signature",
        "business_connection_id",
        "caption",
        "caption_entities",
        "direct_messages_topic",
        "edit_date",
        "effect_id",
        "entities",
        "external_reply",
        "forward_origin",
        "from_user",
        "guest_bot_caller_chat",
        "guest_bot_caller_user",
        "guest_query_id",
        "has_media_spoiler",
        "has_protected_content",
        "is_automatic_forward",
        "is_from_offline",
        "is_paid_post",
        "is_topic_message",
        "link_preview_options",
        "media_group_id",
        "message_thread_id",
        "paid_star_count",
        "quote",
        "reply_markup",
        "reply_to_checklist_task_id",
        "reply_to_message",
        "reply_to_poll_option_id",
        "reply_to_story",
        "sender_boost_count",
        "sender_business_bot",
        "sender_chat",
        "sender_tag",
        "show_caption_above_media",
        "suggested_post_info",
        "via_bot",
    }
)

# A venue fills `location` as well, so it is asked first; attachments come before what happened to the chat.
_ATTACHMENTS = sorted((kind.value for kind in MessageAttachmentType), key=lambda kind: (kind != "venue", kind))

#: All the other fields, PTB's own list: a kind that a newer version adds is named without a change here.
KINDS: tuple[str, ...] = (
    *_ATTACHMENTS,
    *sorted(set(Message.__slots__) - CIRCUMSTANCES - set(_ATTACHMENTS)),
)


def describe(message: Message) -> str:
    """The kind of the message's content in square brackets, and its words if it has some: `[poll] Tea? yes / no`."""
    for kind in KINDS:
        value = getattr(message, kind, None)
        if value:
            words = WORDS[kind](value) if kind in WORDS else ""
            return f"[{_readable(kind)}] {words}".strip()
    # What Telegram has invented since: PTB keeps the raw fields.
    unknown = ", ".join(_readable(kind) for kind in sorted(message.api_kwargs)[:5])
    return f"[{unknown or 'empty message'}]"


def _contact(contact: Contact) -> str:
    return _join(", ", f"{clean(contact.first_name)} {clean(contact.last_name)}", contact.phone_number)


def _dice(dice: Dice) -> str:
    return _join(" ", dice.emoji, str(dice.value))


def _game(game: Game) -> str:
    return _join(": ", game.title, game.description)


def _invoice(invoice: Invoice) -> str:
    return _join(": ", invoice.title, invoice.description)


def _location(location: Location | None) -> str:
    point = (location.latitude, location.longitude) if location else ()
    return describe_point(*point) if point and all(isinstance(degrees, int | float) for degrees in point) else ""


def _poll(poll: Poll) -> str:
    return _join(" ", poll.question, _join(" / ", *(option.text for option in poll.options)))


def _sticker(sticker: Sticker) -> str:
    return _join(" ", sticker.emoji, sticker.set_name)


def _venue(venue: Venue) -> str:
    return _join(", ", venue.title, venue.address, _location(venue.location))


def _web_app_data(data: WebAppData) -> str:
    return _join(": ", data.button_text, data.data)


#: Kinds whose words are worth passing on, and how.
WORDS: dict[str, Callable[[Any], str]] = {
    "contact": _contact,
    "dice": _dice,
    "game": _game,
    "invoice": _invoice,
    "location": _location,
    "poll": _poll,
    "sticker": _sticker,
    "venue": _venue,
    "web_app_data": _web_app_data,
}


def _join(separator: str, *parts: object) -> str:
    return separator.join(filter(None, (clean(part).strip() for part in parts)))


def _readable(kind: str) -> str:
    return clean(kind).replace("_", " ").strip()[:64]
