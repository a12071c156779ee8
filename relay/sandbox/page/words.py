"""A few words of what is on its way. Pure."""

from typing import Any, Final

#: Kinds of content by the field that holds it, the telling ones first.
KINDS: Final = {
    "animation": "GIF",
    "photo": "photo",
    "video": "video",
    "video_note": "video note",
    "voice": "voice message",
    "audio": "audio",
    "sticker": "sticker",
    "document": "file",
    "venue": "place",
    "location": "place",
    "contact": "contact",
}
#: What Kit's functions may attach.
_ATTACHED: Final = {
    "telegram_inline_keyboard_markup": "buttons",
    "telegram_reply_keyboard_markup": "keyboard",
    "telegram_reply_keyboard_remove": "no keyboard",
}
_LONGEST: Final = 80

Json = dict[str, Any]


def chat_of(update: Json) -> tuple[int | None, int | None]:
    """The chat and the message that an update is about."""
    for content in update.values():
        if not isinstance(content, dict):
            continue
        message = content.get("message", content)
        if isinstance(message, dict) and isinstance(message.get("chat"), dict):
            return message["chat"].get("id"), message.get("message_id")
    return None, None


def what_of_update(update: Json) -> str:
    """What a customer did."""
    if message := update.get("message"):
        return what_of_message(message)
    if edited := update.get("edited_message"):
        return f"edit: {what_of_message(edited)}"
    if reaction := update.get("message_reaction"):
        return f"reaction {''.join(one.get('emoji', '★') for one in reaction['new_reaction']) or 'taken back'}"
    if query := update.get("callback_query"):
        return f"button {query.get('data', '')}"
    if member := update.get("my_chat_member"):
        return "blocked the bot" if member["new_chat_member"]["status"] == "kicked" else "unblocked the bot"
    return "update"


def what_of_message(message: Json) -> str:
    """A message of Telegram's."""
    said = message.get("text") or message.get("caption")
    kind = next((word for field, word in KINDS.items() if field in message), None)
    return shortened(" · ".join(filter(None, (kind, said))) or "message")


def what_of_event(event: Json) -> str:
    """A callback of Kit's."""
    if event.get("event_type") == "close_conversation":
        return "conversation closed"
    message = event.get("event_data", {}).get("message", {})
    kinds = [_ATTACHED.get(str(kind), str(kind)) for kind in (item.get("type") for item in message.get("payload", []))]
    return shortened(" · ".join(filter(None, (", ".join(kinds), message.get("text")))) or "message")


def shortened(text: str) -> str:
    """One line of it."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
