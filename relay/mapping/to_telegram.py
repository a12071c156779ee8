"""From an event of Kit's to the steps that tell the customer in Telegram. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from relay.kit.models import (
    AddressItem,
    CloseConversationEvent,
    ContactItem,
    Event,
    IncomingItem,
    IncomingMessage,
    Item,
    KeyboardItem,
    LocationItem,
    MediaItem,
    OtherEvent,
    OtherItem,
    SenderData,
    SendMessageEvent,
)
from relay.mapping.card_steps import person, person_in_words, place, place_in_words
from relay.mapping.closings import map_closing
from relay.mapping.keyboards import keyboard, put_under
from relay.mapping.names import file_name
from relay.mapping.text import clean, shorten, split, units
from relay.mapping.words import to_customer
from relay.model import Accepted, Declined, Draft, Known, Outcome, Wants
from relay.steps import MarkRead, SendAlbum, SendFile, SendText, Step, dump_steps

MAX_TEXT: Final = 4096  #: UTF-16 units (https://core.telegram.org/bots/api#sendmessage).
MAX_CAPTION: Final = 1024  #: UTF-16 units (https://core.telegram.org/bots/api#sendphoto).
MAX_AGENT_NAME: Final = 64  #: Characters as people see them.
MAX_ALBUM: Final = 10  #: Files (https://core.telegram.org/bots/api#sendmediagroup).


@dataclass(frozen=True, slots=True)
class TelegramContext:
    """What mapping needs to know beyond the event: the channel, and what the operator wants customers to see."""

    channel: str  #: The bot's id.
    show_agent_name: bool = False
    closing_texts: bool = False
    ask_rating: bool = False


def wants_of(event: Event) -> Wants:
    """What mapping the event needs to know of the client."""
    if isinstance(event, OtherEvent):
        return Wants()
    return Wants(event.client_data.client_id, newest=isinstance(event, SendMessageEvent))


def skipped_in(event: Event) -> tuple[str, ...]:
    """Types of payload items that cannot be carried, for the log."""
    if not isinstance(event, SendMessageEvent) or event.event_data.message is None:
        return ()
    payload = event.event_data.message.payload or []
    unknown = tuple(clean(item.type) for item in payload if isinstance(item, OtherItem))
    return unknown + _keyboard_in(payload)[1]


def map_event(event: Event, known: Known, context: TelegramContext) -> Outcome:
    """The steps for an event, or the reason why there are none."""
    if isinstance(event, SendMessageEvent):
        return _map_message(event, known, context)
    if isinstance(event, CloseConversationEvent):
        return map_closing(event, known, context.channel, says_so=context.closing_texts, asks=context.ask_rating)
    return Declined("unknown event type")


def _map_message(event: SendMessageEvent, known: Known, context: TelegramContext) -> Outcome:
    client_id, message = event.client_data.client_id, event.event_data.message or IncomingMessage()
    payload = message.payload or []
    items = [item for item in payload if not isinstance(item, OtherItem | KeyboardItem)]
    name = _name_of_agent(event.event_data.sender_data) if context.show_agent_name else ""
    language = known.client.language if known.client is not None else ""
    frame = _under(name, language) if name else _as_it_is
    steps = _steps(clean(message.text), items, frame)
    markup, _ = _keyboard_in(payload)
    if steps and markup is not None:
        steps = put_under(steps, markup)
    if not steps:
        return Declined("nothing in it that Telegram could show" if payload else "empty message")
    return Accepted(Draft("to_telegram", client_id, dump_steps([*_read_mark(known), *steps])))


def _read_mark(known: Known) -> list[Step]:
    """In a Business account's chat, who answers has read what was asked."""
    may_read = known.connection is not None and known.connection.may_read
    return [MarkRead(known.newest)] if may_read and known.newest is not None else []


def _keyboard_in(payload: Sequence[IncomingItem]) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The first keyboard, since a message can have but one; and what was left out, for the log."""
    markup: dict[str, Any] | None = None
    left_out: list[str] = []
    for item in payload:
        if isinstance(item, KeyboardItem):
            found, dropped = keyboard(item)
            left_out += dropped
            if found is not None and markup is not None:
                left_out.append(f"{item.type}: another keyboard")
            markup = markup or found
    return markup, tuple(left_out)


def _name_of_agent(sender: SenderData | None) -> str:
    """What Kit calls, to customers, whoever wrote; "" if nothing. User names are for colleagues."""
    return "" if sender is None else shorten(clean(sender.sender_display_name), MAX_AGENT_NAME).strip()


def _under(name: str, language: str) -> Callable[[str], str]:
    return lambda text: to_customer(language, "customer.agent_wrote", name=name, text=text)


def _as_it_is(text: str) -> str:
    return text


def _steps(text: str, items: Sequence[Item | AddressItem], frame: Callable[[str], str]) -> list[Step]:
    """The text first, in front of the items or as the caption of the first one; then the items in their order.

    `frame` puts the agent's name to the text.
    """
    caption = None
    if text.strip() and items and isinstance(items[0], MediaItem) and units(frame(text)) <= MAX_CAPTION:
        caption = frame(text)
    steps = [] if caption else _texts(text, frame)
    for item in items:
        match item:
            case MediaItem():
                steps.append(SendFile(item.type, item.file_url, _name_of(item), caption))
                caption = None
            case AddressItem():
                steps += _texts(clean(item.address))
            case LocationItem():
                point = place(item)
                steps += [point] if point else _texts(place_in_words(item))
            case ContactItem():
                card = person(item)
                steps += [card] if card else _texts(person_in_words(item))
    return list(_in_albums(steps))


def _in_albums(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps in their order; of files that may share an album as many as it takes, a lone rest on its own."""
    for company, group in groupby(steps, _company):
        if company is None:
            yield from group
            continue
        files = [step for step in group if isinstance(step, SendFile)]
        for start in range(0, len(files), MAX_ALBUM):
            together = tuple(files[start : start + MAX_ALBUM])
            yield SendAlbum(together) if len(together) > 1 else together[0]


def _company(step: Step) -> str | None:
    """What files must have in common to share an album; None for what is no file."""
    if not isinstance(step, SendFile):
        return None
    return "pictures" if step.kind in {"photo", "video"} else step.kind


def _texts(text: str, frame: Callable[[str], str] = _as_it_is) -> list[Step]:
    first, *others = split(text, MAX_TEXT - units(frame(""))) or [""]
    return [SendText(part) for part in (frame(first), *others)] if first else []


def _name_of(item: MediaItem) -> str:
    """The name that Kit gave, else the last part of the URL's path, else the kind."""
    try:
        path = urlsplit(item.file_url).path
    except ValueError:
        path = ""
    return file_name(item.file_name, file_name(unquote(path.rpartition("/")[2]), item.type))
