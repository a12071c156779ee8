"""What can be converted into what, and what that takes. Nothing of it is imported here: the relay touches no media.

Voice messages are Ogg, which Safari and iOS do not play; AAC plays everywhere. Stickers that move become animated WebP:
no browser shows Lottie, and Safari ignores the transparency of a VP9 film, so that a sticker would sit on black.
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
    seconds: int  #: That a conversion may take.
    parts: tuple[str, ...]  #: Modules that it takes, all in the extra `media`.


#: A voice message of an hour takes half of its time, a sticker a tenth.
FORMS: Final = (
    Form("audio/ogg", ".ogg", "audio/mp4", 60, ("av",)),
    Form("application/x-tgsticker", ".tgs", "image/webp", 10, ("rlottie_python", "PIL")),
    Form("video/webm", ".webm", "image/webp", 10, ("av", "PIL")),
)


def available() -> dict[str, str]:
    """The conversions that this installation can do: source type and target type."""
    return {form.source: form.target for form in FORMS if all(map(importlib.util.find_spec, form.parts))}


def longest(source_type: str) -> int:
    """Seconds that a conversion of this type may take."""
    return next(form.seconds for form in FORMS if form.source == source_type)


def original_name(name: str, source_type: str) -> str:
    """The name of a converted file as it would be without the conversion."""
    extension = next((form.extension for form in FORMS if form.source == source_type), "")
    return PurePosixPath(name).stem + extension
