"""Names and types of files. Strangers choose them: they are cleaned before they go into a link or a header. Pure."""

import re
import unicodedata

from relay.mapping.text import clean

MAX_NAME = 120  #: Characters.

# Controls, line separators, and format characters, among them the overrides that show "exe.gpj" as "jpg.exe".
# The joiners stay: Persian words and family emoji need them.
_DROPPED = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})
_JOINERS = frozenset("\u200c\u200d")
_MIME_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_EXTENSIONS = {
    "application/pdf": ".pdf",
    "application/x-tgsticker": ".tgs",
    "application/zip": ".zip",
    "audio/aac": ".aac",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "text/plain": ".txt",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
}


def file_name(raw: object, fallback: str) -> str:
    """A name that is safe to show, to save and to quote: at most 120 characters, the extension kept.

    What is left of `raw` after cleaning; `fallback` when nothing is.
    """
    text = "".join(character for character in clean(raw) if _is_printable(character))
    name = re.sub(r"[/\\]+", "_", text).strip().lstrip(".").strip()
    if not name.strip("_ "):
        return fallback
    if len(name) <= MAX_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or not 1 <= len(extension) <= 16:
        return name[:MAX_NAME].rstrip()
    return stem[: MAX_NAME - len(extension) - 1].rstrip() + dot + extension


def mime_type(raw: object, fallback: str) -> str:
    """A media type that can stand in a header; `fallback` when `raw` is none."""
    return raw.lower() if isinstance(raw, str) and _MIME_TYPE.fullmatch(raw) else fallback


def extension(media_type: str) -> str:
    """The usual extension of a media type, with its dot; "" when we don't know one."""
    return _EXTENSIONS.get(media_type, "")


def renamed(name: str, media_type: str) -> str:
    """The name with the usual extension of another media type."""
    stem, dot, _ = name.rpartition(".")
    return (stem if dot else name) + extension(media_type)


def _is_printable(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _DROPPED
