"""Which fields of a message say what it holds, and which only how, where or by whom it was said. Pure."""

from collections.abc import Iterator
from typing import Final

from telegram import Message
from telegram.constants import ChatType, MessageAttachmentType

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

#: What happened to a chat. Nobody says anything by it, so it begins no conversation.
HAPPENINGS: Final = frozenset(
    {
        *("boost_added", "channel_chat_created", "chat_background_set", "chat_owner_changed", "chat_owner_left"),
        *("checklist_tasks_done", "refunded_payment", "suggested_post_approval_failed", "suggested_post_approved"),
        *("suggested_post_declined", "suggested_post_paid", "suggested_post_refunded"),
        *("connected_website", "delete_chat_photo", "direct_message_price_changed", "forum_topic_closed"),
        *("forum_topic_created", "forum_topic_edited", "forum_topic_reopened", "general_forum_topic_hidden"),
        *("general_forum_topic_unhidden", "giveaway_completed", "giveaway_created", "group_chat_created"),
        *("left_chat_member", "message_auto_delete_timer_changed", "migrate_from_chat_id", "migrate_to_chat_id"),
        *("new_chat_members", "new_chat_photo", "new_chat_title", "paid_message_price_changed", "pinned_message"),
        *("proximity_alert_triggered", "supergroup_chat_created", "video_chat_ended", "video_chat_scheduled"),
        *("video_chat_participants_invited", "video_chat_started", "write_access_allowed"),
    }
)
#: What Telegram has invented since and says nothing to an agent.
_SILENT: Final = frozenset({"ephemeral_message_id", "receiver_user"})
_CHATS: Final = frozenset(ChatType)


def is_empty(message: Message) -> bool:
    """Whether Telegram tells nothing of what the message holds."""
    return not message.api_kwargs and not any(getattr(message, kind) for kind in KINDS)


def is_happening(message: Message) -> bool:
    """Whether the message tells what happened to the chat, and says nothing."""
    held = [kind for kind in KINDS if getattr(message, kind)]
    return bool(held) and HAPPENINGS.issuperset(held)


def new_fields(message: Message) -> Iterator[tuple[str, object]]:
    """What Telegram has invented since, each with its name: PTB keeps it raw. Whom it concerns is not what it says."""
    for name, value in message.api_kwargs.items():
        if name not in _SILENT and not _is_somebody(value):
            yield name, value


def _is_somebody(value: object) -> bool:
    """Whether it is a user or a chat."""
    return isinstance(value, dict) and "id" in value and ("is_bot" in value or value.get("type") in _CHATS)
