"""The pictures of what is not simple, in the documents."""

from typing import Final

import pytest

from tests.page.field_pictures import LARGEST, NAMES
from tests.page.pictures import FOLDER

DOCUMENT: Final = FOLDER.parent / "telegram.md"


@pytest.mark.parametrize("name", NAMES)
def test_the_pictures_are_there_and_small(name: str) -> None:
    """Whoever opens the document does not wait for them."""
    assert 0 < (FOLDER / f"{name}.webp").stat().st_size < LARGEST
    assert f"images/{name}.webp" in DOCUMENT.read_text()
