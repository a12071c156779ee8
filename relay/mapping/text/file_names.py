"""Names and types of files. Strangers choose them: they are cleaned before they go into a link or a header. Pure."""

import re
import unicodedata

from relay.mapping.text.text import DECEIVING, clean

MAX_NAME = 120  #: Characters.

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
    name = re.sub(r"[/\\]+", "_", DECEIVING.sub("", clean(raw))).strip()
    if not any(_is_visible(character) for character in name):
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
    stem = name.rpartition(".")[0]
    return (stem or name) + extension(media_type)


def _is_visible(character: str) -> bool:
    return character not in "._" and unicodedata.category(character) not in {"Cf", "Zs"}
