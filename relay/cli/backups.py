"""`relay backup` and `relay restore`."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from relay.cli.options import settings_options
from relay.cli.printing import age
from relay.cli.starting import fail, load
from relay.settings.schema import Settings
from relay.store.engine.copies import CopyError, copy_database
from relay.store.engine.erased import ErasedListError, beside, merge
from relay.store.engine.lock import StoreLockedError
from relay.store.engine.restoring import Restored, RestoreError
from relay.store.engine.restoring import restore as put_in_place

_FILE = click.Path(dir_okay=False, path_type=Path)
#: A backup gives way to who has more to do.
_NICE: Final = 10
#: What is in the names of backups of which some are kept: the time, so that names sort as they were made.
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_STAMPED: Final = r"-\d{8}T\d{6}Z"
_DAY: Final = 86400.0
_UNITS: Final = ((2**30, "GB"), (2**20, "MB"), (2**10, "kB"))


@click.command
@click.argument("file", type=_FILE)
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Put the time in the name; keep the newest N.")
@settings_options
def backup(*, file: Path, keep: int | None, env_file: Path | None, config: Path | None) -> None:
    """Copy the database to FILE, also while the relay runs, and check the copy. Only a good copy gets the name.

    With --keep the time is put into the name (relay.db becomes relay-20261129T094200Z.db), and older backups of that
    name are deleted, but for the newest N. What waits in a copy does not go on by itself: see relay restore.
    """
    database = _file_of(load(env_file, config)[0].settings)
    began, now = time.monotonic(), time.time()
    target = file if keep is None else file.with_name(f"{file.stem}-{_at(now)}{file.suffix}")
    _must_be_free(target, database)
    os.nice(_NICE)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_database(database, target, gently=True, made_at=now)
        merge(beside(database), beside(target))  # who was erased until now stays so when this copy is restored
        deleted = [] if keep is None else list(_prune(file, keep, now))
    except (CopyError, ErasedListError, OSError) as error:
        fail(f"no backup: {error}")
    click.echo(f"{target}: {_size(target)}, checked, made in {age(time.monotonic() - began)}")
    for old in deleted:
        click.echo(f"deleted {old}")


@click.command
@click.argument("file", type=_FILE)
@click.option("--continue", "go_on", is_flag=True, help="No relay ran since the copy was made: what waited goes on.")
@settings_options
def restore(*, file: Path, go_on: bool, env_file: Path | None, config: Path | None) -> None:
    """Put the copy FILE in the place of the database, which is kept beside it. The relay must be stopped.

    What waited in the copy may have arrived since it was made. So it does not go on by itself: the next start makes
    dead letters of it, which you can look at, retry and drop. Only for a move to another machine: --continue.
    """
    database = _file_of(load(env_file, config)[0].settings)
    try:
        merge(beside(file), beside(database))
        done = put_in_place(file, database, time.time(), go_on=go_on)
    except StoreLockedError as error:
        fail(f"nothing was restored: {error}. Stop the relay first")
    except OSError as error:
        fail(f"nothing was restored: {error}. Is there room, and may this user write there?")
    except (RestoreError, ErasedListError) as error:
        fail(str(error))
    click.echo(f"{database} is the copy of {done.made_at} now")
    for line in _told(done, go_on=go_on):
        click.echo(line)


def _told(done: Restored, *, go_on: bool) -> Iterator[str]:
    """What is to be known of a copy that is in place now."""
    if done.aside is not None:
        yield f"the database from before is {done.aside}; to go back: relay restore {done.aside}"
    if not done.current:
        yield "it has an older schema: the next start of this version migrates it, and keeps a copy"
    if not done.waiting:
        return
    if go_on:
        yield f"{done.waiting} deliveries waited in it, and go on when the relay starts"
        return
    yield f"{done.waiting} deliveries waited in it and may have arrived since. Once the relay has started:"
    yield "  relay dead list --reason restored     lists them"
    yield "  relay dead retry --reason restored    lets them go on"


def _file_of(settings: Settings) -> Path:
    """SQLite's file. Exit 2 with a line for PostgreSQL, which has tools of its own."""
    if not isinstance(settings.database, Path):
        fail("The database is a PostgreSQL. Use its own tools: pg_dump copies it, pg_restore puts it back.", code=2)
    return settings.database


def _must_be_free(target: Path, database: Path) -> None:
    """End with a line if the copy would take the place of what is no backup."""
    if not database.is_file():
        fail(f"no backup: there is no database at {database}")
    if not _is_sqlite(database):
        fail(f"no backup: the file {database} is no healthy SQLite database. Restore it from a backup")
    if target.resolve() in {database.with_name(database.name + end).resolve() for end in ("", "-wal", "-shm", ".lock")}:
        fail(f"no backup: {target} is the database itself. Name another file", code=2)
    if not target.exists():
        return
    if not _is_sqlite(target):
        fail(f"no backup: {target} is there and is no database. Name another file", code=2)


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as there:
        return there.read(16).startswith(b"SQLite format 3")


def _prune(file: Path, keep: int, now: float) -> Iterator[Path]:
    """Delete all but the newest of the backups of this name, and what broken ones left a day ago or more."""
    named = re.compile(f"{re.escape(file.stem)}{_STAMPED}{re.escape(file.suffix)}")
    backups = sorted((each for each in file.parent.iterdir() if named.fullmatch(each.name)), reverse=True)
    for old in backups[keep:]:
        old.unlink()
        beside(old).unlink(missing_ok=True)
        yield old
    for left in file.parent.iterdir():
        backup_name, unfinished, _ = left.name.partition(".unfinished")
        with suppress(FileNotFoundError):
            if unfinished and named.fullmatch(backup_name) and left.stat().st_mtime < now - _DAY:
                left.unlink()
                yield left


def _at(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime(_STAMP)


def _size(path: Path) -> str:
    size = path.stat().st_size
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"
