"""From a Telegram update to an event for Kit. Pure: what varies by the moment comes in with the context.

Never raises for an update that python-telegram-bot has parsed, and never makes an empty message.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Protocol
from urllib.parse import quote
from uuid import UUID, uuid5

import orjson
from telegram import Chat, MessageReactionUpdated, Update, User

from relay.mapping.content import Card, Content, File, Place
from relay.mapping.reactions import read_reaction
from relay.mapping.reading import read_content
from relay.mapping.references import references
from relay.mapping.text import clean
from relay.mapping.updates import why_not_carried
from relay.mapping.words import heading, say, speaking
from relay.model import Accepted, ClientLink, Declined, Draft, Media, Outcome
from relay.words.catalogue import ENGLISH

#: Event ids are derived in this namespace. It is fixed for ever: another one would repeat every event.
RELAY_NAMESPACE: Final = UUID("e1fb4162-f2ad-4ce2-a55c-9a5d90eee1ad")


@dataclass(frozen=True, slots=True)
class KitContext:
    """What mapping needs to know beyond the update."""

    channel: str  #: The bot's id.
    public_url: str  #: The relay's own, as Kit sees it; without a slash at the end.
    new_media_id: Callable[[], str]  #: Gives 128 random bits, URL-safe.
    download_limit: int = 20 * 2**20  #: Bytes that Telegram lets a bot download.
    language: str = ENGLISH  #: The agents'.


def map_update(update: Update, context: KitContext) -> Outcome:
    """The event that tells Kit of the update, or the reason why there is none."""
    with speaking(context.language):
        return _map_update(update, context)


def _map_update(update: Update, context: KitContext) -> Outcome:
    message, edited = update.message, False
    if message is None:
        message, edited = update.edited_message, True
    if message is None:
        reaction = update.message_reaction
        return Declined(why_not_carried(update)) if reaction is None else _map_reaction(update, reaction, context)
    chat, sender = message.chat, message.from_user or message.chat
    if reason := _why_not(chat, sender):
        return Declined(reason)
    # PTB's attribute warns of its own future; its dictionary doesn't.
    if edited and message.location is not None and "live_period" in message.location.to_dict():
        return Declined("a step of a live location, not its end")
    content = read_content(message)
    if before := references(message):
        content = replace(content, text=f"{before}\n{content.text}".rstrip())
    if edited:
        content = replace(content, text=say("edited", text=content.text).rstrip())
    again = "edit" if edited else ""
    return make_event(context, update.update_id, message.message_id, sender, chat.id, content, again=again)


def _map_reaction(update: Update, reaction: MessageReactionUpdated, context: KitContext) -> Outcome:
    chat, sender = reaction.chat, reaction.user or reaction.chat
    if reason := _why_not(chat, sender):
        return Declined(reason)
    content = read_reaction(reaction)
    return make_event(context, update.update_id, reaction.message_id, sender, chat.id, content, again="reaction")


def _why_not(chat: Chat, sender: User | Chat) -> str:
    if chat.type != "private":
        return "not a private chat"
    if getattr(sender, "is_bot", False):
        return "a message from a bot"
    return "" if is_id(chat.id) and is_id(sender.id) else "an id that Telegram cannot have given"


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
    again: str = "",
) -> Accepted:
    """The event for what came out of a private chat, whatever way it was read.

    `again` names what happened to a message that Kit has already: it sets the ids of the two apart.
    """
    update_number = clean(str(update_id))[:32]
    text = content.text
    items: list[dict[str, Any]] = []
    media: list[Media] = []
    body: dict[str, Any] = {"message_id": clean(str(message_id))[:32] or "0"}
    if content.items:
        items, media, too_large = _payload(context, content.items)
        text = "\n".join(filter(None, (*too_large, text)))
    if items:
        body["payload"] = items
    if again:
        body["message_id"] += f".{again}.{update_number}"
    if text:
        body["text"] = text
    event = {
        "client_data": _client_data(sender, content),
        "event_id": str(uuid5(RELAY_NAMESPACE, f"{context.channel}:{update_number}:0")),
        "event_type": "send_message",
        "event_data": {"message": body},
    }
    client_id = str(sender.id)
    draft = Draft("to_kit", client_id, orjson.dumps(event).decode())
    return Accepted(draft, ClientLink(client_id, chat_id), tuple(media))


def _payload(
    context: KitContext, items: Iterable[File | Place | Card]
) -> tuple[list[dict[str, Any]], list[Media], list[str]]:
    """Kit's items, the capabilities that open the files among them, and a line for each file that is too large."""
    payload: list[dict[str, Any]] = []
    media: list[Media] = []
    too_large: list[str] = []
    for item in items:
        if isinstance(item, Place | Card):
            payload.append({"type": "location" if isinstance(item, Place) else "contact", **asdict(item)})
        elif item.size is not None and item.size > context.download_limit:
            with speaking(context.language):  # whoever makes the event: only such a line needs words here
                words = say("too_large", name=item.name, megabytes=item.size / 2**20)
                too_large.append(heading(item.noun, words))
        else:
            capability = Media(context.new_media_id(), item.file_id, item.name, item.mime_type, item.size)
            url = f"{context.public_url}/media/{capability.id}/{quote(item.name, safe='')}"
            payload.append({"type": item.kind, "file_name": item.name, "file_url": url})
            media.append(capability)
    return payload, media, too_large


def _client_data(sender: Sender, content: Content) -> dict[str, Any]:
    data: dict[str, Any] = {"client_id": str(sender.id)}
    name = f"{clean(sender.first_name)} {clean(sender.last_name)}".strip()
    if not name and (username := clean(sender.username)):
        name = f"@{username}"
    if name:
        data["client_display_name"] = name[:256]
    if language := clean(getattr(sender, "language_code", None)):
        data["client_language"] = language[:64]
    if content.phone:
        data["client_phone"] = content.phone
    if (position := content.position) is not None:
        data["location"] = {"latitude": position.latitude, "longitude": position.longitude}
    return data


def is_id(value: object) -> bool:
    """Whether Telegram can have given this id."""
    # PTB takes what stands in the JSON; a database takes 64 bits.
    return isinstance(value, int) and abs(value) < 2**63
