"""A named placeholder for each kind of message that has no reader of its own, so that no message is silent. Pure."""

from telegram import Message
from telegram.constants import MessageAttachmentType

from relay.mapping.content.service_messages import WORDS
from relay.mapping.content.unknown import texts_within
from relay.mapping.text.language import heading, noun, say
from relay.mapping.text.tolerant import tried

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


def is_empty(message: Message) -> bool:
    """Whether Telegram tells nothing of what the message holds."""
    return not message.api_kwargs and not any(getattr(message, kind) for kind in KINDS)


def describe(message: Message) -> str:
    """The kind of the message's content in square brackets, and its words if it has some: `[dice] 🎯 6`."""
    for kind in KINDS:
        value = getattr(message, kind, None)
        if value:
            return heading(kind, (tried(WORDS[kind], value) if kind in WORDS else None) or "")
    # What Telegram has invented since: PTB keeps the raw fields.
    fields = sorted(message.api_kwargs)[:5]
    named = ", ".join(filter(None, map(noun, fields)))
    return heading(named or say("empty"), texts_within([message.api_kwargs[field] for field in fields]))
