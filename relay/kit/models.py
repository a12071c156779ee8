"""What Kit and the relay say to each other, as JSON: the event that we send, the events that Kit calls back with.

Source: https://voximplant.com/kit/docs/channels/custom and the official client's models. What we send is strict. What
we receive is read with tolerance: an unknown field, payload type or event type costs no message.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

MediaKind = Literal["photo", "video", "audio", "document"]
KeyboardKind = Literal[
    "telegram_inline_keyboard_markup", "telegram_reply_keyboard_markup", "telegram_reply_keyboard_remove"
]
KEYBOARD_KINDS: frozenset[str] = frozenset(get_args(KeyboardKind))
MEDIA_KINDS: frozenset[str] = frozenset(get_args(MediaKind))

# Kit documents no limits. Ours are far above anything seen, so that only a hostile body ever meets them.
MAX_TEXT = 100_000  #: Characters.
MAX_URL = 8192  #: Characters.
MAX_ITEMS = 100

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def mend(value: object) -> object:
    """Text with each lone surrogate, which no UTF-8 can carry, visibly replaced; anything else as it is."""
    return _LONE_SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value


def _digits(value: object) -> object:
    # A short number may come as a JSON number.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _nothing_if_list(value: object) -> object:
    # PHP, which Kit's own client is written in, serialises an object without fields as [].
    return None if value == [] else value


_LONGEST_LINE = 1024  #: Characters.
_Line = Annotated[str, BeforeValidator(mend), Field(max_length=_LONGEST_LINE)]
_Text = Annotated[str, BeforeValidator(mend), Field(max_length=MAX_TEXT)]
_Url = Annotated[str, BeforeValidator(mend), Field(max_length=MAX_URL)]
# The last validator comes first. Pydantic's own `coerce_numbers_to_str` has no effect behind another validator.
_Id = Annotated[str, BeforeValidator(mend), BeforeValidator(_digits), Field(min_length=1, max_length=256)]
_Integer = Annotated[int, Field(ge=-(2**63), lt=2**63)]
_Degrees = Annotated[float, Field(allow_inf_nan=False, ge=-360, le=360)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Tolerant(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class MediaItem(_Strict):
    """A file that the other side fetches from `file_url`."""

    type: MediaKind
    file_name: _Line | None = None
    file_url: _Url


class LocationItem(_Strict):
    """A point on the map, in degrees."""

    type: Literal["location"] = "location"
    latitude: _Degrees
    longitude: _Degrees
    address: _Line | None = None


class AddressItem(_Strict):
    """A place of Kit's of which nothing can be used but its address."""

    type: Literal["location"] = "location"
    address: _Line


class ContactItem(_Strict):
    """A business card. `avatar` is a URL."""

    type: Literal["contact"] = "contact"
    name: _Line | None = None
    number: Annotated[_Line | None, BeforeValidator(_digits)] = None
    avatar: _Url | None = None


class KeyboardItem(_Strict):
    """Buttons that a function of Kit's attaches for Telegram; `fields` is the item as it came."""

    type: KeyboardKind
    fields: dict[str, Any]


class OtherItem(_Tolerant):
    """A payload item that the relay cannot use: of an unknown type, or without the data that its type needs."""

    type: _Line


Item = MediaItem | LocationItem | ContactItem


class Utm(_Strict):
    """Where the customer came from, in the words of the campaign."""

    source: _Line | None = None
    campaign: _Line | None = None
    content: _Line | None = None
    medium: _Line | None = None
    term: _Line | None = None


class Page(_Strict):
    """The web page that the customer came from."""

    url: _Url | None = None
    title: _Line | None = None


class Location(_Strict):
    """Where the customer is, as far as known. Degrees."""

    latitude: _Degrees | None = None
    longitude: _Degrees | None = None
    country: _Line | None = None
    country_code: _Line | None = None
    region: _Line | None = None
    region_code: _Line | None = None
    city: _Line | None = None
    ip_address: _Line | None = None


class Device(_Strict):
    """What the customer writes on."""

    type: _Line | None = None
    model: _Line | None = None
    user_agent: _Line | None = None


class ClientData(_Strict):
    """The customer. Sent whole each time; what is unknown is left out, never null or empty."""

    client_id: _Id
    client_phone: _Line | None = None
    client_avatar: _Url | None = None
    client_display_name: _Line | None = None
    client_email: _Line | None = None
    client_language: _Line | None = None
    utm: Utm | None = None
    page: Page | None = None
    location: Location | None = None
    device: Device | None = None


class OutgoingMessage(_Strict):
    """A customer's message. Refuses to be empty: it has words, or at least one payload item."""

    message_id: _Id
    text: _Text | None = None
    payload: Annotated[list[Annotated[Item, Field(discriminator="type")]], Field(max_length=MAX_ITEMS)] | None = None

    @model_validator(mode="after")
    def _has_content(self) -> Self:
        if not self.payload and not (self.text or "").strip():
            raise ValueError("a message needs text or payload")
        return self


class OutgoingData(_Strict):
    """The `event_data` of a `SendEvent`."""

    message: OutgoingMessage


