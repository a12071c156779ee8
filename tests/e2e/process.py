"""The real relay as a process of its own, between look-alikes that live in the test."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.databases import new_database
from tests.e2e.doors import Doors
from tests.secrets import secrets_in, spellings
from tests.starting import Started, run, start
from tests.waiting import eventually

COMMAND: Final = (sys.executable, "-m", "relay", "run")


#: Below those that the system gives to whoever names none (`net.ipv4.ip_local_port_range`): until the relay listens, no
#: connection of another test takes one. Each process begins elsewhere.
_PORTS = cycle(range(10_000, 32_000))
next(islice(_PORTS, os.getpid() * 101 % 22_000, None))


def free_port() -> int:
    """A port of this machine that nobody listens at, another one each time."""
    while True:
        port = next(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class RelayProcess(Doors):
    """`relay run`, with its log in a file."""

    home: Path
    environment: dict[str, str]
    port: int
    admin_port: int
    process: Started | asyncio.subprocess.Process | None = None
    cold: bool = False  #: Loading it is part of what is tested.
    started_in: list[float] = field(default_factory=list)  #: Seconds from each start to the first answer.

    @property
    def log(self) -> str:
        return (self.home / "relay.log").read_text()

    async def start(self) -> None:
        """Start, and return once the relay answers."""
        started = time.monotonic()
        await self.begin()
        await eventually(self.answers)
        self.started_in.append(time.monotonic() - started)

    async def begin(self) -> None:
        """Start, and wait for nothing."""
        with (self.home / "relay.log").open("ab") as log:
            streams = None, log, log
            self.process = await start(
                ("run",), home=self.home, environment=self.environment, streams=streams, cold=self.cold
            )

    async def answers(self) -> bool:
        assert self.process is not None
        assert self.process.returncode is None, self.log[-2000:]
        return (await self.get("/healthz", admin=False))[0] == 200

    async def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self, grace: float = 25.0) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), grace)


async def run_to_its_end(relay: RelayProcess) -> tuple[int, str, list[str]]:
    """Run a relay that is not expected to stay: exit code, standard output, and the lines of standard error."""
    done = await run(("run",), home=relay.home, environment=relay.environment)
    return done.code, done.said, done.complained.splitlines()


async def command(relay: RelayProcess, *arguments: str, say: str = "", within: float = 30.0) -> tuple[int, str, str]:
    """Run another `relay …` where this one lives: exit code, standard output, standard error; `say` goes in."""
    done = await run(arguments, home=relay.home, environment=relay.environment, say=say, within=within)
    return done.code, done.said, done.complained


@asynccontextmanager
async def relay_between(
    telegram: TelegramLookAlike, kit: KitLookAlike, home: Path, **settings: str
) -> AsyncIterator[RelayProcess]:
    """A relay that is set up between the two and not yet started; stopped at the end."""
    new_database(home)
    port, admin_port = free_port(), free_port()
    kit.callbacks.url = f"http://127.0.0.1:{port}/kit/callback"
    relay = RelayProcess(home, environment(telegram, kit, home, port, admin_port, settings), port, admin_port)
    try:
        yield relay
    finally:
        if relay.process is not None and relay.process.returncode is None:
            await relay.kill()
    # Whatever a test was about, and at whatever level it logs, which is DEBUG unless it says otherwise.
    secrets = spellings(telegram.token, kit.api_token, kit.salt, *kit.tokens.issued)
    assert secrets_in(_written(home), secrets) == [], "a secret in the log, or in the database"


def _written(home: Path) -> list[bytes]:
    """The log and the database, as raw bytes."""
    return [path.read_bytes() for pattern in ("relay.log", "relay.db*") for path in home.glob(pattern)]


def environment(
    telegram: TelegramLookAlike, kit: KitLookAlike, home: Path, port: int, admin_port: int, more: Mapping[str, str]
) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "TELEGRAM_BOT_TOKEN": telegram.token,
        "TELEGRAM_API_URL": telegram.url,
        "TELEGRAM_RATE_LIMIT": "0",
        "TELEGRAM_CHAT_RATE_LIMIT": "0",
        "RELAY_CUSTOMER_RATE_LIMIT": "0",
        "KIT_API_URL": kit.url,
        "KIT_DOMAIN": kit.domain,
        "KIT_API_TOKEN": kit.api_token,
        "KIT_CHANNEL_UUID": kit.channel_uuid,
        "KIT_SECURITY_SALT": kit.salt,
        "RELAY_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "RELAY_PORT": str(port),
        "RELAY_ADMIN_PORT": str(admin_port),
        "RELAY_DATABASE_URL": f"sqlite:///{home}/relay.db",
        "RELAY_DATA_DIR": str(home),
        "RELAY_LOG_LEVEL": "DEBUG",
        "RELAY_LOG_FORMAT": "json",
        "RELAY_TRUSTED_FILE_HOSTS": f"127.0.0.1:{kit.server.port}",
        **more,
    }
