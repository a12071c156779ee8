"""A relay under measurement: a process between the look-alikes, watched from outside."""

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import aiohttp
import psutil

from tests.bench.sandbox import Sandbox
from tests.bench.tls import CERTIFICATE
from tests.databases import rows

#: `before` is the relay at another commit; the three others promise less than it, and cost less.
Name = Literal["ours", "before", "reference", "bare", "naive"]
NAMES: Final[tuple[Name, ...]] = ("ours", "reference", "bare", "naive")

_ROOT: Final = Path(__file__).parents[2]
_MODULES: Final[dict[Name, tuple[str, ...]]] = {
    "ours": ("relay", "run"),
    "before": ("relay", "run"),
    "reference": ("tests.bench.reference",),
    "bare": ("tests.bench.bare",),
    "naive": ("tests.bench.naive",),
}
_LIBC = ctypes.CDLL(None)
_LOOK = 0.1  #: Seconds between two looks at the memory.


@dataclass(slots=True)
class Contender:
    """A process that runs and answers."""

    home: Path
    process: psutil.Process
    ready_after: float  #: Seconds from exec to the first 200 of /healthz.
    peak_rss: int = 0  #: Bytes, with children.

    def rss(self) -> int:
        """Bytes now, with children."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(member.memory_info().rss for member in family)

    def cpu(self) -> float:
        """Seconds of processor time so far, to the microsecond: what /proc says comes in ticks of ten milliseconds."""
        clock = ctypes.c_int()
        if error := _LIBC.clock_getcpuclockid(self.process.pid, ctypes.byref(clock)):
            raise OSError(error, os.strerror(error))
        return time.clock_gettime(clock.value)

    async def watch(self) -> None:
        """Note the peak of memory until cancelled."""
        while True:
            with suppress(psutil.NoSuchProcess):
                self.peak_rss = max(self.peak_rss, self.rss())
            await asyncio.sleep(_LOOK)


@asynccontextmanager
async def running(name: Name, sandbox: Sandbox, port: int, home: Path, **settings: str) -> AsyncIterator[Contender]:
    """Start a contender in the directory `home`, wait until it answers, and stop it at the end.

    RELAY_BENCH_BEFORE names the checkout of `before`.
    """
    checkout = Path(os.environ["RELAY_BENCH_BEFORE"]) if name == "before" else _ROOT
    python = checkout / ".venv" / "bin" / "python" if name == "before" else Path(sys.executable)
    began = time.monotonic()
    with (home / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(str(python), "-m", *_MODULES[name]),
            cwd=home,
            env=_environment(sandbox, port, home) | {"PYTHONPATH": str(checkout)} | settings,
            stdout=log,
            stderr=log,
        )
    try:
        await _answer(process, port, home)
        contender = Contender(home, psutil.Process(process.pid), time.monotonic() - began)
        watching = asyncio.create_task(contender.watch())
        yield contender
        watching.cancel()
        process.terminate()
        if await asyncio.wait_for(process.wait(), 60) != 0:
            raise RuntimeError(f"{name} ended badly: {_tail(home)}")
    finally:
        with suppress(ProcessLookupError):
            process.kill()


async def _answer(process: asyncio.subprocess.Process, port: int, home: Path) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(120):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"ended at its start: {_tail(home)}")
            with suppress(aiohttp.ClientConnectionError):
                async with session.get(f"http://127.0.0.1:{port}/healthz") as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.005)


def committed(home: Path) -> tuple[int, int]:
    """Letters in the database of a relay of ours that has stopped, and deliveries that it holds to be delivered."""
    [(letters,)] = rows(home, "SELECT count(*) FROM inbox")
    [(delivered,)] = rows(home, "SELECT count(*) FROM outbox WHERE status = 'delivered'")
    return letters, delivered


def _tail(home: Path) -> str:
    return (home / "log").read_text()[-2000:]


def _environment(sandbox: Sandbox, port: int, home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "TELEGRAM_BOT_TOKEN": sandbox.telegram["token"],
        "SSL_CERT_FILE": str(CERTIFICATE),
        "TELEGRAM_API_URL": sandbox.seen["telegram"],
        "TELEGRAM_RATE_LIMIT": "0",
        "TELEGRAM_CHAT_RATE_LIMIT": "0",
        "RELAY_CUSTOMER_RATE_LIMIT": "0",
        "KIT_API_URL": sandbox.seen["kit"],
        "KIT_DOMAIN": sandbox.kit["domain"],
        "KIT_API_TOKEN": sandbox.kit["api_token"],
        "KIT_CHANNEL_UUID": sandbox.kit["channel_uuid"],
        "KIT_SECURITY_SALT": sandbox.kit["salt"],
        "RELAY_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "RELAY_PORT": str(port),
        "RELAY_ADMIN_PORT": "0",
        "RELAY_DATABASE_URL": f"sqlite:///{home}/relay.db",
        "RELAY_DATA_DIR": str(home),
        "RELAY_LOG_LEVEL": "INFO",
        "RELAY_LOG_FORMAT": "json",  # as in production
    }
