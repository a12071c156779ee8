"""Messages that hold files, and the words under these. Pure."""

from datetime import datetime

from telegram import Audio, LivePhoto, Message, PaidMediaInfo, Sticker

from relay.mapping.content.content import Content
from relay.mapping.content.files import count, files_in, live_photo, sticker
from relay.mapping.text.language import heading, say
from relay.mapping.text.text import clean, join, render
from relay.mapping.text.tolerant import tried


def caption(message: Message) -> str:
    """The words under a medium, "" if there are none."""
    text = message.caption
    return clean(tried(render, text, message.caption_entities) or text) if isinstance(text, str) else ""


def moment(message: Message, part: int = 1) -> str:
    """What a file is called by that has no name of its own: when it was sent (UTC), and the message's number.

    Minutes are for people. The number keeps those of one minute apart, and stands in Kit's message id as well.
    """
    number = f"({count(message.message_id)})" if part == 1 else f"({count(message.message_id)}-{part})"
    return f"{message.date:%Y-%m-%d %H.%M} {number}" if isinstance(message.date, datetime) else number


def read_files(message: Message, _: object) -> Content:
    """A medium and the words under it."""
    return Content(caption(message), files_in(message, moment(message)))


def read_live_photo(message: Message, live: LivePhoto) -> Content:
    """A photo that moves."""
    return Content(caption(message), live_photo(live, message.photo, moment(message)))


def read_audio(message: Message, audio: Audio) -> Content:
    """Music. Who plays what stands in for a missing caption."""
    title = join(" \u2013 ", audio.performer, audio.title)
    return Content(caption(message) or title, files_in(message, moment(message)))


def read_sticker(message: Message, value: Sticker) -> Content:
    """A sticker: its picture, the emoji that it stands for, and the name of its set."""
    return Content(heading("sticker", join(" ", value.emoji, value.set_name)), sticker(value, moment(message)))


def read_paid_media(message: Message, info: PaidMediaInfo) -> Content:
    """Media that cost stars: those that are open, and how many are not."""
    parts = list(info.paid_media)
    files = tuple(file for index, part in enumerate(parts, 1) for file in files_in(part, moment(message, index)))
    price = say("stars", count=count(info.star_count))
    hidden = sum(part.type not in {"photo", "video", "live_photo"} for part in parts)
    words = join(", ", price, say("hidden", count=hidden) if hidden else "")
    return Content(join("\n", heading("paid_media", words), caption(message)), files)
