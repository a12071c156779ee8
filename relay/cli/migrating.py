"""`relay migrate`, and what every start does first."""

from pathlib import Path

import click

from relay.cli.options import settings_options
from relay.cli.starting import check_writable, fail, load
from relay.settings.schema import Settings
from relay.store.engine.lock import StoreLockedError
from relay.store.engine.migrating import SchemaError, bring_up_to_date


@click.command
@settings_options
def migrate(env_file: Path | None, config: Path | None) -> None:
    """Bring the database to this version's schema (`relay run` does it by itself)."""
    settings = load(env_file, config, talk=True)[0].settings
    bring_database_up_to_date(settings)
    click.echo(f"{settings.database_name}: the schema is current")


def bring_database_up_to_date(settings: Settings) -> None:
    """Migrate the database if it needs it. Exit 1 or 2 with a line that says what stands in the way."""
    place = settings.database
    if isinstance(place, Path):
        beside = [place.with_name(place.name + end) for end in ("", "-wal", "-shm", ".lock", ".reserve")]
        check_writable("RELAY_DATABASE_URL", place.parent, beside)
    for directory in ("tmp", "media-cache"):
        check_writable("RELAY_DATA_DIR", settings.relay_data_dir / directory)
    try:
        bring_up_to_date(place)
    except (SchemaError, StoreLockedError) as error:
        fail(str(error))
