"""How every command starts and fails: the options that say where settings are, and the lines that end it."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from relay.linux import hide_memory

if TYPE_CHECKING:
    from relay.settings.channels import Channel

Command = TypeVar("Command", bound=Callable[..., object])

_ENV_FILE = click.option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    show_default=".env",
    help="Read settings from this file too; the environment wins.",
)
_CONFIG = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    show_default="relay.toml, if it is there",
    help="The file that names several channels.",
)


def settings_options(command: Command) -> Command:
    """Let the command take --env-file and --config."""
    return _ENV_FILE(_CONFIG(command))


def load(env_file: Path | None, config: Path | None, *, talk: bool = False) -> "tuple[Channel, ...]":
    """The channels that the settings describe, and a log that knows their secrets. Exit 2 with a line for each mistake.

    The log has only warnings unless the command is to `talk`.
    """
    keep_to_ourselves()
    from relay.monitoring.log import configure  # noqa: PLC0415
    from relay.settings.channels import load_channels  # noqa: PLC0415 - help needs no settings
    from relay.settings.loading import SettingsError  # noqa: PLC0415
    from relay.settings.schema import Settings  # noqa: PLC0415
    from relay.settings.sources import unknown_names  # noqa: PLC0415

    path = env_file or Path(".env")
    if unknown := unknown_names(Settings, path):
        click.echo(f"{path}: no setting is called {', '.join(unknown)}. Is it misspelt? It has no effect.", err=True)
    try:
        channels = load_channels(path, config or Path("relay.toml"))
    except SettingsError as error:
        for line in error.lines:
            click.echo(line, err=True)
        sys.exit(2)
    settings = channels[0].settings
    secrets = (secret for channel in channels for secret in channel.settings.secrets)
    configure(settings.relay_log_level if talk else "WARNING", settings.relay_log_format, secrets)
    return channels


def keep_to_ourselves() -> None:
    """Customers' words are in the files that we make, secrets in our memory: neither is anybody else's to read."""
    os.umask(0o077)
    hide_memory()


def check_writable(setting: str, directory: Path, files: Iterable[Path] = ()) -> None:
    """Try it, since permissions alone do not tell (root, read-only mounts). Exit 2 naming the setting."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
        for file in filter(Path.exists, files):
            file.open("r+b").close()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file can have this name"
        remedy = "Give the relay's user a directory of its own, or name another one."
        fail(f"{setting}: cannot write there ({reason}): {directory}. {remedy}", code=2)


def fail(line: str, *, code: int = 1) -> NoReturn:
    """End with this line on standard error."""
    click.echo(line, err=True)
    sys.exit(code)
