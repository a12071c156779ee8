"""The command `relay`. Exit codes: 0 done, 1 failed, 2 wrong settings or wrong use."""

import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import structlog

from relay import __version__
from relay.log import configure, loop_exception_handler
from relay.settings import Settings, SettingsError, load_settings, summary

if TYPE_CHECKING:
    from relay.app import Ports

log = structlog.get_logger()

_ENV_FILE = click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(".env"),
    show_default=True,
    help="Read settings from this file too; the environment wins.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="relay")
def main() -> None:
    """Relay between a company's Telegram bot and Voximplant Kit."""


@main.command()
@_ENV_FILE
def run(env_file: Path) -> None:
    """Run the relay until SIGTERM or Ctrl-C."""
    settings = _settings(env_file)
    _migrate(settings)
    _run(_relay(settings))


@main.command()
@_ENV_FILE
def migrate(env_file: Path) -> None:
    """Bring the database to this version's schema (`relay run` does it by itself)."""
    settings = _settings(env_file)
    _migrate(settings)
    click.echo(f"{settings.database_path}: the schema is current")


@main.command()
@click.option("--once", is_flag=True, help="Stop after the scripted conversation.")
@click.option("--directory", type=click.Path(file_okay=False, path_type=Path), help="Keep the database here.")
def demo(*, once: bool, directory: Path | None) -> None:
    """Run the real relay between a Telegram and a Kit look-alike and let them talk. Needs no account."""
    from relay.demo import run_demo  # noqa: PLC0415 - only the demo needs the look-alikes

    _run(run_demo(_stop_on_signals, directory=directory, once=once))


def _settings(env_file: Path) -> Settings:
    try:
        settings = load_settings(env_file)
    except SettingsError as error:
        for line in error.lines:
            click.echo(line, err=True)
        sys.exit(2)
    configure(settings.relay_log_level, settings.relay_log_format, settings.secrets)
    return settings


def _migrate(settings: Settings) -> None:
    from relay.store.migrating import SchemaError, bring_up_to_date  # noqa: PLC0415 - help needs no database

    try:
        settings.relay_data_dir.mkdir(parents=True, exist_ok=True)
        bring_up_to_date(settings.database_path)
    except SchemaError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"RELAY_DATA_DIR or RELAY_DATABASE_URL: cannot write there ({error.strerror})", code=2)


async def _relay(settings: Settings) -> None:
    from relay.app import open_relay  # noqa: PLC0415 - a wrong setting should not wait for these imports
    from relay.store.database import StoreLockedError  # noqa: PLC0415
    from relay.web.serving import CannotListenError  # noqa: PLC0415

    def ready(_: "Ports") -> None:
        # What the imports left behind lives as long as the process: the collector need not look at it ever again, and
        # what a message leaves behind is freed by its last reference.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 20)
        log.info("relay.settings", **summary(settings))

    stop = _stop_on_signals()
    try:
        async with open_relay(settings) as relay:
            await relay.run(stop, ready)
    except StoreLockedError as error:
        _fail(str(error))
    except CannotListenError as error:
        _fail(f"RELAY_PORT or RELAY_ADMIN_PORT: {error}", code=2)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop


def _run(main_task: Coroutine[Any, Any, None]) -> None:
    import uvloop  # noqa: PLC0415 - help needs no event loop

    async def guarded() -> None:
        asyncio.get_running_loop().set_exception_handler(loop_exception_handler)
        await main_task

    uvloop.run(guarded())


def _fail(line: str, *, code: int = 1) -> NoReturn:
    click.echo(line, err=True)
    sys.exit(code)
