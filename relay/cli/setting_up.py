"""The command `relay setup`."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import click
import structlog

from relay.settings.schema import Settings
from relay.settings.sources import Unreadable, read_values
from relay.setup.wizard import GaveUpError, Wizard


@click.command
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=".env",
    show_default=True,
    help="Where the answers go.",
)
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
@click.option("--no-input", is_flag=True, help="Ask nothing: what is not given and not set already is an error.")
@click.option("--no-check", is_flag=True, help="Do not ask Telegram and Kit whether the answers are right.")
@click.option("--wait", type=click.FloatRange(0), metavar="SECONDS", help="For Kit's test request; 0: not at all.")
def setup(*, env_file: Path, no_input: bool, no_check: bool, wait: float | None, **given: str | None) -> None:
    """From a bot token and a Kit account to a relay that can run.

    Meanwhile it answers at the callback's address, since Kit tests that before it shows the channel's salt and UUID.
    Every answer can be an option or a variable; secrets are better off in variables, since others can see options.
    Run again, it offers what is there. Exit code 0 when the file is written, 1 when not.
    """
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    wizard = Wizard(
        env_file=env_file,
        given={name: value for name, value in given.items() if value},
        known=_values(env_file, {}),
        around=_values(None, os.environ),
        asks=not no_input,
        proves=not no_check,
        patience=wait,
    )
    try:
        asyncio.run(_talk(wizard))
    except GaveUpError as error:
        click.echo(f"\n{error}", err=True)
        sys.exit(1)


async def _talk(wizard: Wizard) -> None:
    # asyncio would only note a Ctrl-C until its loop goes on, which it does not while a question waits for its answer.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    await wizard.run()


def _values(env_file: Path | None, environment: Mapping[str, str]) -> Mapping[str, str]:
    """What the file and the environment say, as far as it can be read."""
    try:
        values = read_values(Settings, env_file, environment)
    except (OSError, UnicodeError) as error:
        raise click.FileError(str(env_file), "is there and cannot be read as text in UTF-8") from error
    return {name: value for name, value in values.items() if not isinstance(value, Unreadable)}
