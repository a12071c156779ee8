"""Pictures, a sticker and a voice message to send without looking for one. `python -m tests.page.draw` made them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).with_name("samples")
TYPES: Final = {".jpg": "image/jpeg", ".webp": "image/webp", ".ogg": "audio/ogg"}
NAMES: Final = frozenset(path.name for path in FOLDER.iterdir() if path.suffix in TYPES)


@dataclass(frozen=True, slots=True)
class Sample:
    """A file that everybody may send."""

    name: str
    mime_type: str
    data: bytes


def sample(name: str) -> Sample:
    """The sample of this name. Raises KeyError."""
    if name not in NAMES:
        raise KeyError(name)
    path = FOLDER / name
    return Sample(name, TYPES[path.suffix], path.read_bytes())
