"""`relay demo`."""

import os
import sys
from pathlib import Path
from typing import get_args

import click

from relay.cli.serving import run_loop, stop_on_signals
from relay.cli.starting import check_writable, fail, keep_to_ourselves
from relay.sandbox.demo.running import PageAddressError, Wishes, run_demo
from relay.settings.schema import LogLevel


@click.command
@click.option("--once", is_flag=True, help="Stop after the scripted conversation.")
@click.option("--directory", type=click.Path(file_okay=False, path_type=Path), help="Keep the database here.")
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser, where there is one.")
@click.option("--port", type=click.IntRange(0, 65535), help="The page's port; 0 takes any free one.  [default: 8090]")
def demo(*, once: bool, directory: Path | None, browser: bool, port: int | None) -> None:
    """Run the real relay between a Telegram and a Kit look-alike, on a page in your browser. Needs no account."""
    keep_to_ourselves()

    level = (os.environ.get("RELAY_LOG_LEVEL") or "WARNING").upper()
    if level not in get_args(LogLevel):
        fail(f"RELAY_LOG_LEVEL: must be one of: {', '.join(get_args(LogLevel))}.", code=2)
    if directory is not None:
        check_writable("--directory", directory)
    code = 0

    async def run_it() -> None:
        nonlocal code
        code = await run_demo(stop_on_signals, Wishes(directory, once, browser, port, level))

    try:
        run_loop(run_it())
    except PageAddressError as error:
        fail(str(error), code=2)
    sys.exit(code)
