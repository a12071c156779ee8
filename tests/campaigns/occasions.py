"""What the relay is at when it is killed: its work, a start, a migration, a shutdown, a backup, an erasure."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.changes import Changes
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.engine.copies import fault_of
from relay.store.engine.migrating import HEAD, version_of
from tests.databases import older_database, rows, without_gaps
from tests.e2e.process import RelayProcess, command
from tests.starting import start
from tests.waiting import eventually

LONGEST: Final = 0.6  #: Seconds from the load to the kill.
SOON: Final = 0.03
STARTING: Final = 1.0  #: Seconds that a start takes, about.
MIGRATING: Final = 3.0
STOPPING: Final = 0.5
LETTERS: Final = 200  #: In a database of the first version.
CANARY: Final = "canary-of-somebody"
FIRST_ERASED: Final = 8_000_001
PATIENCE: Final = 120.0  #: Seconds; the machine may be busy.
WORDS: Final = 12  #: That somebody says before they are erased.
ANSWERS: Final = 40  #: That they are given meanwhile.
#: How many starts a migration may need that was killed: the process that migrates lives on, and a start ends meanwhile.
STARTS: Final = 20


@dataclass
class Scene:
    """Everything that is there."""

    telegram: TelegramLookAlike
    kit: KitLookAlike
    relay: RelayProcess
    dice: random.Random
    kills: Counter[str] = field(default_factory=Counter)  #: By what the relay was at.
    refused: int = 0  #: Starts that ended by themselves.
    erased: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  #: What the ledger does not look at.

    async def kill(self, at: str) -> None:
        """`kill -9`."""
        await self.relay.kill()
        self.kills[at] += 1

    async def revive(self, starts: int = 1) -> None:
        """Start it until it is there, as a supervisor does, at most so often. Raises AssertionError."""
        for _ in range(starts):
            await self.relay.begin()
            await eventually(self._is_over, within=60)
            if not self._has_ended:
                return
            self.refused += 1
        raise AssertionError(self.relay.log[-2000:])

    @property
    def _has_ended(self) -> bool:
        return self.relay.process is not None and self.relay.process.returncode is not None

    async def _is_over(self) -> bool:
        return self._has_ended or (await self.relay.get("/healthz", admin=False))[0] == 200


async def work(scene: Scene) -> None:
    """Killed at any moment of it; or just after the next time that something has happened on either side."""
    await moment(scene.telegram, scene.kit, scene.dice)
    await scene.kill("work")


async def moment(telegram: TelegramLookAlike, kit: KitLookAlike, dice: random.Random) -> None:
    """Any moment; or just after the next time that something has happened."""
    happened = _happened(telegram, kit)
    which = dice.randrange(2 * len(happened))
    if which >= len(happened):
        await asyncio.sleep(dice.uniform(0.0, dice.choice([SOON, LONGEST])))
        return
    changes, count = happened[which]
    before = count()
    with suppress(TimeoutError):
        await changes.wait_for(lambda: count() > before, LONGEST)
    if dice.random() < 0.5:
        await asyncio.sleep(dice.uniform(0.0, SOON))


def _happened(telegram: TelegramLookAlike, kit: KitLookAlike) -> list[tuple[Changes, Callable[[], int]]]:
    """What can be seen to happen: what tells that something has, and how often it did."""
    return [
        (telegram.changes, lambda: telegram.updates.confirmed),
        (kit.changes, lambda: len(kit.events)),
        (telegram.changes, lambda: len(telegram.calls)),
        (kit.changes, lambda: len(kit.callbacks.posted)),
        (telegram.changes, lambda: len(telegram.refused)),
    ]


async def starting(scene: Scene) -> None:
    """Killed at its work, and again while it starts."""
    await scene.kill("work")
    await scene.relay.begin()
    await asyncio.sleep(scene.dice.uniform(0.0, STARTING))
    await scene.kill("start")


async def stopping(scene: Scene) -> None:
    """Asked to end, and killed while it finishes what it has in hand."""
    await asyncio.sleep(scene.dice.uniform(0.0, SOON))
    assert scene.relay.process is not None
    scene.relay.process.terminate()
    await asyncio.sleep(scene.dice.uniform(0.0, STOPPING))
    await scene.kill("shutdown")


async def backing_up(scene: Scene) -> None:
    """Killed beside a backup, or the backup is as well: under its name lies a good copy, or nothing."""
    copy = scene.relay.home / "copies" / f"{scene.kills.total()}.db"
    with (scene.relay.home / "backup.log").open("ab") as log:
        streams = None, log, log
        arguments = ("backup", str(copy))
        home, environment = scene.relay.home, scene.relay.environment
        process = await start(arguments, home=home, environment=environment, streams=streams)
    await moment(scene.telegram, scene.kit, scene.dice)
    await scene.kill("backup")
    if scene.dice.random() < 0.5:
        process.kill()
    ended = await asyncio.wait_for(process.wait(), 60)
    if ended == 0 and not copy.exists():
        scene.wrong.append("a backup that was made is not there")
    if copy.exists():
        if (fault := await asyncio.to_thread(fault_of, copy)) is not None:
            scene.wrong.append(f"a copy is damaged: {fault}")
        copy.unlink()


async def erasing(scene: Scene) -> None:
    """Killed while somebody is erased; who asked for it asks again, if they were told that it failed."""
    client = FIRST_ERASED + len(scene.erased)
    customer = scene.telegram.customer(client)
    for number in range(WORDS):
        customer.writes(f"{CANARY} {number}")
    await scene.kit.wait_for(lambda: len(set(scene.kit.texts(client))) >= WORDS, PATIENCE)
    scene.erased.append(client)
    answers = [scene.kit.callbacks.message(str(client), f"answer {number}") for number in range(ANSWERS)]
    scene.kit.enqueue_callbacks(answers)  # so that one is on its way when the erasure begins
    asked = asyncio.create_task(command(scene.relay, "customer", "erase", str(client), "--yes"))
    await asyncio.sleep(scene.dice.uniform(0.0, STOPPING))
    await scene.kill("erasure")
    code, _, _ = await asked
    if code == 0:
        return
    await scene.revive()
    code, _, complained = await command(scene.relay, "customer", "erase", str(client), "--yes")
    if code != 0:
        scene.wrong.append(f"{client} cannot be erased: {complained}")
    await scene.kill("erasure")


async def migrate(scene: Scene, kills: int) -> None:
    """Before the first start: a database of the first version, and each start is killed while it migrates that."""
    home = scene.relay.home
    (home / "relay.db").unlink()
    await asyncio.to_thread(older_database, home, LETTERS)
    for _ in range(kills):
        await scene.relay.begin()
        await asyncio.sleep(scene.dice.uniform(0.0, MIGRATING))
        await scene.kill("migration")
    await scene.revive(STARTS)
    copy = home / f"relay.db.before-{HEAD}"
    if (found := (fault_of(copy), version_of(copy))) != (None, "0001"):
        scene.wrong.append(f"the copy from before the migration: {found}")
    if (left := rows(home, "SELECT count(*) FROM inbox WHERE channel = '1'")) != [(LETTERS,)]:
        scene.wrong.append(f"{left} letters after the migration")


async def look_for_words(scene: Scene) -> None:
    """After the end: of whom was erased no word stands in any file but the log of the tests' own.

    But for the gap in a page of the database, where SQLite leaves copies of rows that it moved (docs/privacy.md).
    """
    await asyncio.to_thread(_look_for_words, scene)


def _look_for_words(scene: Scene) -> None:
    database = scene.relay.home / "relay.db"
    for path in scene.relay.home.rglob("*"):
        if not path.is_file():
            continue
        content = without_gaps(path) if path == database else path.read_bytes()
        if CANARY.encode() in content:
            scene.wrong.append(f"words of whom was erased stand in {path.name}")


OCCASIONS: Final[Mapping[str, Callable[[Scene], Awaitable[None]]]] = {
    "work": work,
    "start": starting,
    "shutdown": stopping,
    "backup": backing_up,
    "erasure": erasing,
}
