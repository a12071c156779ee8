"""The event that tells Kit what a customer did, whatever way that was read. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha1
from typing import Any, Final, Literal
from urllib.parse import quote
from uuid import UUID

import orjson

from relay.mapping.content.content import Card, Content, File, Place
from relay.mapping.event.clients import Sender, client_data, meet
from relay.mapping.event.forms import shown
from relay.mapping.text.language import heading, say
from relay.mapping.text.text import clean
from relay.model import Accepted, Address, Client, Draft, Known, Media, Said, value
from relay.words.catalogue import ENGLISH

#: Event ids are derived in this namespace. It is fixed for ever: another one would repeat every event.
RELAY_NAMESPACE: Final = UUID("e1fb4162-f2ad-4ce2-a55c-9a5d90eee1ad")
_NAMESPACE: Final = RELAY_NAMESPACE.bytes
#: When the customer is asked to share their phone number: never, at Start, or only when they send /phone.
AskPhone = Literal["off", "start", "command"]
#: Of whom nothing is remembered.
STRANGER: Final = Known()


@dataclass(frozen=True, slots=True)
class KitContext:
    """What mapping needs to know beyond the update."""

    channel: str  #: The bot's id.
    public_url: str  #: The relay's own, as Kit sees it; without a slash at the end.
    new_media_id: Callable[[], str]  #: Gives 128 random bits, URL-safe.
    download_limit: int = 20 * 2**20  #: Bytes that Telegram lets a bot download.
    language: str = ENGLISH  #: The agents'.
    ask_phone: AskPhone = "off"
    forms: Mapping[str, str] = field(default_factory=dict)  #: Into what the relay can convert, by media type.
    alert_chat: int | None = None  #: Where people are called who look after the relay: nobody there is a customer.
    leave_groups: bool = True  #: Groups and channels, as soon as somebody takes the bot in.
    owners: dict[str, int] = field(default_factory=dict)  #: Of Business accounts, by their connections' ids.
    served_owners: frozenset[int] = frozenset()  #: Of Business accounts, those that are served; empty: all.
    greets: bool = False  #: Who presses Start is greeted.
    holds_starts: bool = False  #: Agents hear of a Start only when words follow, unless a conversation is open.
    limits_customers: bool = False  #: Of one customer, not more than `limits.MOST` wait for Kit.


@value(frozen=True, slots=True)
class Origin:
    """Where an event comes from: the update, the message in it, and the client who is behind it."""

    update_id: object
    message_id: object
    sender: Sender
    client_id: str
    address: Address
    own: bool = False  #: Said to the client by the account or channel itself, past the bot.
    written_at: float | None = None  #: Unix time, if Telegram tells.


@value(frozen=True, slots=True)
class Ids:
    """What Kit knows an event and its message by."""

    event: str
    message: str


@value(frozen=True, slots=True)
class Carried:
    """What Kit gets of a content: words, payload items, and the capabilities that open the files among these."""

    text: str
    items: list[dict[str, Any]]
    media: list[Media]


def make_event(
    context: KitContext,
    origin: Origin,
    content: Content,
    known: Known,
    *,
    ids: Ids | None = None,
    said: tuple[Said, ...] = (),
) -> Accepted:
    """The event for what a customer did, whatever way it was read; under other `ids` than those of a new message."""
    client = client_after(origin, content, known)
    carried = carry(context, content)
    ids = ids or ids_of(context, origin)
    body = make_body(context, client, ids.event, ids.message, carried.text, carried.items)
    draft = Draft("to_kit", client.client_id, body, written_at=origin.written_at)
    return Accepted(draft, None if origin.own else client, tuple(carried.media), said)


def client_after(origin: Origin, content: Content, known: Known) -> Client:
    """The client as they are after something was said in their chat: by them, or past them."""
    if origin.own and known.client is not None:
        return known.client
    return meet(origin.client_id, origin.address, origin.sender, known.client, content)


def ids_of(context: KitContext, origin: Origin, again: str = "") -> Ids:
    """The ids, derived and never drawn: a retry is the same event.

    `again` names what happened to a message that Kit has already: it sets the ids of the two apart.
    """
    update = clean(str(origin.update_id))[:32]
    number = clean(str(origin.message_id))[:32].strip() or "0"
    event = derived_id(f"{context.channel}:{update}:0")
    return Ids(event, f"{number}.{again}.{update}" if again else number)


def derived_id(name: str) -> str:
    """The UUID of this name in our namespace, version 5, in the form that Kit takes.

    https://www.rfc-editor.org/rfc/rfc9562#section-5.5. Python's own `uuid5` takes four times as long: it makes a number
    of the digest, and of the number the digits.
    """
    digits = sha1(_NAMESPACE + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def large_files(context: KitContext, content: Content) -> list[File]:
    """The files that Telegram will not let the bot download."""
    return [item for item in content.items if isinstance(item, File) and item.is_over(context.download_limit)]


def say_large(context: KitContext, content: Content) -> Content:
    """The content with a line in front of its words for each file that cannot be had, in the language that is spoken.

    To be asked before anything is put before the words: what a message answers comes before what it holds.
    """
    large = large_files(context, content)
    if not large:
        return content
    lines = [heading(item.noun, say("too_large", name=item.name, megabytes=(item.size or 0) / 2**20)) for item in large]
    items = tuple(item for item in content.items if item not in large)
    return replace(content, text="\n".join(filter(None, (*lines, content.text))), items=items)


def carry(context: KitContext, content: Content) -> Carried:
    """What Kit gets of the content. Makes capabilities for its files."""
    if not content.items:
        return Carried(content.text, [], [])
    return Carried(content.text, *_payload(context, content.items))


def make_body(
    context: KitContext, client: Client, event: str, message: str, text: str, items: list[dict[str, Any]]
) -> str:
    """The event as JSON; what is not there is left out."""
    body: dict[str, Any] = {"message_id": message}
    if items:
        body["payload"] = items
    if text:
        body["text"] = text
    whole = {
        "client_data": client_data(client, context.public_url),
        "event_id": event,
        "event_type": "send_message",
        "event_data": {"message": body},
    }
    return orjson.dumps(whole).decode()


def _payload(context: KitContext, items: Iterable[File | Place | Card]) -> tuple[list[dict[str, Any]], list[Media]]:
    """Kit's items, and the capabilities that open the files among them."""
    payload: list[dict[str, Any]] = []
    media: list[Media] = []
    for item in items:
        if isinstance(item, Place | Card):
            payload.append({"type": "location" if isinstance(item, Place) else "contact", **asdict(item)})
        elif (form := shown(item, context.new_media_id(), context.forms)) is not None:
            kind, capability = form
            url = f"{context.public_url}/media/{capability.id}/{quote(capability.name, safe='')}"
            payload.append({"type": kind, "file_name": capability.name, "file_url": url})
            media.append(capability)
    return payload, media