class SendEvent(_Strict):
    """The one event that Kit takes from a channel."""

    client_data: ClientData
    event_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
    event_type: Literal["send_message"] = "send_message"
    event_data: OutgoingData

    def to_json(self) -> str:
        """The request body. Unset fields are left out: Kit's own client never sends null."""
        return self.model_dump_json(exclude_none=True)


def _mark(value: object) -> object:
    """A name, number or address that may be missing: what cannot be read as one costs nothing but itself."""
    value = _digits(value)
    return value[:_LONGEST_LINE] if isinstance(value, str) and value else None


def _read_item(value: object) -> object:
    """One raw payload item as the first of our models that it fits, or the confession that it is unusable.

    Never raises: what is wrong with one item must cost neither the words nor the other items.
    """
    if isinstance(value, BaseModel):
        return value
    raw = value if isinstance(value, dict) else {}
    named = raw.get("type")
    kind = named if isinstance(named, str) else "untyped"
    for read in _readings(kind, raw):
        with suppress(ValidationError, OverflowError):
            return read()
    return OtherItem(type=kind[:64])


def _readings(kind: str, raw: dict[str, Any]) -> Iterator[Callable[[], Item | AddressItem | KeyboardItem]]:
    if kind in MEDIA_KINDS:
        # Kit's functions write `url` where the channel's documentation has `file_url`.
        url = raw.get("file_url") or raw.get("url")
        if url:
            yield lambda: MediaItem(type=kind, file_name=_mark(raw.get("file_name")), file_url=url)
    elif kind == "location":
        address = _mark(raw.get("address"))
        yield lambda: LocationItem(latitude=raw.get("latitude"), longitude=raw.get("longitude"), address=address)
        if address is not None:
            yield lambda: AddressItem(address=address)
    elif kind == "contact":
        name, number, avatar = (_mark(raw.get(name)) for name in ("name", "number", "avatar"))
        if name or number:
            yield lambda: ContactItem(name=name, number=number, avatar=avatar)
    elif kind in KEYBOARD_KINDS:
        yield lambda: KeyboardItem(type=kind, fields={name: each for name, each in raw.items() if name != "type"})


def _tag_item(value: object) -> str:
    return next(tag for model, tag in _TAGS.items() if isinstance(value, model))


def _read_payload(value: object) -> object:
    # What is no list is one item, and very likely one that is unusable: that is for `_read_item` to say.
    return value if isinstance(value, list | tuple) or value is None else [value]


_TAGS: dict[type[BaseModel], str] = {
    MediaItem: "media",
    LocationItem: "location",
    AddressItem: "address",
    ContactItem: "contact",
    KeyboardItem: "keyboard",
    OtherItem: "other",
}
IncomingItem = Annotated[
    Annotated[MediaItem, Tag("media")]
    | Annotated[LocationItem, Tag("location")]
    | Annotated[AddressItem, Tag("address")]
    | Annotated[ContactItem, Tag("contact")]
    | Annotated[KeyboardItem, Tag("keyboard")]
    | Annotated[OtherItem, Tag("other")],
    Discriminator(_tag_item),
    BeforeValidator(_read_item),
]


class SenderData(_Tolerant):
    """Who speaks for the company: an agent, or a bot. Auto-replies may leave all of it out."""

    sender_id: _Integer | None = None
    sender_username: _Line | None = None
    sender_display_name: _Line | None = None
    sender_avatar: _Url | None = None
    sender_email: _Line | None = None
    sender_type: _Line | None = None
    is_bot: bool | None = None


_Sender = Annotated[SenderData | None, BeforeValidator(_nothing_if_list)]


class IncomingClient(_Tolerant):
    """Whom an event is about: the `client_id` that we once sent."""

    client_id: _Id


class IncomingMessage(_Tolerant):
    """What an agent, a bot or a Kit function says. Text and payload may both be missing."""

    message_id: _Id | None = None
    text: _Text | None = None
    payload: Annotated[
        Annotated[list[IncomingItem], Field(max_length=MAX_ITEMS)] | None, BeforeValidator(_read_payload)
    ] = None


class MessageData(_Tolerant):
    """The `event_data` of a `SendMessageEvent`."""

    sender_data: _Sender = None
    message: Annotated[IncomingMessage | None, BeforeValidator(_nothing_if_list)] = None


class CloseData(_Tolerant):
    """The `event_data` of a `CloseConversationEvent`."""

    close_reason: _Line | None = None
    sender_data: _Sender = None


class SendMessageEvent(_Tolerant):
    """The company says something to the customer."""

    client_data: IncomingClient
    event_id: str
    event_type: Literal["send_message"] = "send_message"
    event_data: MessageData


class CloseConversationEvent(_Tolerant):
    """The conversation was closed; `close_reason` says by whom, in capitals."""

    client_data: IncomingClient
    event_id: str
    event_type: Literal["close_conversation"] = "close_conversation"
    event_data: Annotated[CloseData | None, BeforeValidator(_nothing_if_list)] = None


class OtherEvent(_Tolerant):
    """An event of a type that the relay doesn't know. It is stored, counted and otherwise ignored."""

    event_id: str
    event_type: _Line


Event = SendMessageEvent | CloseConversationEvent | OtherEvent
