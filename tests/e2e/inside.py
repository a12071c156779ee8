"""The real relay inside the test's own process: no start to wait for, and a debugger sees it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from relay.app import Ports, Relay, open_relay
from relay.delivery.courier import GRACE
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.settings.channels import Channel
from relay.settings.schema import Settings
from tests.databases import new_database
from tests.e2e.doors import Doors
from tests.e2e.process import environment, free_port


@dataclass
class InnerRelay(Doors):
    """A relay that runs."""

    relay: Relay
    port: int
    admin_port: int
    database: Path


@asynccontextmanager
async def relay_inside(
    telegram: TelegramLookAlike, kit: KitLookAlike, home: Path, **settings: str
) -> AsyncIterator[InnerRelay]:
    """A relay between the two, on the database that lies in `home` or a new one; it has ended when the block has."""
    async with relay_with_grace(telegram, kit, home, GRACE, **settings) as relay:
        yield relay


@asynccontextmanager
async def relay_with_grace(
    telegram: TelegramLookAlike, kit: KitLookAlike, home: Path, grace: float, **settings: str
) -> AsyncIterator[InnerRelay]:
    """The same, with so many seconds for what is in hand when it stops."""
    database = home / "relay.db" if (home / "relay.db").exists() else new_database(home)
    port, admin_port = free_port(), free_port()
    kit.callbacks.url = f"http://127.0.0.1:{port}/kit/callback"
    values = environment(telegram, kit, home, port, admin_port, settings)
    values = {name.lower(): value for name, value in values.items() if name != "PATH"}
    stop = asyncio.Event()
    async with open_relay(Channel("", Settings.model_validate(values))) as relay:
        ready: asyncio.Future[Ports] = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(relay.run(stop, ready.set_result, grace=grace))
        await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
        try:
            if ready.done():
                yield InnerRelay(relay, port, admin_port, database)
        finally:
            stop.set()
            await asyncio.wait_for(running, 25)
