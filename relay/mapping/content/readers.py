"""A message, read: the table of readers, one for each kind of content. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from telegram import ForumTopicEdited, Game, GiftInfo, MaybeInaccessibleMessage, Message, PhotoSize
from telegram import UniqueGiftInfo as UniqueGift

from relay.mapping.content.cards import read_contact, read_location, read_venue
from relay.mapping.content.content import Content
from relay.mapping.content.files import count, photo, sticker
from relay.mapping.content.kinds import is_empty
from relay.mapping.content.leftovers import completed
from relay.mapping.content.media import (
    caption,
    moment,
    read_audio,
    read_files,
    read_live_photo,
    read_paid_media,
    read_sticker,
)
from relay.mapping.content.placeholders import describe, describe_new
from relay.mapping.content.polls import read_poll
from relay.mapping.content.remembered import own_words
from relay.mapping.text.language import heading, say
from relay.mapping.text.repeated import says
from relay.mapping.text.text import clean, is_visible, join, render, shorten
from relay.mapping.text.tolerant import tried
from relay.model import Said

_NO_FORMS: Final[Mapping[str, str]] = {}
EXCERPT: Final = 80  #: Characters that remind of an earlier message.


def read_content(message: Message) -> Content:
    """What the message holds, all of it; for a kind without a reader, a placeholder that names it."""
    content = _known(message)
    content = _new(message) if content is None else completed(message, content)
    words = caption(message).strip()
    if says(content.text, words):
        return content
    return replace(content, text=f"{content.text}\n{words}".strip())


def _known(message: Message) -> Content | None:
    for field, read in READERS:
        value = getattr(message, field)
        if value:
            content = tried(read, message, value)
            if content is not None and (content.items or content.text.strip()):
                return content
    placeholder = describe(message)
    return None if placeholder is None else Content(placeholder)


def _new(message: Message) -> Content:
    """What Telegram has invented since."""
    rest = completed(message, Content(""))
    return replace(rest, text=describe_new(message, rest.text))


def excerpt(
    message: MaybeInaccessibleMessage | None, remembered: Said | None = None, forms: Mapping[str, str] = _NO_FORMS
) -> str:
    """The first words of an earlier message, else its kind and what agents know it by; one line.

    What is remembered says better than Telegram what a message without words was: an agent's own picture keeps the
    agent's name for it.
    """
    if remembered is not None and is_wordless(message):
        return remind(remembered)
    if not isinstance(message, Message) or is_empty(message):
        return _unknown(message)
    return shorten(own_words(read_content(message), forms), EXCERPT)


def is_wordless(message: MaybeInaccessibleMessage | None) -> bool:
    """Whether Telegram does not tell the words of a message, or there are none."""
    return not isinstance(message, Message) or is_empty(message) or not (message.text or message.caption)


def remind(said: Said) -> str:
    """The first words of a message that is remembered; one line."""
    return shorten(said.text, EXCERPT)


def _unknown(message: MaybeInaccessibleMessage | None) -> str:
    return heading(say("empty")) if isinstance(message, Message) else say("unreadable")


def read_text(message: Message, text: str) -> Content:
    """Words; none if nothing of them can be seen."""
    words = clean(tried(render, text, message.entities) or text) if isinstance(text, str) else ""
    return Content(words if any(map(is_visible, words)) else "")


def read_game(message: Message, game: Game) -> Content:
    """A game, and the picture on its box."""
    words = join("\n", heading("game", join(": ", game.title, game.description)), game.text)
    return Content(words, photo(game.photo, moment(message)))


def read_gift(message: Message, info: GiftInfo) -> Content:
    """A gift, its picture, and the words that came with it."""
    return _gift("gift", message, info)


def read_gift_upgrade(message: Message, info: GiftInfo) -> Content:
    """That somebody paid for the upgrade of a gift; and which gift."""
    return _gift("gift_upgrade_sent", message, info)


def _gift(kind: str, message: Message, info: GiftInfo) -> Content:
    gift = info.gift
    price = say("stars", count=count(gift.star_count))
    words = heading(kind, join(" ", gift.sticker.emoji, price))
    return Content(join("\n", words, info.text), sticker(gift.sticker, moment(message)))


def read_unique_gift(message: Message, info: UniqueGift) -> Content:
    """A gift of which there is one only."""
    gift = info.gift
    words = join(" ", gift.base_name, f"#{count(gift.number)}")
    return Content(heading("unique_gift", words), sticker(gift.model.sticker, moment(message)))


def read_new_chat_photo(message: Message, sizes: Sequence[PhotoSize]) -> Content:
    """The chat's new picture."""
    return Content(heading("new_chat_photo"), photo(sizes, moment(message)))


def read_topic_edited(_: Message, edited: ForumTopicEdited) -> Content:
    """A thread's new name; without one, only its icon is another."""
    name = clean(edited.name).strip()
    return Content(heading("forum_topic_edited", name) if name else heading("forum_topic_changed"))


def read_pinned(_: Message, pinned: MaybeInaccessibleMessage) -> Content:
    """That a message was pinned, and which."""
    return Content(heading("pinned_message", say("quoted", words=excerpt(pinned))))


#: Field of `telegram.Message` and its reader, the first that fits wins. A live photo fills `photo` as well, an
#: animation `document`, a venue `location`.
READERS: Final[tuple[tuple[str, Callable[[Message, Any], Content]], ...]] = (
    ("text", read_text),
    ("live_photo", read_live_photo),
    ("photo", read_files),
    ("animation", read_files),
    ("video", read_files),
    ("voice", read_files),
    ("video_note", read_files),
    ("audio", read_audio),
    ("document", read_files),
    ("sticker", read_sticker),
    ("venue", read_venue),
    ("location", read_location),
    ("contact", read_contact),
    ("poll", read_poll),
    ("game", read_game),
    ("paid_media", read_paid_media),
    ("gift", read_gift),
    ("gift_upgrade_sent", read_gift_upgrade),
    ("unique_gift", read_unique_gift),
    ("new_chat_photo", read_new_chat_photo),
    ("forum_topic_edited", read_topic_edited),
    ("pinned_message", read_pinned),
)
