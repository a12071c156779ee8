"""Room that is kept on the disk beside an SQLite database: given up when the disk is full, so that what is done fits.

What was delivered must be written down, else it is delivered again; new things wait until there is room.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

#: Bytes. A settlement takes a few kilobytes of the log, and SQLite uses the log again from its beginning after 4 MB.
SIZE: Final = 4 * 2**20


class Reserve:
    """The reserve of the database at `path`. Its methods may wait for the disk."""

    def __init__(self, path: Path, size: int = SIZE) -> None:
        self._path = path.with_name(path.name + ".reserve")
        self._size = size
        self.is_laid = False

    def lay(self) -> bool:
        """Take the room, if the disk has it. Returns whether it is there now."""
        if not self.is_laid:
            with suppress(OSError):
                self._write()
                self.is_laid = True
        return self.is_laid

    def give_up(self) -> bool:
        """Free the room. Returns whether there was any."""
        was_laid, self.is_laid = self.is_laid, False
        self._path.unlink(missing_ok=True)
        return was_laid

    def _write(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size)
        except OSError:
            self._path.unlink(missing_ok=True)  # a part of it helps nobody
            raise
        finally:
            os.close(descriptor)
