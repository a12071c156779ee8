"""`relay run`."""

import os
import signal
import sys
from pathlib import Path

import click

from relay.cli.options import settings_options


@click.command
@settings_options
def run(env_file: Path | None, config: Path | None) -> None:
    """Run the relay until SIGTERM or Ctrl-C."""
    _leave_on_signals()
    _leave_rich_out()
    from relay.cli.serving import serve  # noqa: PLC0415 - signals are heard before all this is loaded

    serve(env_file, config)


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
