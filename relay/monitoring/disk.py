"""How much room there is on the disk."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

#: Bytes that should be free: the database grows, agents' files pass through, and a migration makes a copy.
ROOM: Final = 2**29


def free_bytes(places: Iterable[Path]) -> int:
    """What is free where there is least of these directories, or of what there is of the way to them."""
    return min(shutil.disk_usage(nearest(place)).free for place in places)


def nearest(place: Path) -> Path:
    """The place, or what of the way to it exists."""
    place = place.absolute()
    return next(each for each in (place, *place.parents) if each.exists())
