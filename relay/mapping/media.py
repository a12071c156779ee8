"""Files in a Telegram message. A plain function for each kind that has some. Pure.

A thumbnail is never taken for the thing that it shows; it stands in only for what no browser can show.
python-telegram-bot doesn't check the types of what it parses, so values are taken as they come, not as annotated.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from telegram import (
    Animation,
    Audio,
    Document,
    LivePhoto,
    Message,
    PaidMedia,
    PaidMediaInfo,
    PhotoSize,
    Sticker,
    Video,
    VideoNote,
    Voice,
)

from relay.kit.models import MediaKind
from relay.mapping.content import Content, File
from relay.mapping.names import extension, file_name, mime_type
from relay.mapping.text import clean, join, render
from relay.mapping.words import heading, say

_Medium = Animation | Audio | Document | LivePhoto | PhotoSize | Sticker | Video | VideoNote | Voice
Files = tuple[File, ...]


def caption(message: Message) -> str:
    """The words under a medium, "" if there are none."""
    text = message.caption
    return clean(render(text, message.caption_entities)) if isinstance(text, str) else ""


def count(value: object) -> int:
    """A number that a database can hold; 0 for anything else."""
    return value if isinstance(value, int) and 0 <= value < 2**63 else 0


def number(message: Message) -> str:
    """What sets apart names of files that have none of their own."""
    return str(count(message.message_id))


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
    """What a browser can show of it: an animated one is Lottie, which none can, so its preview stands in."""
    if value.is_video:
        return _file(value, "video", "sticker", "video/webm", mark)
    if not value.is_animated:
        return _file(value, "photo", "sticker", "image/webp", mark)
    return _file(value.thumbnail, "photo", "sticker", "image/webp", mark) if value.thumbnail else ()


def _of(kind: MediaKind, noun: str, usual_type: str) -> Callable[[Any, str], Files]:
    return lambda medium, mark: _file(medium, kind, noun, usual_type, mark)


#: Fields that hold files, of a message and of whatever else can carry media. The first that fits wins: a live photo
#: fills `photo` as well, and an animation `document`.
FILES: Final[tuple[tuple[str, Callable[[Any, str], Files]], ...]] = (
    ("live_photo", lambda live, mark: live_photo(live, (), mark)),
    ("photo", photo),
    ("animation", _of("video", "animation", "video/mp4")),
    ("video", _of("video", "video", "video/mp4")),
    ("voice", _of("audio", "voice", "audio/ogg")),
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
    return Content(caption(message), files_in(message, number(message)))


def read_live_photo(message: Message, live: LivePhoto) -> Content:
    """A photo that moves."""
    return Content(caption(message), live_photo(live, message.photo, number(message)))


def read_audio(message: Message, audio: Audio) -> Content:
    """Music. Who plays what stands in for a missing caption."""
    title = join(" \u2013 ", audio.performer, audio.title)
    return Content(caption(message) or title, files_in(message, number(message)))


def read_sticker(message: Message, value: Sticker) -> Content:
    """A sticker: its picture, the emoji that it stands for, and the name of its set."""
    return Content(heading("sticker", join(" ", value.emoji, value.set_name)), sticker(value, number(message)))


def read_paid_media(message: Message, info: PaidMediaInfo) -> Content:
    """Media that cost stars: those that are open, and how many are not."""
    parts = list(info.paid_media)
    files = tuple(_numbered(parts, number(message)))
    price = say("stars", count=count(info.star_count))
    hidden = sum(part.type not in {"photo", "video", "live_photo"} for part in parts)
    words = join(", ", price, say("hidden", count=hidden) if hidden else "")
    return Content(join("\n", heading("paid_media", words), caption(message)), files)


def _numbered(parts: Iterable[PaidMedia], mark: str) -> Iterable[File]:
    for index, part in enumerate(parts, 1):
        yield from files_in(part, mark if index == 1 else f"{mark}-{index}")


def _file(medium: _Medium, kind: MediaKind, noun: str, usual_type: str, mark: str) -> Files:
    if not clean(medium.file_id):
        return ()
    media_type = mime_type(getattr(medium, "mime_type", None), usual_type)
    fallback = f"{noun.replace('_', '-')}-{mark}{extension(media_type)}"
    name = file_name(getattr(medium, "file_name", None), fallback)
    size, unique_id = count(medium.file_size) or None, clean(medium.file_unique_id)
    return (File(kind, noun, clean(medium.file_id), name, media_type, size, unique_id),)
