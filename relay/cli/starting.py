"""How every command starts and fails: the options that say where settings are, and the lines that end it."""

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import click

from relay.linux import hide_memory
from relay.monitoring.log import configure
from relay.settings.channels import Channel, load_channels
from relay.settings.loading import SettingsError
from relay.settings.schema import Settings
from relay.settings.sources import broken_lines, unknown_names


def load(env_file: Path | None, config: Path | None, *, talk: bool = False) -> tuple[Channel, ...]:
    """The channels that the settings describe, and a log that knows their secrets. Exit 2 with a line for each mistake.

    The log has only warnings unless the command is to `talk`.
    """
    keep_to_ourselves()
    path = env_file or Path(".env")
    for number in broken_lines(path):
        click.echo(f"{path}, line {number}: is no setting. Is a quote missing? It has no effect.", err=True)
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
