"""Whether the file under a database's name is still the one that is open: else what is committed is in no file."""

import os
from pathlib import Path
from typing import Final

from relay.errors import StoreLost

#: What the name of a file ends with that is on its way to PostgreSQL, and of one that has been moved there.
MOVING: Final = ".moving"
MOVED: Final = ".moved"


def whereabouts(path: Path) -> str | None:
    """What to do when the database that was at `path` is on its way to PostgreSQL or is there; None: it is not."""
    if path.with_name(path.name + MOVING).exists():
        return (
            f"the database {path} is on its way to PostgreSQL. Go on: relay migrate --from sqlite:///{path} --to "
            f"postgresql://…; or go back: rename {path}{MOVING} to {path}, and empty the PostgreSQL database"
        )
    if path.with_name(path.name + MOVED).exists():
        return (
            f"the database {path} was moved to PostgreSQL: set RELAY_DATABASE_URL to it. What is in {path}{MOVED} has "
            "gone on there since"
        )
    return None


class Place:
    """The files of the SQLite database at `path`, as they were when it was opened."""

    def __init__(self, path: Path) -> None:
        self._log = f"{path}-wal"
        self._files = {str(path): _identity(str(path))}

    def check(self) -> None:
        """Raise StoreLost if a file is gone or is another one. To be called after a commit and before it is told."""
        if self._log not in self._files:
            self._files[self._log] = _identity(self._log)
        for file, was in self._files.items():
            now = _identity(file)
            if now is None or now != was:
                what = "was removed" if now is None else "was replaced by another file"
                raise StoreLost(
                    f"{file} {what} while the relay ran. Stop everything that touches it, put the database or a backup "
                    "in its place, and start again; what came last was not confirmed to anybody"
                )


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - after each commit, and pathlib takes as long again
    except OSError:
        return None
    return found.st_dev, found.st_ino
