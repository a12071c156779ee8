"""What can be converted into what, and what that takes. Nothing of it is imported here: the relay touches no media.

Voice messages are Ogg, which Safari and iOS do not play; AAC plays everywhere. Stickers that move become animated WebP:
no browser shows Lottie, and Safari ignores the transparency of a VP9 film, so that a sticker would sit on black.
HEIC, which iPhones make of photos, is shown by Safari alone; JPEG everywhere.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final


@dataclass(frozen=True, slots=True)
class Form:
    """One conversion."""

    source: str  #: Media type at Telegram.
    extension: str  #: The usual one of the source.
    target: str  #: Media type that agents get.
    seconds: int  #: Of work that a conversion may take, at most.
    bytes_a_second: int  #: Of the source, for which it gets another one.
    parts: tuple[str, ...]  #: Modules that it takes, all in the extra `media`.


#: Of work, for the smallest file: what is short is quickly done, or made to be endless.
_SHORTEST: Final = 5
#: By the clock it may take so many times as long: other children, and the relay itself, go first.
_PATIENCE: Final = 2

#: The types of HEIC files, each with its usual extension. https://www.iana.org/assignments/media-types/image/heic
HEIF: Final = {
    "image/heic": ".heic",
    "image/heif": ".heif",
    "image/heic-sequence": ".heics",
    "image/heif-sequence": ".heifs",
}

#: A voice message of an hour takes 20 to 54 seconds (it has 2 to 12 MB, 12 seconds each at most), a sticker one or two.
FORMS: Final = (
    Form("audio/ogg", ".ogg", "audio/mp4", 90, 40_000, ("av",)),
    Form("application/x-tgsticker", ".tgs", "image/webp", 10, 8_000, ("rlottie_python", "PIL")),
    Form("video/webm", ".webm", "image/webp", 10, 32_000, ("av", "PIL")),
    *(Form(source, extension, "image/jpeg", 20, 400_000, ("pi_heif", "PIL")) for source, extension in HEIF.items()),
)


def available() -> dict[str, str]:
    """The conversions that this installation can do: source type and target type."""
    return {form.source: form.target for form in FORMS if all(map(importlib.util.find_spec, form.parts))}


def work_seconds(source_type: str, size: int) -> int:
    """Seconds on the processor that the conversion of a file of so many bytes may take."""
    form = next(form for form in FORMS if form.source == source_type)
    return min(form.seconds, _SHORTEST + size // form.bytes_a_second)


def longest(source_type: str, size: int) -> int:
    """Seconds on the clock that it may take."""
    return _PATIENCE * work_seconds(source_type, size)


def original_name(name: str, source_type: str) -> str:
    """The name of a converted file as it would be without the conversion."""
    extension = next((form.extension for form in FORMS if form.source == source_type), "")
    return PurePosixPath(name).stem + extension
