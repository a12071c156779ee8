"""The options that say where settings are, which every command takes."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

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
