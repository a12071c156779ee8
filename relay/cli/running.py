"""`relay run`."""

import gc
import os
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

import click

from relay.cli.options import settings_options

#: What a message leaves behind is freed by its last reference, and what is loaded stays: cycles to collect are few.
_COLLECTOR: Final = (10_000, 20, 20)
#: What is loaded only where it is found.
_NEVER_USED: Final = (
    "rich",
    "greenlet",
    "cryptography",
    "bz2",  # for archives, as the next one
    "lzma",
    "aiohttp._websocket.mask",  # nobody speaks WebSocket here: as the next one
    "aiohttp._websocket.reader_c",
    "frozenlist._frozenlist",  # brings C++'s library along; without it the package does the same in Python
)


@click.command
@settings_options
def run(env_file: Path | None, config: Path | None) -> None:
    """Run the relay until SIGTERM or Ctrl-C."""
    _leave_on_signals()
    gc.set_threshold(*_COLLECTOR)
    _leave_out_what_is_never_used()
    from relay.cli.serving import serve  # noqa: PLC0415 - signals are heard before all this is loaded

    del sys.modules["cryptography"]  # by now it was looked for; who shares a database seals with it
    serve(env_file, config)


def _leave_on_signals() -> None:
    """Until there is anything in hand, a request to stop is done by going.

    Not by SystemExit: Python drops exceptions that a signal raises inside of a weak reference's callback, and each
    import runs such callbacks.
    """
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: os._exit(0))


def _leave_out_what_is_never_used() -> None:
    """Let structlog believe that there is no rich, SQLAlchemy that there is no greenlet, and so on.

    They would load what a relay never uses, and keep it for as long as the process lives: 24 MiB. The relay speaks to
    its database from a thread, and gives each Bot a transport of its own (`telegram/request.py`). What
    python-telegram-bot would do with cryptography, reading passports, it never does.
    """
    for name in _NEVER_USED:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own way to say that it cannot be imported
    transport = ModuleType("telegram.request._httpxrequest")
    transport.HTTPXRequest = type("HTTPXRequest", (), {})  # type: ignore[attr-defined]  # all that the package takes from it
    sys.modules[transport.__name__] = transport
