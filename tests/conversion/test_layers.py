"""A sticker may ask for what a sticker needs, however it says so."""

import io
import time
from pathlib import Path
from typing import Any

import pytest

from relay.media.conversion.layers import TooManyLayersError, check_layers
from relay.media.conversion.worker import UnfitError, animated_sticker
from tests import media

[DRAWN] = media.lottie()["layers"]


def used(name: object, times: int = 1) -> list[dict[str, Any]]:
    """Layers that draw a composition."""
    return [{**DRAWN, "ty": 0, "refId": name, "w": 512, "h": 512}] * times


def nested(depth: int, times: int) -> dict[str, Any]:
    """Compositions in compositions, each drawn several times in the next."""
    inner = [{"id": f"c{level}", "layers": used(f"c{level - 1}", times)} for level in range(1, depth)]
    return {"assets": [{"id": "c0", "layers": [DRAWN]}, *inner], "layers": used(f"c{depth - 1}", times)}


FIT: dict[str, dict[str, Any]] = {
    "an ordinary one": media.lottie(),
    "a composition that many share": nested(1, 2_000),
    "a deep one": nested(2_000, 1),
    "compositions in any order": {**nested(4, 3), "assets": nested(4, 3)["assets"][::-1]},
    "one that names what is not there": {"layers": used("nothing")},
}
UNFIT: dict[str, dict[str, Any]] = {
    "plainly too many": {"layers": [DRAWN] * 5_001},
    "a shared composition too often": nested(1, 2_501),
    "8 to the 12th of them": nested(12, 8),
    "more than a number can tell": nested(20_000, 2),
    "a composition that holds itself": {"assets": [{"id": "a", "layers": used("a")}], "layers": used("a")},
    "two that hold each other": {
        "assets": [{"id": "a", "layers": used("b")}, {"id": "b", "layers": used("a")}],
        "layers": [DRAWN],
    },
    "a number for a name": {"assets": [{"id": 1, "layers": [DRAWN] * 100}], "layers": used("1", 100)},
    "a name given twice": {
        "assets": [{"id": "a", "layers": [DRAWN] * 100}, {"id": "a", "layers": []}],
        "layers": used("a", 100),
    },
}


@pytest.mark.parametrize("drawing", FIT.values(), ids=FIT.keys())
def test_what_a_sticker_needs_is_drawn(drawing: dict[str, Any]) -> None:
    """Compositions may be shared, deep, and in any order."""
    check_layers(drawing)


@pytest.mark.parametrize("drawing", UNFIT.values(), ids=UNFIT.keys())
def test_more_than_a_sticker_needs_is_refused(drawing: dict[str, Any]) -> None:
    """Layers count each time that they are drawn; no circle is followed, and no name counts for less than it draws."""
    with pytest.raises(TooManyLayersError):
        check_layers(drawing)


def test_a_bomb_is_refused_before_it_is_drawn(tmp_path: Path) -> None:
    """A few hundred bytes that ask for billions of layers cost milliseconds, not the whole time of a conversion."""
    source = io.BytesIO(media.animated_sticker(180, **nested(12, 8)))
    began = time.process_time()
    with pytest.raises(TooManyLayersError):
        animated_sticker(source, tmp_path / "target")
    assert time.process_time() - began < 2


def test_no_name_is_read_otherwise_than_it_was_counted(tmp_path: Path) -> None:
    """Names are drawn up to their first NUL, so that none may hold one."""
    hidden = {"assets": [{"id": "c\0", "layers": [DRAWN]}], "layers": used("c")}
    source = io.BytesIO(media.animated_sticker(6, **hidden))
    with pytest.raises(UnfitError):
        animated_sticker(source, tmp_path / "target")
