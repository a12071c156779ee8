"""The note in a database that it is open, and in which file: by it a copy of that file alone is known.

`cp` of a database that is open, without the log beside it, lacks what was committed last, and nothing else shows it. So
whoever opens a database notes the number of its file (the inode) in SQLite's header, where `PRAGMA application_id` is
(https://sqlite.org/fileformat.html#database_header), and takes the note away at the end. A process that dies leaves the
note behind, but in the same file, and the log beside it.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

_MAGIC: Final = b"SQLite format 3\0"
_PLACE: Final = 68  #: Bytes into the header: four of them, the first the highest.


def note_open(connection: sqlite3.Connection, path: Path) -> None:
    """Note that the database is open in the file at `path`. On a disk that is full there is no note."""
    with suppress(sqlite3.Error):
        connection.execute(f"PRAGMA application_id={_number(path)}")
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # into the file itself, which is what is copied


def note_closed(connection: sqlite3.Connection) -> None:
    """Take the note away: from now on the file alone is all there is."""
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA application_id=0")


def lacks_its_log(path: Path) -> bool:
    """Whether the database at `path` was copied while another file of it was open, and its log was not.

    Not known of a file that has got the same number by chance, and of one that was opened by somebody else since.
    """
    if not path.exists() or path.with_name(path.name + "-wal").exists():
        return False
    with path.open("rb") as file:
        header = file.read(_PLACE + 4)
    note = int.from_bytes(header[_PLACE:], "big")
    return header.startswith(_MAGIC) and note not in {0, _number(path)}


def _number(path: Path) -> int:
    return path.stat().st_ino & 0x7FFF_FFFF or 1
