"""The page's colours can be read: WCAG 2.2 AA, in the light and in the dark."""

import re
from typing import Final

import pytest

from relay.sandbox.page.server import STATIC

#: What is written on what.
PAIRS: Final = [
    *((ink, ground) for ink in ("ink", "muted") for ground in ("bg", "panel", "sunk", "mine", "theirs")),
    *(("accent", ground) for ground in ("panel", "sunk", "mine", "theirs", "accent-soft")),
    *(("amber", ground) for ground in ("panel", "sunk", "mine", "theirs", "amber-soft")),
    *(("red", ground) for ground in ("panel", "sunk", "red-soft")),
    ("on-accent", "accent"),
    ("ink", "accent-soft"),
]


def palettes() -> dict[str, dict[str, str]]:
    """The colours of both schemes, by name."""
    light, dark = re.findall(r":root \{(.*?)\}", (STATIC / "page.css").read_text(), re.DOTALL)
    named = {scheme: dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", text)) for scheme, text in
             (("light", light), ("dark", dark))}  # fmt: skip
    return {"light": named["light"], "dark": {**named["light"], **named["dark"]}}


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_words_stand_out_from_their_ground(scheme: str, ink: str, ground: str) -> None:
    """At least 4.5 to 1."""
    colours = palettes()[scheme]
    lighter, darker = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
