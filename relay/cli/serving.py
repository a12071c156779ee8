"""What `relay run` does once it listens to signals: settings, database, relay."""

import asyncio
import ctypes
import gc
import resource
import signal
import sqlite3
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop
from sqlalchemy.exc import DBAPIError

from relay.app import Ports, open_relay
from relay.cli.migrating import bring_database_up_to_date
from relay.cli.starting import fail, load
from relay.control.place import NoPlaceError
from relay.errors import StoreLost, Unavailable
from relay.monitoring.log import loop_exception_handler
from relay.settings.channels import Channel
from relay.settings.loading import summary
from relay.store.engine.lock import StoreLockedError
from relay.web.serving import CannotListenError

#: More than connections, files in transit and all else ever need together.
_OPEN_FILES: Final = 16_384


def serve(env_file: Path | None, config: Path | None) -> None:
    """Run the relay until a signal asks it to stop."""
    channels = load(env_file, config, talk=True)
    raise_open_files_limit()
    bring_database_up_to_date(channels[0].settings)
    run_loop(_relay(channels))


async def _relay(channels: tuple[Channel, ...]) -> None:

    def ready(_: Ports) -> None:
        # What the imports left behind lives as long as the process: the collector need not look at it ever again.
        gc.collect()
        gc.freeze()
        _give_back_memory()
        for each in channels:
            named = {"channel": each.name} if each.name else {}
            structlog.get_logger().info("relay.settings", **named, **summary(each.settings))

    stop = stop_on_signals()
    try:
        async with open_relay(*channels) as relay:
            await relay.run(stop, ready)
    except ExceptionGroup as errors:
        lost, others = errors.split(StoreLost)
        if lost is None or others is not None:
            raise
        fail(str(_first(lost)))
    except StoreLockedError as error:
        fail(str(error))
    except (Unavailable, sqlite3.Error, DBAPIError) as error:
        fail(
            f"the database {channels[0].settings.database_name} cannot be used: {error}. Does another program hold it?"
        )
    except (CannotListenError, NoPlaceError) as error:
        fail(str(error), code=2)


def _first(errors: BaseExceptionGroup[StoreLost]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def raise_open_files_limit() -> None:
    """Let this process have as many files open as it may: what it starts with is often 1,024, for old programs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _give_back_memory() -> None:
    """Let the C library return what loading left behind; it would keep it for later. Only glibc has this."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and Ctrl-C set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop


def run_loop(main_task: Coroutine[Any, Any, None]) -> None:
    """Run this on uvloop; what nobody caught goes into the log."""

    async def guarded() -> None:
        asyncio.get_running_loop().set_exception_handler(loop_exception_handler)
        await main_task

    uvloop.run(guarded())
