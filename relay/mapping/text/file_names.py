"""Names and types of files. Strangers choose them: they are cleaned before they go into a link or a header. Pure."""

import re

from relay.mapping.text.text import clean, is_visible
from relay.media.types import UNKNOWN, ending_of, type_of

MAX_NAME = 120  #: Characters.
_LONGEST_ENDING = 8

# Controls, line separators and halves of characters, and the overrides, embeddings and isolates that show "exe.gpj" as
# "jpg.exe". All else stays: joiners, marks and tags make Persian, Hebrew and flags what they are, and what this Python
# does not know yet may be an emoji that every phone shows.
_DROPPED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# As old browsers give the name of an upload (C:\fakepath\...), and what a share gives.
_WINDOWS_FOLDERS = re.compile(r"\A(?:[A-Za-z]:|\\)\\(?:.*\\)?")
_MIME_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")


def file_name(raw: object, fallback: str) -> str:
    """A name that is safe to show, to save and to quote: at most 120 characters, the extension kept.

    What is left of `raw` after cleaning, of a path in Windows its last part; `fallback` when nothing is.
    """
    name = _WINDOWS_FOLDERS.sub("", _DROPPED.sub("", clean(raw)).strip(), count=1)
    name = re.sub(r"[/\\]+", "_", name).strip()
    if not any(_is_visible(character) for character in name):
        return fallback
    if len(name) <= MAX_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or not 1 <= len(extension) <= 16:
        return name[:MAX_NAME].rstrip()
    return stem[: MAX_NAME - len(extension) - 1].rstrip() + dot + extension


def mime_type(raw: object, name: object, usual: str) -> str:
    """A media type that can stand in a header: what Telegram says, else what the name's ending says, else the usual."""
    if isinstance(raw, str) and _MIME_TYPE.fullmatch(raw) and raw.lower() != UNKNOWN:
        return raw.lower()
    return type_of(clean(name).strip()) or usual


def with_ending(name: str, media_type: str) -> str:
    """The name with the usual ending of its type, if it has none at all."""
    return name if "." in name else name[: MAX_NAME - _LONGEST_ENDING] + ending_of(media_type)


def renamed(name: str, media_type: str) -> str:
    """The name with the usual ending of another media type."""
    stem = name.rpartition(".")[0]
    return (stem or name) + ending_of(media_type)


def _is_visible(character: str) -> bool:
    return character not in "._" and is_visible(character)
