"""`relay migrate`, and what every start does first."""

from pathlib import Path

import click

from relay.cli.options import settings_options
from relay.cli.starting import check_writable, fail, keep_to_ourselves, load
from relay.settings.schema import Settings
from relay.settings.values import database_url
from relay.store.engine.erased import ENDING, ErasedListError, beside, list_of, merge
from relay.store.engine.lock import StoreLockedError
from relay.store.engine.migrating import SchemaError, bring_up_to_date


@click.command
@click.option(
    "--from", "source", metavar="URL", help="Move the database from here: a sqlite:///… of a relay that is stopped."
)
@click.option("--to", "target", metavar="URL", help="Move the database to here: a postgresql://… that is empty.")
@settings_options
def migrate(*, source: str | None, target: str | None, env_file: Path | None, config: Path | None) -> None:
    """Bring the database to this version's schema (`relay run` does it by itself), or move it to PostgreSQL.

    With --from or --to everything is moved; the one that is not given is RELAY_DATABASE_URL. The relay must be stopped.
    A move that broke off goes on when it is asked for again.
    """
    if source is not None and target is not None:
        keep_to_ourselves()
        _move(source, target, None)
        return
    settings = load(env_file, config, talk=True)[0].settings
    if source is not None or target is not None:
        _move(source or settings.relay_database_url, target or settings.relay_database_url, settings.relay_data_dir)
        return
    bring_database_up_to_date(settings)
    click.echo(f"{settings.database_name}: the schema is current")


def _move(source: str, target: str, data_dir: Path | None) -> None:
    if not source.startswith("sqlite:///") or not target.startswith("postgresql://"):
        fail("--from must be a sqlite:///… and --to a postgresql://…", code=2)
    try:
        path = Path(database_url(source).removeprefix("sqlite:///"))
    except ValueError as error:
        fail(f"--from {error}", code=2)
    from relay.store.engine.moving import MoveError, move  # noqa: PLC0415 - psycopg is an extra

    try:
        counted = move(path, target, _tell)
        merge(beside(path), list_of(target, data_dir or path.parent))
    except StoreLockedError as error:
        fail(f"nothing is moved now: {error}. Stop the relay first")
    except (MoveError, SchemaError, ErasedListError, OSError) as error:
        fail(str(error))
    click.echo(
        f"{sum(counted.values())} rows are moved and counted. Set RELAY_DATABASE_URL to the PostgreSQL, and start"
    )


def _tell(table: str, done: int, total: int) -> None:
    click.echo(f"{table}: {done} of {total}")


def bring_database_up_to_date(settings: Settings) -> None:
    """Migrate the database if it needs it. Exit 1 or 2 with a line that says what stands in the way."""
    place = settings.database
    if isinstance(place, Path):
        beside = [place.with_name(place.name + end) for end in ("", "-wal", "-shm", ".lock", ".reserve", ENDING)]
        check_writable("RELAY_DATABASE_URL", place.parent, beside)
    for directory in ("tmp", "media-cache"):
        check_writable("RELAY_DATA_DIR", settings.relay_data_dir / directory)
    try:
        bring_up_to_date(place)
    except StoreLockedError as error:
        fail(f"{error}. Stop that one first, or give this one a database of its own")
    except SchemaError as error:
        fail(str(error))
