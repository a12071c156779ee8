"""A copy becomes the database, and the database from before stays beside it."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Final

from relay.store.engine.copies import CopyError, copy_database, fault_of, force_to_disk, made_at_of, moment
from relay.store.engine.lock import hold_lock
from relay.store.engine.migrating import PATIENCE, SchemaError, is_current, version_of

#: Where the copy waits, whole and checked, until the database from before is out of its way.
_INCOMING: Final = ".incoming"


class RestoreError(Exception):
    """Nothing was restored. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of it."""

    made_at: str  #: When the copy was made, for people.
    aside: Path | None  #: Where the database from before is; None when there was none.
    waiting: int  #: Deliveries that waited in the copy.
    current: bool  #: It has this version's schema; else the next start migrates it.


def restore(copy: Path, path: Path, now: float, *, go_on: bool = False) -> Restored:
    """Put `copy` in the place of the database at `path`; the next start parks what waits in it, unless it is to go on.

    At every moment one of the two is in place. Raises RestoreError, and StoreLockedError when a relay runs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with hold_lock(path, patience=PATIENCE):
        current = _is_usable(copy, path)
        made_at, waiting = _what_it_holds(copy)
        incoming = path.with_name(path.name + _INCOMING)
        try:
            copy_database(copy, incoming, made_at=0.0 if go_on else made_at)
            aside = _keep_aside(path, now)
            incoming.replace(path)
            force_to_disk(path.parent)
        except CopyError as error:
            raise RestoreError(f"nothing was restored: {error}") from None
        except OSError as error:
            raise RestoreError(f"the database {path} could not be replaced: {error}") from None
    return Restored(moment(made_at), aside, waiting, current)


def _is_usable(copy: Path, path: Path) -> bool:
    """Whether the copy has this version's schema; RestoreError when it is of no use at all."""
    if not copy.is_file():
        raise RestoreError(f"there is no file {copy}")
    if path.exists() and copy.samefile(path):
        raise RestoreError(f"{copy} is the database itself")
    fault = fault_of(copy)
    if fault is not None:
        raise RestoreError(f"{copy} is damaged ({fault}): take another copy")
    try:
        version, current = version_of(copy), is_current(copy)
    except SchemaError as error:
        raise RestoreError(str(error)) from None
    if version is None:
        raise RestoreError(f"{copy} is no relay's database")
    return current


def _what_it_holds(copy: Path) -> tuple[float, int]:
    """When the copy was made (Unix time), as it says itself or its file does, and how many deliveries wait in it."""
    with closing(sqlite3.connect(f"{copy.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        made_at = made_at_of(connection)
        [waiting] = connection.execute("SELECT count(*) FROM outbox WHERE status = 'waiting'").fetchone()
    return made_at or copy.stat().st_mtime, waiting


def _keep_aside(path: Path, now: float) -> Path | None:
    """Give the database from before another name too, and its log, which the copy must not meet."""
    if not path.exists():
        return None
    aside = _free_name(path, now)
    log, log_aside = _beside(path, "-wal"), _beside(aside, "-wal")
    aside.hardlink_to(path)
    if log.exists():
        log_aside.hardlink_to(log)
        _take_log_in(path)
    for end in ("-wal", "-shm"):
        _beside(path, end).unlink(missing_ok=True)
    if log_aside.exists() and log_aside.stat().st_size == 0:
        log_aside.unlink()
    force_to_disk(path.parent)
    return aside


def _free_name(path: Path, now: float) -> Path:
    at = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    first = path.with_name(f"{path.name}.replaced-{at}")
    others = (path.with_name(f"{first.name}-{number}") for number in count(2))
    return next(name for name in chain([first], others) if not name.exists())


def _take_log_in(path: Path) -> None:
    """Make a healthy database whole without its log, so that an end right after this costs nothing."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error:
        return  # it is damaged, and stays as it is beside the copy


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)
