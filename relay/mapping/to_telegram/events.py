"""From an event of Kit's to the steps that tell the customer in Telegram. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, Literal, assert_never
from urllib.parse import unquote, urlsplit

from relay.kit.events import (
    CardItem,
    CloseConversationEvent,
    Event,
    FileItem,
    IncomingItem,
    KeyboardItem,
    OtherEvent,
    PlaceItem,
    SendMessageEvent,
    UnusableItem,
    WordsItem,
)
from relay.mapping.text.file_names import file_name
from relay.mapping.text.language import to_customer
from relay.mapping.text.people import one_line
from relay.mapping.text.text import clean, shorten, split, units
from relay.mapping.to_telegram.cards import person, person_in_words, place, place_in_words
from relay.mapping.to_telegram.closings import map_closing
from relay.mapping.to_telegram.keyboards import keyboard_in, put_under
from relay.model import Accepted, Client, Declined, Draft, Known, Outcome, Wants
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
    says = isinstance(event, SendMessageEvent)
    return Wants(event.client_id, newest=says, told_unknown=says)


def skipped_in(event: Event) -> tuple[str, ...]:
    """Types of payload items that cannot be carried, for the log."""
    if not isinstance(event, SendMessageEvent):
        return ()
    unknown = tuple(clean(item.type) for item in event.items if isinstance(item, UnusableItem))
    return unknown + keyboard_in(event.items)[1]


def map_event(event: Event, known: Known, context: TelegramContext) -> Outcome:
    """The steps for an event, or the reason why there are none."""
    if isinstance(event, SendMessageEvent):
        return _map_message(event, known, context)
    if isinstance(event, CloseConversationEvent):
        return map_closing(event, known, context.channel, says_so=context.closing_texts, asks=context.ask_rating)
    return Declined("unknown event type")


def _map_message(event: SendMessageEvent, known: Known, context: TelegramContext) -> Outcome:
    name = shorten(one_line(event.agent_name), MAX_AGENT_NAME).strip() if context.show_agent_name else ""
    language = known.client.language if known.client is not None else ""
    steps = _steps(clean(event.text), event.items, _under(name, language) if name else _as_it_is)
    if not steps:
        return Declined("nothing in it that Telegram could show" if event.items else "empty message")
    markup, _ = keyboard_in(event.items)
    if markup is not None:
        steps = put_under(steps, markup)
    return Accepted(
        Draft("to_telegram", event.client_id, dump_steps([*_read_mark(known), *steps])), _opened(event, known)
    )


def _opened(event: SendMessageEvent, known: Known) -> Client | None:
    """The client as they are now if the agent has begun another conversation: they are told what becomes of it.

    What comes just after the end of one may have been overtaken by that, and begins none.
    """
    client = known.client
    if client is None or client.open or known.closed_lately or not event.by_agent:
        return None
    return replace(client, open=True)


def _read_mark(known: Known) -> list[Step]:
    """In a Business account's chat, who answers has read what was asked."""
    may_read = known.connection is not None and known.connection.may_read
    return [MarkRead(known.newest)] if may_read and known.newest is not None else []


def _under(name: str, language: str) -> Callable[[str], str]:
    return lambda text: to_customer(language, "customer.agent_wrote", name=name, text=text)


def _as_it_is(text: str) -> str:
    return text


def _steps(text: str, items: Sequence[IncomingItem], frame: Callable[[str], str]) -> list[Step]:
    """The text first, in front of the items or as the caption of the first one; then the items in their order.

    `frame` puts the agent's name to the text.
    """
    shown = [item for item in items if not isinstance(item, UnusableItem | KeyboardItem)]
    if not shown:
        return _texts(text, frame)
    captioned = bool(text.strip() and isinstance(shown[0], FileItem)) and units(frame(text)) <= MAX_CAPTION
    steps = [] if captioned else _texts(text, frame)
    for item in shown:
        steps += _steps_of(item, frame(text) if captioned and item is shown[0] else None)
    return list(_in_albums(steps))


def _steps_of(item: FileItem | PlaceItem | CardItem | WordsItem, caption: str | None) -> list[Step]:
    match item:
        case FileItem():
            name, guessed = _name_of(item)
            return [SendFile(item.kind, item.url, name, caption, guessed=guessed)]
        case WordsItem():
            return _texts(clean(item.text))
        case PlaceItem():
            point = place(item)
            return [point] if point else _texts(place_in_words(item))
        case CardItem():
            card = person(item)
            return [card] if card else _texts(person_in_words(item))
        case _:
            assert_never(item)


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


def _name_of(item: FileItem) -> tuple[str, Literal[True] | None]:
    """The name that Kit gave; else, as a guess, the last part of the URL's path, or the kind."""
    if given := file_name(item.name, ""):
        return given, None
    try:
        parts = urlsplit(item.url)
        path = parts.path if parts.netloc else ""  # what follows `data:` is no name
    except ValueError:
        path = ""
    kind = "file" if item.kind == "any" else item.kind
    return file_name(unquote(path.rpartition("/")[2]), kind), True
