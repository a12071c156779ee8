"""Files in a Telegram message. A plain function for each kind that has some. Pure.

A thumbnail is never taken for the thing that it shows: it is named as a preview, beside what no browser can show.
python-telegram-bot doesn't check the types of what it parses, so values are taken as they come, not as annotated.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from telegram import (
    Animation,
    Audio,
    Document,
    LivePhoto,
    Message,
    PaidMediaInfo,
    PhotoSize,
    Sticker,
    Video,
    VideoNote,
    Voice,
)

from relay.kit.models import MediaKind
from relay.mapping.content.content import Content, File
from relay.mapping.text.file_names import extension, file_name, mime_type
from relay.mapping.text.language import heading, say
from relay.mapping.text.text import clean, join, render

_Medium = Animation | Audio | Document | LivePhoto | PhotoSize | Sticker | Video | VideoNote | Voice
Files = tuple[File, ...]

#: Telegram's type of animated stickers: Lottie, compressed. https://core.telegram.org/stickers#animated-stickers
LOTTIE: Final = "application/x-tgsticker"


def caption(message: Message) -> str:
    """The words under a medium, "" if there are none."""
    text = message.caption
    return clean(render(text, message.caption_entities)) if isinstance(text, str) else ""


def count(value: object) -> int:
    """A number that a database can hold; 0 for anything else."""
    return value if isinstance(value, int) and 0 <= value < 2**63 else 0


def moment(message: Message, part: int = 1) -> str:
    """What a file is called by that has no name of its own: when it was sent (UTC), and the message's number.

    Minutes are for people. The number keeps those of one minute apart, and stands in Kit's message id as well.
    """
    number = f"({count(message.message_id)})" if part == 1 else f"({count(message.message_id)}-{part})"
    return f"{message.date:%Y-%m-%d %H.%M} {number}" if isinstance(message.date, datetime) else number


def photo(sizes: Sequence[PhotoSize], mark: str) -> Files:
    """A photo, in the largest of the sizes that Telegram made."""
    if not sizes:
        return ()
    largest = max(sizes, key=lambda size: count(size.width) * count(size.height))
    return _file(largest, "photo", "photo", "image/jpeg", mark)


def live_photo(live: LivePhoto, sizes: Sequence[PhotoSize], mark: str) -> Files:
    """The still, and the seconds around it."""
    return (*photo(sizes or live.photo or (), mark), *_file(live, "video", "live_photo", "video/mp4", mark))


def sticker(value: Sticker, mark: str) -> Files:
    """A picture. One that moves is a film whose transparency Safari cannot show, or Lottie, which no browser can."""
    if value.is_video:
        return _convertible(_file(value, "video", "sticker", "video/webm", mark))
    if not value.is_animated:
        return _file(value, "photo", "sticker", "image/webp", mark)
    preview = clean(value.thumbnail.file_id) if value.thumbnail else ""
    files = _convertible(_file(value, "photo", "sticker", LOTTIE, mark))
    return tuple(replace(file, showable=False, preview=preview) for file in files)


def voice(value: Voice, mark: str) -> Files:
    """A voice message. Telegram's own are Ogg, which Safari and iOS do not play."""
    files = _file(value, "audio", "voice", "audio/ogg", mark)
    return _convertible(files) if any(file.mime_type == "audio/ogg" for file in files) else files


def _convertible(files: Files) -> Files:
    return tuple(replace(file, convertible=True) for file in files)


def _of(kind: MediaKind, noun: str, usual_type: str) -> Callable[[Any, str], Files]:
    return lambda medium, mark: _file(medium, kind, noun, usual_type, mark)


#: Fields that hold files, of a message and of whatever else can carry media. The first that fits wins: a live photo
#: fills `photo` as well, and an animation `document`.
FILES: Final[tuple[tuple[str, Callable[[Any, str], Files]], ...]] = (
    ("live_photo", lambda live, mark: live_photo(live, (), mark)),
    ("photo", photo),
    ("animation", _of("video", "animation", "video/mp4")),
    ("video", _of("video", "video", "video/mp4")),
    ("voice", voice),
    ("video_note", _of("video", "video_note", "video/mp4")),
    ("audio", _of("audio", "audio", "audio/mpeg")),
    ("document", _of("document", "document", "application/octet-stream")),
    ("sticker", sticker),
)


def files_in(holder: object, mark: str) -> Files:
    """The files of anything that carries media in fields named as a message's."""
    for field, read in FILES:
        value = getattr(holder, field, None)
        if value and (files := read(value, mark)):
            return files
    return ()


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


def _file(medium: _Medium, kind: MediaKind, noun: str, usual_type: str, mark: str) -> Files:
    if not clean(medium.file_id):
        return ()
    media_type = mime_type(getattr(medium, "mime_type", None), usual_type)
    fallback = f"{noun.replace('_', '-')} {mark}{extension(media_type)}"
    name = file_name(getattr(medium, "file_name", None), fallback)
    size, unique_id = count(medium.file_size) or None, clean(medium.file_unique_id)
    return (File(kind, noun, clean(medium.file_id), name, media_type, size, unique_id),)
