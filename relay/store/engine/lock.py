"""The lock file beside an SQLite database: one process holds it, and the kernel lets go when that process dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StoreLockedError(Exception):
    """Another process holds the database."""


@contextmanager
def hold_lock(path: Path, *, patience: float = 0.0) -> Iterator[int]:
    """Keep every other process away from the database at `path`.

    Yields the file descriptor that holds it: a program that inherits that holds it as well, for as long as it runs.
    Waits `patience` seconds, and everything with it, for another one to let go; then raises StoreLockedError.
    """
    lock = path.with_name(path.name + ".lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, lock, patience)
        if not lock.exists() or not os.path.samestat(os.fstat(descriptor), lock.stat()):
            raise StoreLockedError(f"{lock} was removed while another relay held it; start again")
        yield descriptor
    finally:
        os.close(descriptor)


def note_use(path: Path) -> None:
    """Note in the lock file that a database lies at `path`: who then finds none there knows that it was lost."""
    lock = path.with_name(path.name + ".lock")
    if lock.stat().st_size == 0:
        lock.write_text("A relay keeps its database beside this file.\n")


def signs_of_use(path: Path) -> list[Path]:
    """Files beside `path` which say that there was a database."""
    signs = [path.with_name(path.name + end) for end in (".lock", "-wal", "-journal")]
    return [sign for sign in signs if sign.exists() and sign.stat().st_size > 0]


def _lock(descriptor: int, lock: Path, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise StoreLockedError(f"another relay holds the database ({lock} is locked)") from None
        time.sleep(0.02)
