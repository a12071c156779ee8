"""What a Telegram message holds: its words and its file. A table of plain functions, one per kind of content. Pure.

python-telegram-bot doesn't check the types of what it parses, so values are taken as they come, not as annotated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from telegram import Animation, Audio, Document, Message, PhotoSize, Video, VideoNote, Voice

from relay.kit.models import MediaKind
from relay.mapping.names import extension, file_name, mime_type
from relay.mapping.placeholders import describe
from relay.mapping.text import clean, render

_Medium = Animation | Audio | Document | PhotoSize | Video | VideoNote | Voice


@dataclass(frozen=True, slots=True)
class File:
    """A file that lies at Telegram."""

    kind: MediaKind  #: What Kit calls it.
    noun: str  #: What people call it.
    file_id: str
    name: str
    mime_type: str
    size: int | None  #: Bytes, when Telegram said so.


@dataclass(frozen=True, slots=True)
class Content:
    """The words and the file of a message: at least one of them is there."""

    text: str
    file: File | None = None


def read_content(message: Message) -> Content:
    """What the message holds; for a kind without a reader, a placeholder that names it."""
    for field, read in READERS:
        value = getattr(message, field)
        if value:
            content = read(message, value)
            if content.file or content.text.strip():
                return content
    text = caption(message)
    placeholder = describe(message)
    return Content(f"{placeholder}\n{text}" if text.strip() else placeholder)


def caption(message: Message) -> str:
    """The words under a medium, "" if there are none."""
    text = message.caption
    return clean(render(text, message.caption_entities)) if isinstance(text, str) else ""


def read_text(message: Message, text: str) -> Content:
    """Words."""
    return Content(clean(render(text, message.entities)) if isinstance(text, str) else "")


def read_photo(message: Message, sizes: Sequence[PhotoSize]) -> Content:
    """A photo, in the largest of the sizes that Telegram made."""
    largest = max(sizes, key=lambda size: _count(size.width) * _count(size.height))
    return Content(caption(message), _file(message, largest, "photo", "photo", "image/jpeg"))


def read_animation(message: Message, animation: Animation) -> Content:
    """A GIF, which Telegram keeps as a silent video."""
    return Content(caption(message), _file(message, animation, "video", "animation", "video/mp4"))


def read_video(message: Message, video: Video) -> Content:
    """A video."""
    return Content(caption(message), _file(message, video, "video", "video", "video/mp4"))


def read_video_note(message: Message, note: VideoNote) -> Content:
    """A round video message."""
    return Content(caption(message), _file(message, note, "video", "video note", "video/mp4"))


def read_voice(message: Message, voice: Voice) -> Content:
    """A voice message."""
    return Content(caption(message), _file(message, voice, "audio", "voice", "audio/ogg"))


def read_audio(message: Message, audio: Audio) -> Content:
    """Music. Who plays what stands in for a missing caption."""
    title = " \u2013 ".join(filter(None, (clean(audio.performer).strip(), clean(audio.title).strip())))
    return Content(caption(message) or title, _file(message, audio, "audio", "audio", "audio/mpeg"))


def read_document(message: Message, document: Document) -> Content:
    """Any file, under its own name."""
    return Content(caption(message), _file(message, document, "document", "document", "application/octet-stream"))


#: Field of `telegram.Message` and its reader, the first that fits wins. An animation fills `document` as well.
READERS: tuple[tuple[str, Callable[[Message, Any], Content]], ...] = (
    ("text", read_text),
    ("photo", read_photo),
    ("animation", read_animation),
    ("video", read_video),
    ("voice", read_voice),
    ("video_note", read_video_note),
    ("audio", read_audio),
    ("document", read_document),
)


def _file(message: Message, medium: _Medium, kind: MediaKind, noun: str, usual_type: str) -> File | None:
    if not clean(medium.file_id):
        return None
    media_type = mime_type(getattr(medium, "mime_type", None), usual_type)
    fallback = f"{noun.replace(' ', '-')}-{_count(message.message_id)}{extension(media_type)}"
    name = file_name(getattr(medium, "file_name", None), fallback)
    return File(kind, noun, clean(medium.file_id), name, media_type, _count(medium.file_size) or None)


def _count(value: object) -> int:
    """A number that a database can hold; 0 for anything else."""
    return value if isinstance(value, int) and 0 <= value < 2**63 else 0
