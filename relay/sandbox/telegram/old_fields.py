"""What the official server says twice, in the words of years ago beside those of today: `JsonMessage` of its source.

https://github.com/tdlib/telegram-bot-api
"""

from typing import Any

Json = dict[str, Any]

_COPIES = {
    "left_chat_member": "left_chat_participant",
    "thumbnail": "thumb",
    "video_chat_ended": "voice_chat_ended",
    "video_chat_participants_invited": "voice_chat_participants_invited",
    "video_chat_scheduled": "voice_chat_scheduled",
    "video_chat_started": "voice_chat_started",
}
#: The names of years ago.
OLD_FIELDS = frozenset(
    {
        *_COPIES.values(),
        *("forward_from", "forward_from_chat", "forward_from_message_id", "forward_signature", "forward_sender_name"),
        *("forward_date", "new_chat_member", "new_chat_participant", "user_shared"),
    }
)


def say_twice(node: object) -> None:
    """Add the old fields to an update, wherever they belong."""
    if isinstance(node, list):
        for each in node:
            say_twice(each)
    if not isinstance(node, dict):
        return
    for each in list(node.values()):
        say_twice(each)
    for name, old in _COPIES.items():
        if name in node:
            node.setdefault(old, node[name])
    if isinstance(node.get("forward_origin"), dict):
        _add_forward(node, node["forward_origin"])
    _add_people(node)


def _add_people(message: Json) -> None:
    """Who came, and who was chosen, when it is one."""
    if "message_id" in message and message.get("new_chat_members"):
        for old in ("new_chat_member", "new_chat_participant"):
            message.setdefault(old, message["new_chat_members"][0])
    shared = message.get("users_shared")
    if isinstance(shared, dict) and len(shared.get("users", ())) == 1:
        chosen = {"user_id": shared["users"][0]["user_id"], "request_id": shared["request_id"]}
        message.setdefault("user_shared", chosen)


def _add_forward(message: Json, origin: Json) -> None:
    old = {
        "forward_from": origin.get("sender_user"),
        "forward_from_chat": origin.get("chat") or origin.get("sender_chat"),
        "forward_from_message_id": origin.get("message_id"),
        "forward_signature": origin.get("author_signature"),
        "forward_sender_name": origin.get("sender_user_name"),
        "forward_date": origin.get("date"),
    }
    for name, value in old.items():
        if value is not None:
            message.setdefault(name, value)
