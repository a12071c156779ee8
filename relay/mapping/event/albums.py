"""Albums: several messages in Telegram, one in Kit. Pure.

Telegram brings each item as an update of its own, mostly at once, sometimes seconds late, and says nowhere how many
there are (https://core.telegram.org/bots/api#message, media_group_id). So the delivery waits a moment, and every
sibling that comes meanwhile makes it anew, under the ids of the first. Those that come later follow as a continuation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from telegram import Message

from relay.kit.limits import MAX_ITEMS, MAX_TEXT
from relay.mapping.content.content import Content
from relay.mapping.event.events import (
    KitContext,
    Origin,
    carry,
    client_after,
    ids_of,
    large_files,
    make_body,
    say_large,
)
from relay.mapping.text.language import say
from relay.mapping.text.text import clean
from relay.model import Accepted, Album, Draft, Known, Said, is_id

_LONGEST_ID: Final = 255  #: Characters of a `media_group_id`; Telegram's have about twenty.

#: Of an item: its message's id, the lines before its words, its words, and Kit's payload items.
_Part = tuple[int, str, str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Event:
    """An album as far as it is known. As JSON, it lies in the store as long as it waits."""

    event_id: str
    message_id: str
    late: bool  #: Siblings of it have left already.
    parts: list[_Part]
    large: bool = False  #: A file of it cannot be had, and the customer was told.

    def merged(self) -> tuple[str, list[dict[str, Any]]]:
        """All words and all items, in the order of the messages."""
        ordered = sorted(self.parts, key=lambda part: part[0])
        return "\n".join(self._lines(ordered)), [item for *_, items in ordered for item in items]

    def _lines(self, ordered: list[_Part]) -> Iterator[str]:
        if self.late:
            yield say("album_continued")
        said = ""
        for _, before, text, _ in ordered:
            if before and before != said:  # all items of an album are forwarded from, or answer, the same
                yield before
            said = before or said
            if text:
                yield text


def album_of(message: Message) -> str | None:
    """What the message's siblings have in common with it, if it is of an album."""
    group = clean(message.media_group_id)
    return group if group and len(group) <= _LONGEST_ID and is_id(message.message_id) else None


def map_album(  # noqa: PLR0913 - a message, taken to pieces
    context: KitContext,
    origin: Origin,
    content: Content,
    known: Known,
    *,
    group: str,
    before: str,
    said: tuple[Said, ...],
) -> Accepted:
    """The event for an album: this item, and those that wait for it.

    What Kit would not take in one message follows in another, which waits for nobody. Telegram's own albums always fit.
    """
    client = client_after(origin, content, known)
    large = bool(large_files(context, content))
    carried = carry(context, say_large(context, content))
    part = (origin.message_id if is_id(origin.message_id) else 0, before, carried.text, carried.items)
    ids = ids_of(context, origin)
    event = _Event(ids.event, ids.message, known.album is not None, [part], large)
    waiting = known.album.parts if known.album is not None else None
    if waiting is not None:
        earlier = _Event(**orjson.loads(waiting))
        parts, large = [*earlier.parts, part], earlier.large or large
        together = _Event(earlier.event_id, earlier.message_id, earlier.late, parts, large)
        event = together if _fits(together) else event
    body = make_body(context, client, event.event_id, event.message_id, *event.merged())
    draft = Draft("to_kit", client.client_id, body, written_at=origin.written_at)
    if waiting is None or len(event.parts) > 1:
        draft = replace(draft, album=group, parts=orjson.dumps(event).decode())
    return Accepted(draft, None if origin.own else client, tuple(carried.media), said)


def told_of_large(album: Album) -> bool:
    """Whether the customer was told already that a file of what waits of the album is too large."""
    return album.parts is not None and _Event(**orjson.loads(album.parts)).large


def _fits(event: _Event) -> bool:
    text, items = event.merged()
    return len(text) <= MAX_TEXT and len(items) <= MAX_ITEMS
