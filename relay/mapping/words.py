"""Every word of the relay's own that an agent reads in a customer's message, and nothing else. Pure.

English only. Another language replaces this module's tables: no sentence is put together anywhere else.
"""

from typing import Final

from relay.mapping.text import clean

#: What people call a kind, where Bot API's own field name with spaces would not do.
_NOUNS: Final = {
    "boost_added": "boosted the chat",
    "channel_chat_created": "channel created",
    "chat_background_set": "changed the chat's background",
    "chat_shared": "shared a chat",
    "checklist_tasks_added": "added tasks to the checklist",
    "checklist_tasks_done": "marked tasks of the checklist",
    "connected_website": "logged in to a website",
    "delete_chat_photo": "chat photo deleted",
    "forum_topic_closed": "topic closed",
    "forum_topic_created": "new topic",
    "forum_topic_edited": "topic renamed",
    "forum_topic_reopened": "topic reopened",
    "gift_upgrade_sent": "upgrade of a gift",
    "giveaway_completed": "giveaway ended",
    "group_chat_created": "group created",
    "left_chat_member": "left the chat",
    "live_location": "live location",
    "live_location_end": "live location ended",
    "message": "message",
    "message_auto_delete_timer_changed": "changed when messages delete themselves",
    "new_chat_members": "joined the chat",
    "passport_data": "Telegram Passport",
    "pinned_message": "pinned a message",
    "poll_option_added": "added an option to a poll",
    "poll_option_deleted": "deleted an option of a poll",
    "proximity_alert_triggered": "came near",
    "refunded_payment": "payment refunded",
    "successful_payment": "payment",
    "supergroup_chat_created": "group created",
    "users_shared": "shared users",
    "voice": "voice message",
    "web_app_data": "data from a web app",
    "write_access_allowed": "allowed the bot to write",
}

_LINES: Final = {
    "custom_emoji": "custom emoji",
    "edited": "✏️ {text}",
    "empty": "empty message",
    "forwarded": "↪ from {name}",
    "forwarded_by": "↪ from {name} ({author})",
    "forwarded_from_nobody": "↪ forwarded",
    "heading": "[{kind}] {words}",
    "hidden": "hidden until paid for: {count}",
    "link": "{label} ({target})",
    "quoted": "❝{words}❞",
    "quoted_from": "❝{words}❞ — {name}",
    "reacted": "{reactions} reacted to a message",
    "stars": "{count} ⭐",
    "took_back": "took back the reaction {reactions} to a message",
    "too_large": "{name}, {megabytes:.1f} MB: too large to be passed on",
    "unreadable": "a message that cannot be read any more",
    "winners": "winners: {count}",
}


def noun(kind: str) -> str:
    """What people call a kind of content; for one that nobody has named, Telegram's own name in plain words."""
    return _NOUNS.get(kind) or clean(kind).replace("_", " ").strip()[:64]


def say(line: str, **values: object) -> str:
    """A line of the table, with values in it. Values are shown as they are."""
    return _LINES[line].format(**values)


def heading(kind: str, words: str = "") -> str:
    """The kind of the content in square brackets, and its words if it has some: `[poll] Tea?`."""
    return say("heading", kind=noun(kind), words=words).strip()
