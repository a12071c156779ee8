"""What Kit says, as the relay understands it: frozen values, whatever JSON `relay.kit.reading` found them in."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar, Final, Literal

from relay.kit.limits import MediaKind
from relay.model import value

KeyboardKind = Literal[
    "telegram_inline_keyboard_markup", "telegram_reply_keyboard_markup", "telegram_reply_keyboard_remove"
]
#: `any`: of a type that Kit's documentation does not list. Its bytes say more.
FileKind = MediaKind | Literal["any"]

#: Buttons that Kit's functions attach for other channels.
BUTTONS_FOR_OTHERS: Final = frozenset({"webchat_inline_buttons", "whatsapp_edna_keyboard"})
#: Types of items that speak to Kit itself or to other channels: nothing of them is meant for a customer in Telegram.
FOR_OTHERS: Final = BUTTONS_FOR_OTHERS | {"properties", "cmd", "custom_data"}
#: What an item without a type is called.
UNTYPED: Final = "untyped"


@value(frozen=True, slots=True)
class FileItem:
    """A file that the relay fetches from `url`."""

    kind: FileKind
    url: str
    name: str | None = None


@value(frozen=True, slots=True)
class PlaceItem:
    """A point on the map, in degrees."""

    latitude: float
    longitude: float
    address: str | None = None


@value(frozen=True, slots=True)
class CardItem:
    """A business card: at least one of the two is there."""

    name: str | None = None
    number: str | None = None


@value(frozen=True, slots=True)
class WordsItem:
    """Words of their own, such as a place's address of which the point is missing."""

    text: str


@value(frozen=True, slots=True)
class KeyboardItem:
    """Buttons that a function of Kit's attaches for Telegram.

    https://github.com/voximplant/kit-functions-sdk, `setTelegramInlineKeyboard` and its neighbours.
    """

    type: KeyboardKind
    rows: tuple[tuple[Mapping[str, Any], ...], ...] = ()  #: Buttons as they came.
    params: Mapping[str, Any] = field(default_factory=dict)


@value(frozen=True, slots=True)
class UnusableItem:
    """A payload item of which nothing can be made: of an unknown type, or without the data that its type needs."""

    type: str


IncomingItem = FileItem | PlaceItem | CardItem | WordsItem | KeyboardItem | UnusableItem


@value(frozen=True, slots=True)
class SendMessageEvent:
    """An agent, a bot or a Kit function says something to the customer. Text and items may both be missing."""

    event_type: ClassVar[str] = "send_message"
    event_id: str
    client_id: str
    text: str = ""
    items: tuple[IncomingItem, ...] = ()
    agent_name: str = ""  #: What Kit calls, to customers, whoever wrote.
    by_agent: bool = False  #: A person wrote it, not a bot, a function or an automatic reply.


@value(frozen=True, slots=True)
class CloseConversationEvent:
    """The conversation was closed; `reason` says by whom, in capitals."""

    event_type: ClassVar[str] = "close_conversation"
    event_id: str
    client_id: str | None  #: None: it does not say whose.
    reason: str = ""


@value(frozen=True, slots=True)
class OtherEvent:
    """An event of a type that the relay doesn't know. It is stored, counted and otherwise ignored."""

    event_id: str
    event_type: str


Event = SendMessageEvent | CloseConversationEvent | OtherEvent
