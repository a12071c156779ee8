"""From an event of Kit's to the steps that tell the customer in Telegram. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final
from urllib.parse import unquote, urlsplit

from relay.kit.models import (
    CloseConversationEvent,
    ContactItem,
    Event,
    IncomingMessage,
    Item,
    LocationItem,
    MediaItem,
    OtherEvent,
    OtherItem,
    SendMessageEvent,
)
from relay.mapping.card_steps import person, person_in_words, place, place_in_words
from relay.mapping.names import file_name
from relay.mapping.text import clean, split, units
from relay.model import Accepted, Declined, Draft, Known, Outcome, Wants
from relay.steps import SendAlbum, SendFile, SendText, Step, dump_steps

MAX_TEXT: Final = 4096  #: UTF-16 units (https://core.telegram.org/bots/api#sendmessage).
MAX_CAPTION: Final = 1024  #: UTF-16 units (https://core.telegram.org/bots/api#sendphoto).
MAX_ALBUM: Final = 10  #: Files (https://core.telegram.org/bots/api#sendmediagroup).


def wants_of(event: Event) -> Wants:
    """What mapping the event needs to know of the client."""
    return Wants() if isinstance(event, OtherEvent) else Wants(event.client_data.client_id)


def skipped_in(event: Event) -> tuple[str, ...]:
    """Types of payload items that cannot be carried, for the log."""
    if not isinstance(event, SendMessageEvent) or event.event_data.message is None:
        return ()
    return tuple(clean(item.type) for item in event.event_data.message.payload or [] if isinstance(item, OtherItem))


def map_event(event: Event, known: Known) -> Outcome:
    """The steps for an event, or the reason why there are none."""
    if isinstance(event, SendMessageEvent):
        return _map_message(event.client_data.client_id, event.event_data.message or IncomingMessage())
    if isinstance(event, CloseConversationEvent):
        closed = None if known.client is None else replace(known.client, open=False)
        return Declined("conversation closed: nothing to send", closed)
    return Declined("unknown event type")


def _map_message(client_id: str, message: IncomingMessage) -> Outcome:
    payload = message.payload or []
    items = [item for item in payload if not isinstance(item, OtherItem)]
    steps = _steps(clean(message.text), items)
    if not steps:
        return Declined("nothing in it that Telegram could show" if payload else "empty message")
    return Accepted(Draft("to_telegram", client_id, dump_steps(steps)))


def _steps(text: str, items: Sequence[Item]) -> list[Step]:
    """The text first, in front of the items or as the caption of the first one; then the items in their order."""
    caption = (
        text if text.strip() and items and isinstance(items[0], MediaItem) and units(text) <= MAX_CAPTION else None
    )
    steps = [] if caption else _texts(text)
    for item in items:
        match item:
            case MediaItem():
                steps.append(SendFile(item.type, item.file_url, _name_of(item), caption))
                caption = None
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


def _texts(text: str) -> list[Step]:
    return [SendText(part) for part in split(text, MAX_TEXT)]


def _name_of(item: MediaItem) -> str:
    """The name that Kit gave, else the last part of the URL's path, else the kind."""
    try:
        path = urlsplit(item.file_url).path
    except ValueError:
        path = ""
    return file_name(item.file_name, file_name(unquote(path.rpartition("/")[2]), item.type))
