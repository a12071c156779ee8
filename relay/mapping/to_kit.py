"""From a Telegram update to an event for Kit. Pure: what varies by the moment comes in with the context.

Never raises for an update that python-telegram-bot has parsed, and never makes an empty message.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID, uuid5

from telegram import Chat, Message, Update, User

from relay.mapping.content import File, read_content
from relay.mapping.text import clean
from relay.mapping.updates import why_not_carried
from relay.model import Accepted, ClientLink, Declined, Draft, Media, Outcome

#: Event ids are derived in this namespace. It is fixed for ever: another one would repeat every event.
RELAY_NAMESPACE: Final = UUID("e1fb4162-f2ad-4ce2-a55c-9a5d90eee1ad")


@dataclass(frozen=True, slots=True)
class KitContext:
    """What mapping needs to know beyond the update."""

    channel: str  #: The bot's id.
    public_url: str  #: The relay's own, as Kit sees it; without a slash at the end.
    new_media_id: Callable[[], str]  #: Gives 128 random bits, URL-safe.
    download_limit: int = 20 * 2**20  #: Bytes that Telegram lets a bot download.


def map_update(update: Update, context: KitContext) -> Outcome:
    """The event that tells Kit of the update, or the reason why there is none."""
    message, edited = update.message, False
    if message is None:
        message, edited = update.edited_message, True
    if message is None:
        return Declined(why_not_carried(update))
    chat, sender = message.chat, message.from_user or message.chat
    if chat.type != "private":
        return Declined("not a private chat")
    if getattr(sender, "is_bot", False):
        return Declined("a message from a bot")
    if not (_is_id(chat.id) and _is_id(sender.id)):
        return Declined("an id that Telegram cannot have given")
    # PTB's attribute warns of its own future; its dictionary doesn't.
    if edited and message.location is not None and "live_period" in message.location.to_dict():
        return Declined("a step of a live location, not its end")
    return _tell(update, message, context, edited=edited)


def _tell(update: Update, message: Message, context: KitContext, *, edited: bool) -> Accepted:
    sender = message.from_user or message.chat
    update_id = clean(str(update.update_id))[:32]
    content = read_content(message)
    text, file = content.text, content.file
    media: tuple[Media, ...] = ()
    body: dict[str, Any] = {"message_id": clean(str(message.message_id))[:32] or "0"}
    if file is not None and file.size is not None and file.size > context.download_limit:
        text = "\n".join(filter(None, (_too_large(file), text)))
    elif file is not None:
        media = (Media(context.new_media_id(), file.file_id, file.name, file.mime_type, file.size),)
        url = f"{context.public_url}/media/{media[0].id}/{quote(file.name, safe='')}"
        body["payload"] = [{"type": file.kind, "file_name": file.name, "file_url": url}]
    if edited:
        body["message_id"] += f".edit.{update_id}"
        text = f"✏️ {text}".rstrip()
    if text:
        body["text"] = text
    event = {
        "client_data": _client_data(sender),
        "event_id": str(uuid5(RELAY_NAMESPACE, f"{context.channel}:{update_id}:0")),
        "event_type": "send_message",
        "event_data": {"message": body},
    }
    client_id = str(sender.id)
    return Accepted(Draft("to_kit", client_id, json.dumps(event)), ClientLink(client_id, message.chat.id), media)


def _client_data(sender: User | Chat) -> dict[str, str]:
    data = {"client_id": str(sender.id)}
    name = f"{clean(sender.first_name)} {clean(sender.last_name)}".strip()
    if not name and (username := clean(sender.username)):
        name = f"@{username}"
    if name:
        data["client_display_name"] = name[:256]
    if language := clean(getattr(sender, "language_code", None)):
        data["client_language"] = language[:64]
    return data


def _too_large(file: File) -> str:
    size = f"{(file.size or 0) / 2**20:.1f} MB"
    return f"[{file.noun}] {file.name}, {size}: too large to be passed on"


def _is_id(value: object) -> bool:
    # PTB takes what stands in the JSON; a database takes 64 bits.
    return isinstance(value, int) and abs(value) < 2**63
