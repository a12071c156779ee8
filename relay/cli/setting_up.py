"""The command `relay setup`."""

import asyncio
import getpass
import os
import signal
import sys
import threading
import warnings
from pathlib import Path
from typing import Final

import click
import structlog
from click.core import ParameterSource

from relay.cli.starting import fail
from relay.settings.channels import CHANNEL_NAME_WORDS, is_channel_name
from relay.settings.schema import Settings
from relay.settings.sources import read_values
from relay.setup.files import ChannelTable, EnvFile, UnusableFileError, readable
from relay.setup.questions import BOT, CHANNEL, SALT
from relay.setup.wizard import GaveUpError, Wizard

_FILE: Final = click.Path(dir_okay=False, path_type=Path)


@click.command
@click.option("--env-file", type=_FILE, default=".env", show_default=True, help="Where the answers go.")
@click.option("--telegram-bot-token", envvar="TELEGRAM_BOT_TOKEN", show_envvar=True, help="The bot's token.")
@click.option(
    "--public-url", "relay_public_url", envvar="RELAY_PUBLIC_URL", show_envvar=True, help="Its public address."
)
@click.option("--kit-region", envvar="KIT_REGION", show_envvar=True, help="Where the Kit account lives.")
@click.option("--kit-api-url", envvar="KIT_API_URL", show_envvar=True, help="Or Kit's API host.")
@click.option("--kit-domain", envvar="KIT_DOMAIN", show_envvar=True, help="The Kit account's name.")
@click.option("--kit-api-token", envvar="KIT_API_TOKEN", show_envvar=True, help="Kit's API token.")
@click.option("--kit-security-salt", envvar="KIT_SECURITY_SALT", show_envvar=True, help="The channel's Security Salt.")
@click.option("--kit-channel-uuid", envvar="KIT_CHANNEL_UUID", show_envvar=True, help="The channel's UUID.")
@click.option(
    "--channel",
    metavar="NAME",
    help="Of several bots, this one: its answers go into the file of --config, as a channel of that name.",
)
@click.option("--config", type=_FILE, default="relay.toml", show_default=True, help="The file that names channels.")
@click.option("--no-input", is_flag=True, help="Ask nothing: what is not given and not set already is an error.")
@click.option("--no-check", is_flag=True, help="Do not ask Telegram and Kit whether the answers are right.")
@click.option("--wait", type=click.FloatRange(0), metavar="SECONDS", help="For Kit's test request; 0: not at all.")
def setup(
    *,
    env_file: Path,
    channel: str | None,
    config: Path,
    no_input: bool,
    no_check: bool,
    wait: float | None,
    **given: str | None,
) -> None:
    """From a bot token and a Kit account to a relay that can run.

    Meanwhile it answers at the callback's address, since Kit tests that before it shows the channel's salt and UUID.
    Every answer can be an option or a variable; secrets are better off in variables, since others can see options.
    Run again, it offers what is there, and what variables say. Exit code 0 when the file is written, 1 when not.
    """
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    warnings.simplefilter("ignore", getpass.GetPassWarning)  # who pipes answers in knows that they are no secret there
    # With somebody there, variables are only offered: in a container they are what an earlier run wrote.
    taken = {name: value for name, value in given.items() if value and (no_input or _is_option(name))}
    try:
        file, around = _file_of_channels(channel, config, env_file, asks=not no_input) if channel else _env(env_file)
        wizard = Wizard(
            file=file,
            given=taken,
            around=around,
            channel=channel or "",
            asks=not no_input,
            proves=not no_check,
            patience=wait,
        )
        asyncio.run(_talk(wizard))
    except click.Abort:
        if sys.stdin.isatty():
            raise
        fail("\nrelay setup asks, and nobody answers. Without a terminal: --no-input, and each answer as a variable")
    except (GaveUpError, UnusableFileError) as error:
        click.echo(f"\n{error}", err=True)
        sys.exit(1)


def _is_option(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _env(env_file: Path) -> tuple[EnvFile, dict[str, str]]:
    """The file for the one bot, and what the environment says around it."""
    return EnvFile(env_file), readable(read_values(Settings, None, os.environ))


def _file_of_channels(name: str, config: Path, env_file: Path, *, asks: bool) -> tuple[ChannelTable, dict[str, str]]:
    """The channel's table, and what is said of all channels. Raises GaveUpError or UnusableFileError."""
    if not is_channel_name(name):
        raise GaveUpError(f"--channel: {CHANNEL_NAME_WORDS}")
    around = {**EnvFile(env_file).known(), **readable(read_values(Settings, None, os.environ))}
    first = ""
    if not config.exists() and BOT.field in around:
        first = _name_of_first(name, asks=asks)
    table = ChannelTable(config, name, first)
    own = {BOT.field, SALT.field, CHANNEL.field}
    shared = {field: value for field, value in {**table.shared(), **around}.items() if field not in own}
    return table, shared


def _name_of_first(name: str, *, asks: bool) -> str:
    """How the bot is to be called that the environment describes. Raises GaveUpError."""
    if not asks:
        raise GaveUpError("There is one bot already, in the environment. Name it in the file first: docs/settings.md.")
    click.echo("The bot that is there already becomes a channel too, and needs a name: small letters, digits, dashes.")
    while True:
        first = str(click.prompt("Its name", default="main" if name != "main" else "first"))
        if is_channel_name(first) and first != name:
            return first
        click.echo(CHANNEL_NAME_WORDS)


async def _talk(wizard: Wizard) -> None:
    # asyncio would only note a Ctrl-C until its loop goes on, which it does not while a question waits for its answer.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    await wizard.run()
