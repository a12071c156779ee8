"""Files in a Telegram message: a plain function for each kind that has some. Pure.

A thumbnail is never taken for the thing that it shows: it is named as a preview, beside what no browser can show.
python-telegram-bot doesn't check the types of what it parses, so values are taken as they come, not as annotated.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from telegram import Animation, Audio, Document, LivePhoto, PhotoSize, Sticker, Video, VideoNote, Voice

from relay.kit.limits import MediaKind
from relay.mapping.content.content import File
from relay.mapping.text.file_names import file_name, mime_type, with_ending
from relay.mapping.text.text import clean
from relay.media.types import UNKNOWN, ending_of

_Medium = Animation | Audio | Document | LivePhoto | PhotoSize | Sticker | Video | VideoNote | Voice
Files = tuple[File, ...]

#: Telegram's type of animated stickers: Lottie, compressed. https://core.telegram.org/stickers#animated-stickers
LOTTIE: Final = "application/x-tgsticker"
#: What iPhones make of photos: Safari alone shows it.
_HEIC: Final = frozenset({"image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"})
#: Of kinds that are one file: what Kit calls it, and the type that it has if Telegram does not say.
_PLAIN: Final[dict[str, tuple[MediaKind, str]]] = {
    "photo": ("photo", "image/jpeg"),
    "animation": ("video", "video/mp4"),
    "video": ("video", "video/mp4"),
    "video_note": ("video", "video/mp4"),
    "audio": ("audio", "audio/mpeg"),
    "document": ("document", UNKNOWN),
}


def count(value: object) -> int:
    """A number that a database can hold; 0 for anything else."""
    return value if isinstance(value, int) and 0 <= value < 2**63 else 0


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


def file_of(medium: Any, noun: str, mark: str) -> Files:  # noqa: ANN401 - of any kind
    """The file of a medium that is taken for this kind, whatever field it stands in."""
    if noun in {"sticker", "voice"}:
        return sticker(medium, mark) if noun == "sticker" else voice(medium, mark)
    kind, usual_type = _PLAIN[noun]
    files = _file(medium, kind, noun, usual_type, mark)
    return _convertible(files) if kind == "document" and any(file.mime_type in _HEIC for file in files) else files


def _of(noun: str) -> Callable[[Any, str], Files]:
    return lambda medium, mark: file_of(medium, noun, mark)


#: Fields that hold files, of a message and of whatever else can carry media. The first that fits wins: a live photo
#: fills `photo` as well, and an animation `document`.
FILES: Final[tuple[tuple[str, Callable[[Any, str], Files]], ...]] = (
    ("live_photo", lambda live, mark: live_photo(live, (), mark)),
    ("photo", photo),
    *((noun, _of(noun)) for noun in ("animation", "video", "voice", "video_note", "audio", "document", "sticker")),
)


def files_in(holder: object, mark: str) -> Files:
    """The files of anything that carries media in fields named as a message's."""
    for field, read in FILES:
        value = getattr(holder, field, None)
        if value and (files := read(value, mark)):
            return files
    return ()


def _convertible(files: Files) -> Files:
    return tuple(replace(file, convertible=True) for file in files)


def _file(medium: _Medium, kind: MediaKind, noun: str, usual_type: str, mark: str) -> Files:
    if not clean(medium.file_id):
        return ()
    given = getattr(medium, "file_name", None)
    media_type = mime_type(getattr(medium, "mime_type", None), given, usual_type)
    name = file_name(given, f"{noun.replace('_', '-')} {mark}{ending_of(media_type)}")
    size, unique_id = count(medium.file_size) or None, clean(medium.file_unique_id)
    return (File(kind, noun, clean(medium.file_id), with_ending(name, media_type), media_type, size, unique_id),)
