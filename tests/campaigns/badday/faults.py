"""The faults, one by one: what a relay needs to be ready for each, and how it breaks."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.customers import Customer
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.databases import new_database
from tests.e2e.process import RelayProcess
from tests.proxies import LoopbackProxy

#: Whose number is unreadable: an update in a chat of no kind.
_POISON: Final = {"message_id": 5, "date": 1_700_000_000, "chat": {"id": 7_000_000}, "text": "ill"}
_DISK: Final = "16m"


@dataclass
class Scene:
    """Both ends, and what a fault put between them and the relay."""

    telegram: TelegramLookAlike
    kit: KitLookAlike
    home: Path
    stack: AsyncExitStack
    proxy: LoopbackProxy | None = None
    relay: RelayProcess = field(init=False)

    @property
    def anna(self) -> Customer:
        """Who writes."""
        return self.telegram.customer()


Prepare = Callable[[Scene], Awaitable[dict[str, str]]]


async def nothing(_: Scene) -> dict[str, str]:
    """The relay has no settings of its own."""
    return {}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that breaks. `kind` is of the alert that it must bring about; "" when the relay cannot call."""

    name: str
    words: str
    kind: str
    breaks: Callable[[Scene], Awaitable[object]]
    prepare: Prepare = nothing


async def another_salt(_: Scene) -> dict[str, str]:
    """As somebody types it who looks at the wrong channel."""
    return {"KIT_SECURITY_SALT": "the-salt-of-another-channel"}


async def an_agent_answers(scene: Scene) -> None:
    """Once: whether it is taken is what this is about."""
    await scene.kit.agent_says(scene.anna.id, "Good morning, how can I help?")


async def kit_goes(scene: Scene) -> None:
    """It answers nobody, and a customer writes."""
    scene.kit.faults.down = True
    scene.anna.writes("Is anybody there?")


async def a_small_disk(scene: Scene) -> dict[str, str]:
    """For the database alone, in a mount namespace of ours."""
    disk = scene.home / "disk"
    await asyncio.to_thread(_mount, disk)
    scene.stack.callback(_unmount, disk)
    return {"RELAY_DATABASE_URL": f"sqlite:///{disk}/relay.db", "RELAY_DATA_DIR": str(disk)}


def _mount(disk: Path) -> None:
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(disk)], check=True)
    new_database(disk)


def _unmount(disk: Path) -> None:
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def the_disk_fills(scene: Scene) -> None:
    """Something else takes all of it, and customers go on writing."""
    try:
        with (scene.home / "disk" / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
    except OSError:
        pass
    for _ in range(200):
        scene.anna.writes("word " * 800)
    await scene.relay.unready("database", within=60)


async def a_customer_blocks(scene: Scene) -> None:
    """Telegram says nothing of it before somebody answers."""
    scene.anna.blocks_bot(announced=False)
    await an_agent_answers(scene)


async def poison_comes(scene: Scene) -> None:
    """Among others, which arrive."""
    scene.telegram.world.push_update({"message": dict(_POISON)})
    scene.anna.writes("And me?")
    await scene.kit.wait_for(lambda: len(scene.kit.texts(scene.anna.id)) == 2, 60)


async def a_proxy(scene: Scene) -> dict[str, str]:
    """Between the relay and Telegram."""
    scene.proxy = await scene.stack.enter_async_context(LoopbackProxy("socks5"))
    return {"TELEGRAM_PROXY": scene.proxy.url}


async def the_proxy_dies(scene: Scene) -> None:
    """And an agent answers."""
    assert scene.proxy is not None
    await scene.proxy.stop()
    await an_agent_answers(scene)


async def nobody_starts_it(scene: Scene) -> None:
    """`kill -9`."""
    await scene.relay.kill()


FAULTS: Final = (
    Fault("salt", "the wrong Security Salt", "callbacks", an_agent_answers, another_salt),
    Fault("kit", "Kit is down", "kit", kit_goes),
    Fault("disk", "the disk is full", "database", the_disk_fills, a_small_disk),
    Fault("blocked", "a customer has blocked the bot", "dead", a_customer_blocks),
    Fault("poison", "an update that nobody can read", "dead", poison_comes),
    Fault("proxy", "Telegram's proxy dies", "telegram", the_proxy_dies, a_proxy),
    Fault("dead", "the relay is dead", "", nobody_starts_it),
)
