"""The command `relay`. Exit codes: 0 done, 1 failed, 2 wrong settings or wrong use."""

import asyncio
import gc
import os
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, get_args

import click

from relay import __version__

# Whatever is heavy is imported by the command that needs it, so that `run` can listen to signals before it.
if TYPE_CHECKING:
    from relay.app import Ports
    from relay.channels import Channel
    from relay.settings import Settings

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


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="relay")
def main() -> None:
    """Relay between a company's Telegram bot and Voximplant Kit."""


@main.command(short_help="Run the relay.")
@_ENV_FILE
@_CONFIG
def run(env_file: Path | None, config: Path | None) -> None:
    """Run the relay until SIGTERM or Ctrl-C."""
    _leave_on_signals()
    channels = _channels(env_file, config)
    _migrate(channels[0].settings)
    _run(_relay(channels))


@main.command(short_help="Bring the database to this version's schema.")
@_ENV_FILE
@_CONFIG
def migrate(env_file: Path | None, config: Path | None) -> None:
    """Bring the database to this version's schema (`relay run` does it by itself)."""
    settings = _channels(env_file, config)[0].settings
    _migrate(settings)
    click.echo(f"{settings.database_path}: the schema is current")


@main.command(short_help="Try the relay between look-alikes; needs no account.")
@click.option("--once", is_flag=True, help="Stop after the scripted conversation.")
@click.option("--directory", type=click.Path(file_okay=False, path_type=Path), help="Keep the database here.")
def demo(*, once: bool, directory: Path | None) -> None:
    """Run the real relay between a Telegram and a Kit look-alike and let them talk. Needs no account."""
    _keep_to_ourselves()
    from relay.demo import run_demo  # noqa: PLC0415 - only the demo needs the look-alikes
    from relay.settings import LogLevel  # noqa: PLC0415

    level = (os.environ.get("RELAY_LOG_LEVEL") or "WARNING").upper()
    if level not in get_args(LogLevel):
        _fail(f"RELAY_LOG_LEVEL: must be one of: {', '.join(get_args(LogLevel))}.", code=2)
    if directory is not None:
        _check_writable("--directory", directory)
    _run(run_demo(_stop_on_signals, directory=directory, once=once, log_level=level))


def _leave_on_signals() -> None:
    """Until there is anything in hand, a request to stop is done by going.

    Not by SystemExit: Python drops exceptions that a signal raises inside of a weak reference's callback, and each
    import runs such callbacks.
    """
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: os._exit(0))


def _keep_to_ourselves() -> None:
    """Customers' words are in the files that we make: no other user of the machine may read them."""
    os.umask(0o077)


def _channels(env_file: Path | None, config: Path | None) -> "tuple[Channel, ...]":
    _keep_to_ourselves()
    from relay.channels import load_channels  # noqa: PLC0415 - see above
    from relay.environment import unknown_names  # noqa: PLC0415
    from relay.log import configure  # noqa: PLC0415
    from relay.settings import Settings, SettingsError  # noqa: PLC0415

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
    configure(settings.relay_log_level, settings.relay_log_format, secrets)
    return channels


def _migrate(settings: "Settings") -> None:
    from relay.store.database import StoreLockedError  # noqa: PLC0415 - help needs no database
    from relay.store.migrating import SchemaError, bring_up_to_date  # noqa: PLC0415

    path = settings.database_path
    beside = [path.with_name(path.name + end) for end in ("", "-wal", "-shm", ".lock")]
    _check_writable("RELAY_DATABASE_URL", path.parent, beside)
    _check_writable("RELAY_DATA_DIR", settings.relay_data_dir / "tmp")
    try:
        bring_up_to_date(settings.database_path)
    except (SchemaError, StoreLockedError) as error:
        _fail(str(error))


def _check_writable(setting: str, directory: Path, files: Iterable[Path] = ()) -> None:
    """Try it, since permissions alone do not tell (root, read-only mounts). Exit 2 naming the setting."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
        for file in filter(Path.exists, files):
            file.open("r+b").close()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file can have this name"
        _fail(f"{setting}: cannot write there ({reason})", code=2)


async def _relay(channels: "tuple[Channel, ...]") -> None:
    import structlog  # noqa: PLC0415 - see above

    from relay.app import open_relay  # noqa: PLC0415 - a wrong setting should not wait for these imports
    from relay.errors import Unavailable  # noqa: PLC0415
    from relay.settings import summary  # noqa: PLC0415
    from relay.store.database import StoreLockedError  # noqa: PLC0415
    from relay.web.serving import CannotListenError  # noqa: PLC0415

    def ready(_: "Ports") -> None:
        # What the imports left behind lives as long as the process: the collector need not look at it ever again, and
        # what a message leaves behind is freed by its last reference.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 20)
        for each in channels:
            named = {"channel": each.name} if each.name else {}
            structlog.get_logger().info("relay.settings", **named, **summary(each.settings))

    stop = _stop_on_signals()
    try:
        async with open_relay(*channels) as relay:
            await relay.run(stop, ready)
    except StoreLockedError as error:
        _fail(str(error))
    except (Unavailable, sqlite3.Error) as error:
        _fail(
            f"the database {channels[0].settings.database_path} cannot be used: {error}. Does another program hold it?"
        )
    except CannotListenError as error:
        _fail(str(error), code=2)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop


def _run(main_task: Coroutine[Any, Any, None]) -> None:
    import uvloop  # noqa: PLC0415 - help needs no event loop

    from relay.log import loop_exception_handler  # noqa: PLC0415

    async def guarded() -> None:
        asyncio.get_running_loop().set_exception_handler(loop_exception_handler)
        await main_task

    uvloop.run(guarded())


def _fail(line: str, *, code: int = 1) -> NoReturn:
    click.echo(line, err=True)
    sys.exit(code)
