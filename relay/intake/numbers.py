"""Under which numbers the two sides know what a letter is about, from its raw JSON, whatever else is odd in it."""

from collections.abc import Mapping
from typing import Any


def message_id_of(source: str, document: Mapping[str, Any]) -> object:
    """The number of the message at its own side: Telegram's, or Kit's. None: it is about no message."""
    if source == "kit":
        return as_object(as_object(document.get("event_data")).get("message")).get("message_id")
    told = told_in(document)
    return told.get("message_id", as_object(told.get("message")).get("message_id"))


def chat_id_of(update: Mapping[str, Any]) -> object:
    """The id of the chat that an update is about. A Business account's chats are its owner's, and are not meant."""
    told = told_in(update)
    if "business_connection_id" in told:
        return None
    return as_object(told.get("chat") or as_object(told.get("message")).get("chat")).get("id")


def told_in(update: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an update tells of: its one field beside the id."""
    for name, value in update.items():
        if name != "update_id" and isinstance(value, dict):
            return value
    return {}


def as_object(value: object) -> Mapping[str, Any]:
    """The value, if it is a JSON object; else an empty one."""
    return value if isinstance(value, dict) else {}
