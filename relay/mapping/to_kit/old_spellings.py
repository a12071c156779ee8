"""What the Bot API says twice, for programs of years ago: read once, under the name of today. Pure.

The official server still sends these beside their successors, servers of long ago send them alone, and
python-telegram-bot knows them no more (https://github.com/tdlib/telegram-bot-api, `JsonMessage`).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

Raw = dict[str, Any]

#: Fields of a message that hold another message.
_MESSAGES: Final = ("reply_to_message", "pinned_message")
_DEEPEST: Final = 8  #: Messages within messages; Telegram's own go one level down.
_ORIGIN: Final = "forward_origin"
_FORWARDS: Final = (
    *("forward_from", "forward_from_chat", "forward_from_message_id", "forward_signature", "forward_sender_name"),
    "forward_date",
)


def _users_shared(old: object) -> object:
    if not isinstance(old, dict) or "user_id" not in old:
        return None
    return {"request_id": old.get("request_id", 0), "users": [{"user_id": old["user_id"]}]}


def _members(old: object) -> object:
    return [old] if isinstance(old, dict) else None


def _same(old: object) -> object:
    return old


#: Old name, name of today, and what becomes of the value.
_RENAMED: Final[tuple[tuple[str, str, Callable[[object], object]], ...]] = (
    ("user_shared", "users_shared", _users_shared),
    ("new_chat_participant", "new_chat_members", _members),
    ("new_chat_member", "new_chat_members", _members),
    ("left_chat_participant", "left_chat_member", _same),
    ("voice_chat_scheduled", "video_chat_scheduled", _same),
    ("voice_chat_started", "video_chat_started", _same),
    ("voice_chat_ended", "video_chat_ended", _same),
    ("voice_chat_participants_invited", "video_chat_participants_invited", _same),
)
_OLD: Final = frozenset({*_FORWARDS, *(old for old, _, _ in _RENAMED)})
#: Of a change of membership, `new_chat_member` is the name of today.
_NONE: Final = frozenset[str]()


def modern(update: Mapping[str, Any]) -> Raw:
    """The update with everything said once, in the words of today."""
    return {
        name: _modern_message(value) if isinstance(value, dict) and "chat" in value else _modern_inside(value)
        for name, value in update.items()
    }


def _modern_inside(value: object) -> object:
    """A press of a button holds the message under which it is."""
    if isinstance(value, dict) and isinstance(value.get("message"), dict):
        return {**value, "message": _modern_message(value["message"])}
    return value


def _modern_message(message: Raw, depth: int = 0) -> Raw:
    if depth > _DEEPEST:
        return message
    dropped = _OLD if "message_id" in message else _NONE
    said = {name: value for name, value in message.items() if name not in dropped}
    for name in _MESSAGES:
        if isinstance(said.get(name), dict):
            said[name] = _modern_message(said[name], depth + 1)
    return said if len(said) == len(message) else _renewed(said, message)


def _renewed(said: Raw, message: Raw) -> Raw:
    """With what was dropped of the message, in the words of today, unless these stand there already."""
    if not said.get(_ORIGIN) and (origin := _origin(message)) is not None:
        said[_ORIGIN] = origin
    for old, new, renew in _RENAMED:
        if old in message and not said.get(new) and (value := renew(message[old])) is not None:
            said[new] = value
    return said


def _origin(message: Raw) -> Raw | None:
    """Who wrote it first, as servers said it that knew no `forward_origin`; None for what is no forward."""
    date, chat = message.get("forward_date"), message.get("forward_from_chat")
    if not any(message.get(name) for name in _FORWARDS):
        return None
    common = {"date": date if type(date) is int else 0}
    signature = {"author_signature": message["forward_signature"]} if message.get("forward_signature") else {}
    if isinstance(message.get("forward_from"), dict):
        return {"type": "user", "sender_user": message["forward_from"], **common}
    if isinstance(chat, dict) and "forward_from_message_id" in message:
        number = message["forward_from_message_id"]
        return {"type": "channel", "chat": chat, "message_id": number, **signature, **common}
    if isinstance(chat, dict):
        return {"type": "chat", "sender_chat": chat, **signature, **common}
    return {"type": "hidden_user", "sender_user_name": message.get("forward_sender_name") or "", **common}
