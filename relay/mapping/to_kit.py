"""From a Telegram update to an event for Kit. Pure: what varies by the moment comes in with the context.

Never raises for an update that python-telegram-bot has parsed, and never makes an empty message.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote
from uuid import UUID, uuid5

import orjson
from telegram import Update

from relay.mapping.content import Content, File, read_content
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
    if not (is_id(chat.id) and is_id(sender.id)):
        return Declined("an id that Telegram cannot have given")
    # PTB's attribute warns of its own future; its dictionary doesn't.
    if edited and message.location is not None and "live_period" in message.location.to_dict():
        return Declined("a step of a live location, not its end")
    content = read_content(message)
    return make_event(context, update.update_id, message.message_id, sender, chat.id, content, edited=edited)


class Sender(Protocol):
    """Who wrote: a User, a Chat in its place, or what `plain` reads."""

    @property
    def id(self) -> int: ...  # noqa: D102 - the names say it
    @property
    def first_name(self) -> str | None: ...  # noqa: D102
    @property
    def last_name(self) -> str | None: ...  # noqa: D102
    @property
    def username(self) -> str | None: ...  # noqa: D102


def make_event(  # noqa: PLR0913 - an event has so many parts
    context: KitContext,
    update_id: object,
    message_id: object,
    sender: Sender,
    chat_id: int,
    content: Content,
    *,
    edited: bool = False,
) -> Accepted:
    """The event for a message of a private chat, whatever way it was read."""
    update_number = clean(str(update_id))[:32]
    text, file = content.text, content.file
    media: tuple[Media, ...] = ()
    body: dict[str, Any] = {"message_id": clean(str(message_id))[:32] or "0"}
    if file is not None and file.size is not None and file.size > context.download_limit:
        text = "\n".join(filter(None, (_too_large(file), text)))
    elif file is not None:
        media = (Media(context.new_media_id(), file.file_id, file.name, file.mime_type, file.size),)
        url = f"{context.public_url}/media/{media[0].id}/{quote(file.name, safe='')}"
        body["payload"] = [{"type": file.kind, "file_name": file.name, "file_url": url}]
    if edited:
        body["message_id"] += f".edit.{update_number}"
        text = f"✏️ {text}".rstrip()
    if text:
        body["text"] = text
    event = {
        "client_data": _client_data(sender),
        "event_id": str(uuid5(RELAY_NAMESPACE, f"{context.channel}:{update_number}:0")),
        "event_type": "send_message",
        "event_data": {"message": body},
    }
    client_id = str(sender.id)
    return Accepted(Draft("to_kit", client_id, orjson.dumps(event).decode()), ClientLink(client_id, chat_id), media)


def _client_data(sender: Sender) -> dict[str, str]:
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


def is_id(value: object) -> bool:
    """Whether Telegram can have given this id."""
    # PTB takes what stands in the JSON; a database takes 64 bits.
    return isinstance(value, int) and abs(value) < 2**63
