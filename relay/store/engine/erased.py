"""Who was erased: a keyed hash of each customer and when, in a file beside the database.

The file goes with every backup, so that a copy from before an erasure, once it is restored, is told of it: whoever is
in the list and in the database is erased again, up to the moment at which that was asked for. Without the key, which
lies in the same file, a hash says nothing; with it, only who guesses a client id learns whether that one was erased.
"""

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from relay.store.engine.copies import force_to_disk

#: How the file's name ends that lies beside a database, or beside a copy of one.
ENDING: Final = ".erased"


class ErasedListError(Exception):
    """The list cannot be read or written. The message says what to do."""


@dataclass(slots=True)
class Erased:
    """Lists under their keys: one, or several where installations were merged."""

    lists: dict[str, dict[str, float]] = field(default_factory=dict)  #: Unix time by hash, by key.

    @property
    def last(self) -> float:
        """When somebody was erased last; 0.0 when nobody was."""
        return max((at for hashes in self.lists.values() for at in hashes.values()), default=0.0)

    def asked_at(self, channel: str, client_id: str) -> float | None:
        """When this customer was erased (the last time); None if never."""
        found = [at for key, hashes in self.lists.items() if (at := hashes.get(_hash(key, channel, client_id)))]
        return max(found, default=None)

    def add(self, channel: str, client_id: str, at: float) -> None:
        """Enter a customer, under the first key."""
        key = next(iter(self.lists), None) or secrets.token_hex(32)
        self.lists.setdefault(key, {})[_hash(key, channel, client_id)] = at

    def take_in(self, other: "Erased") -> None:
        """Enter everybody of another list, under its own keys; of two times the later one counts."""
        for key, hashes in other.lists.items():
            ours = self.lists.setdefault(key, {})
            ours |= {name: max(at, ours.get(name, 0.0)) for name, at in hashes.items()}


def list_of(database: Path | str, data_dir: Path) -> Path:
    """Where the list of a database lies: beside an SQLite file; of a PostgreSQL in the relay's data."""
    return beside(database) if isinstance(database, Path) else data_dir / f"relay{ENDING}"


def beside(path: Path) -> Path:
    """The list of the database, or of the copy, at `path`."""
    return path.with_name(path.name + ENDING)


def read_list(path: Path) -> Erased:
    """The list; an empty one where there is no file. Raises ErasedListError."""
    try:
        lists = json.loads(path.read_bytes())
        return Erased(
            {str(key): {str(name): float(at) for name, at in hashes.items()} for key, hashes in lists.items()}
        )
    except FileNotFoundError:
        return Erased()
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ErasedListError(
            f"{path}, the list of erased customers, cannot be read ({error}). Take the one from the newest backup"
        ) from None


def enter(path: Path, channel: str, client_id: str, at: float) -> None:
    """Enter a customer in the list at `path`. It is on the disk when this returns. Raises ErasedListError."""
    erased = read_list(path)
    erased.add(channel, client_id, at)
    _write(path, erased)


def merge(source: Path, target: Path) -> None:
    """Enter everybody of one list in another; nothing where there is no source. Raises ErasedListError."""
    if not source.exists():
        return
    take_in(target, read_list(source))


def take_in(path: Path, other: Erased) -> None:
    """Enter everybody of a list in the one at `path`, if they are not there. Raises ErasedListError."""
    erased = read_list(path)
    before = {key: dict(hashes) for key, hashes in erased.lists.items()}
    erased.take_in(other)
    if erased.lists != before:
        _write(path, erased)


def _write(path: Path, erased: Erased) -> None:
    """Whole or not at all, and for the relay's user only."""
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(erased.lists, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        force_to_disk(path.parent)
    except OSError as error:
        raise ErasedListError(f"{path}, the list of erased customers, cannot be written ({error.strerror})") from None


def _hash(key: str, channel: str, client_id: str) -> str:
    return hmac.new(bytes.fromhex(key), f"{channel}\n{client_id}".encode(), hashlib.sha256).hexdigest()
