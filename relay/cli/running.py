"""`relay run`, `relay migrate` and `relay demo`."""

import asyncio
import gc
import os
import signal
import sqlite3
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from relay.cli.starting import check_writable, fail, keep_to_ourselves, load, settings_options

if TYPE_CHECKING:
    from relay.app import Ports
    from relay.settings.channels import Channel
    from relay.settings.schema import Settings


@click.command(short_help="Run the relay.")
@settings_options
def run(env_file: Path | None, config: Path | None) -> None:
    """Run the relay until SIGTERM or Ctrl-C."""
    _leave_on_signals()
    _leave_rich_out()
    channels = load(env_file, config, talk=True)
    _migrate(channels[0].settings)
    _run(_relay(channels))


@click.command(short_help="Bring the database to this version's schema.")
@settings_options
def migrate(env_file: Path | None, config: Path | None) -> None:
    """Bring the database to this version's schema (`relay run` does it by itself)."""
    settings = load(env_file, config, talk=True)[0].settings
    _migrate(settings)
    click.echo(f"{settings.database_path}: the schema is current")


@click.command(short_help="Try the relay between look-alikes; needs no account.")
@click.option("--once", is_flag=True, help="Stop after the scripted conversation.")
@click.option("--directory", type=click.Path(file_okay=False, path_type=Path), help="Keep the database here.")
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser, where there is one.")
@click.option("--port", type=click.IntRange(0, 65535), help="The page's port; 0 takes any free one.  [default: 8090]")
def demo(*, once: bool, directory: Path | None, browser: bool, port: int | None) -> None:
    """Run the real relay between a Telegram and a Kit look-alike, on a page in your browser. Needs no account."""
    keep_to_ourselves()
    from relay.sandbox.demo.running import PageAddressError, Wishes, run_demo  # noqa: PLC0415 - only the demo needs all this
    from relay.settings.schema import LogLevel  # noqa: PLC0415

    level = (os.environ.get("RELAY_LOG_LEVEL") or "WARNING").upper()
    if level not in get_args(LogLevel):
        fail(f"RELAY_LOG_LEVEL: must be one of: {', '.join(get_args(LogLevel))}.", code=2)
    if directory is not None:
        check_writable("--directory", directory)
    code = 0

    async def run_it() -> None:
        nonlocal code
        code = await run_demo(_stop_on_signals, Wishes(directory, once, browser, port, level))

    try:
        _run(run_it())
    except PageAddressError as error:
        fail(str(error), code=2)
    sys.exit(code)


def _leave_on_signals() -> None:
    """Until there is anything in hand, a request to stop is done by going.

    Not by SystemExit: Python drops exceptions that a signal raises inside of a weak reference's callback, and each
    import runs such callbacks.
    """
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: os._exit(0))


def _leave_rich_out() -> None:
    """Let structlog believe that there is no rich, and httpx that it has no command line: each would load all of it.

    That is 7 MiB for as long as the process lives, for what a relay never prints.
    """
    for name in ("rich", "httpx._main"):
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own way to say that it cannot be imported


def _migrate(settings: "Settings") -> None:
    from relay.store.engine.lock import StoreLockedError  # noqa: PLC0415 - help needs no database
    from relay.store.engine.migrating import SchemaError, bring_up_to_date  # noqa: PLC0415

    path = settings.database_path
    beside = [path.with_name(path.name + end) for end in ("", "-wal", "-shm", ".lock")]
    check_writable("RELAY_DATABASE_URL", path.parent, beside)
    for directory in ("tmp", "media-cache"):
        check_writable("RELAY_DATA_DIR", settings.relay_data_dir / directory)
    try:
        bring_up_to_date(settings.database_path)
    except (SchemaError, StoreLockedError) as error:
        fail(str(error))


async def _relay(channels: "tuple[Channel, ...]") -> None:
    import structlog  # noqa: PLC0415 - see above

    from relay.app import open_relay  # noqa: PLC0415 - a wrong setting should not wait for these imports
    from relay.control.place import NoPlaceError  # noqa: PLC0415
    from relay.errors import Unavailable  # noqa: PLC0415
    from relay.settings.loading import summary  # noqa: PLC0415
    from relay.store.engine.lock import StoreLockedError  # noqa: PLC0415
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
        fail(str(error))
    except (Unavailable, sqlite3.Error) as error:
        fail(
            f"the database {channels[0].settings.database_path} cannot be used: {error}. Does another program hold it?"
        )
    except (CannotListenError, NoPlaceError) as error:
        fail(str(error), code=2)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop


def _run(main_task: Coroutine[Any, Any, None]) -> None:
    import uvloop  # noqa: PLC0415 - help needs no event loop

    from relay.monitoring.log import loop_exception_handler  # noqa: PLC0415

    async def guarded() -> None:
        asyncio.get_running_loop().set_exception_handler(loop_exception_handler)
        await main_task

    uvloop.run(guarded())
