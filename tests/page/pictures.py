"""Pictures of pages for the documents: small, and written only when that was asked for (`DEMO_PICTURES=1`)."""

import io
import os
from pathlib import Path
from typing import Final

from PIL import Image

FOLDER: Final = Path(__file__).parents[2] / "docs" / "images"
LARGEST: Final = 300_000  # bytes


def keep(png: bytes, name: str) -> None:
    """Write a screenshot under this name, if that was asked for. Whoever opens a document does not wait for it."""
    picture = _small(png)
    assert len(picture) < LARGEST
    if os.environ.get("DEMO_PICTURES"):
        (FOLDER / f"{name}.png").write_bytes(picture)


def _small(png: bytes) -> bytes:
    """The same picture in 256 colours."""
    out = io.BytesIO()
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()
