"""Paths that write: what lies there before, the command that takes the path, and what must hold wherever it ends."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from relay.model import Delivered
from relay.store.engine.copies import copy_database, fault_of
from relay.store.engine.erased import beside, enter, read_list
from relay.store.engine.migrating import HEAD, version_of
from relay.store.store import open_store
from tests.databases import change, new_database, older_database, rows, rows_at
from tests.e2e.process import RelayProcess, free_port
from tests.starting import run
from tests.store.letters import CHANNEL, update
from tests.waiting import eventually

CANARY: Final = "canary-of-somebody"
OF_OTHERS: Final = "words of others"
THEIRS: Final = 230  #: Letters of whom is erased: more than one part.
OTHERS: Final = 20
_SOMEBODY, _OTHER = "7", "8"
_MONTH: Final = 30 * 86400


class Scene(Protocol):
    """A path. `judge` says what is wrong after the command ended with this code; None: by force."""

    name: str
    command: tuple[str, ...]
    until: str | None  #: A line of the log after which the command is asked to end; None: it ends by itself.

    def prepare(self, home: Path) -> None:
        """What lies there before."""

    async def judge(self, home: Path, code: int | None) -> list[str]:
        """What is wrong."""


def environment(home: Path) -> dict[str, str]:
    """Settings of a relay whose sides cannot be reached."""
    nobody = "http://127.0.0.1:9"
    return {
        "PATH": os.environ["PATH"],
        "TELEGRAM_BOT_TOKEN": f"{CHANNEL}:AAHsandboxsandboxsandboxsandboxsandbox",
        "TELEGRAM_API_URL": nobody,
        "KIT_API_URL": nobody,
        "KIT_DOMAIN": "sandbox",
        "KIT_API_TOKEN": "api-token-of-nobody",
        "KIT_CHANNEL_UUID": "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f",
        "KIT_SECURITY_SALT": "salt-of-nobody-0123456789",
        "RELAY_PUBLIC_URL": "http://127.0.0.1:9",
        "RELAY_PORT": str(free_port()),
        "RELAY_ADMIN_PORT": str(free_port()),
        "RELAY_DATABASE_URL": f"sqlite:///{home}/relay.db",
        "RELAY_DATA_DIR": str(home),
        "RELAY_LOG_FORMAT": "json",
    }


def _letters(path: Path) -> int:
    [(letters,)] = rows_at(path, "SELECT count(*) FROM inbox")
    return int(letters)


async def _fill(home: Path, clients: Mapping[str, int]) -> None:
    """Letters of these clients, so many of each, all of them delivered."""
    async with open_store(new_database(home)) as store:
        numbers = iter(range(10**6))
        for client, letters in clients.items():
            words = CANARY if client == _SOMEBODY else OF_OTHERS
            await asyncio.gather(
                *(store.accept(update(next(numbers), client, body=f'{{"words":"{words}"}}')) for _ in range(letters))
            )
        while (claimed := await store.claim(CHANNEL, "to_kit", 100)).deliveries:
            for each in claimed.deliveries:
                await store.settle(each, Delivered())


def _words_in(home: Path) -> list[str]:
    return [
        path.name
        for path in home.rglob("*")
        if path.is_file() and path.name != "scene.log" and CANARY.encode() in path.read_bytes()
    ]


async def _run_until(home: Path, line: str) -> RelayProcess:
    """A relay that has started and said this. Nothing strikes it."""
    values = environment(home)
    relay = RelayProcess(home, values, int(values["RELAY_PORT"]), int(values["RELAY_ADMIN_PORT"]))
    (home / "relay.log").unlink(missing_ok=True)
    await relay.start()

    async def said() -> bool:
        return line in relay.log

    await eventually(said)
    return relay


@dataclass
class Backup:
    """`relay backup`, with a list of the erased beside the database."""

    name: str = "backup"
    command: tuple[str, ...] = ("backup", "copies/copy.db")
    until: str | None = None

    def prepare(self, home: Path) -> None:
        asyncio.run(_fill(home, {_OTHER: OTHERS}))
        enter(beside(home / "relay.db"), CHANNEL, "somebody", 1.0)

    async def judge(self, home: Path, code: int | None) -> list[str]:
        path, copy = home / "relay.db", home / "copies" / "copy.db"
        wrong = _as_it_should(path, "the database", OTHERS)
        if copy.exists():
            wrong += _as_it_should(copy, "the copy", OTHERS)
        if code == 0 and not copy.exists():
            wrong.append("a backup was reported, and is not there")
        if code == 0 and read_list(beside(copy)).asked_at(CHANNEL, "somebody") is None:
            wrong.append("the backup does not say who was erased")
        return wrong


def _as_it_should(path: Path, name: str, *letters: int) -> list[str]:
    if not path.exists():
        return [f"{name} is not there"]
    if (fault := fault_of(path)) is not None:
        return [f"{name} is damaged: {fault}"]
    return [] if _letters(path) in letters else [f"{name} has {_letters(path)} letters"]


@dataclass
class Restore:
    """`relay restore` over a database whose relay was killed: what came last is in its log only."""

    name: str = "restore"
    command: tuple[str, ...] = ("restore", "copies/copy.db")
    until: str | None = None

    def prepare(self, home: Path) -> None:
        (home / "copies").mkdir()
        asyncio.run(_fill(home, {_OTHER: 2 * OTHERS}))
        copy_database(home / "relay.db", home / "copies" / "copy.db", made_at=1_800_000_000.0)
        (home / "relay.db").unlink()
        asyncio.run(_fill_and_die(home))

    async def judge(self, home: Path, code: int | None) -> list[str]:
        path = home / "relay.db"
        wrong = _as_it_should(path, "the database", OTHERS, 2 * OTHERS)
        if wrong:
            return wrong
        is_copy = _letters(path) == 2 * OTHERS
        if code == 0 and not is_copy:
            wrong.append("a restoration was reported, and the database is the one from before")
        if is_copy and not _is_aside(home):
            wrong.append("the database from before is not beside the copy")
        again = await run(self.command, home=home, environment=environment(home))
        if (again.code, _letters(path)) != (0, 2 * OTHERS):
            wrong.append(f"restored again: {again.code}, {_letters(path)} letters, {again.complained}")
        return wrong


def _is_aside(home: Path) -> bool:
    """Whether the database from before lies beside, whole."""
    asides = [aside for aside in home.glob("relay.db.replaced-*") if not aside.name.endswith(("-wal", "-shm"))]
    return any(_as_it_should(aside, "", OTHERS) == [] for aside in asides)


async def _fill_and_die(home: Path) -> None:
    """As `_fill`, and the files as a kill leaves them."""
    beside = home / "alive"
    async with open_store(new_database(beside)) as store:
        for number in range(OTHERS):
            await store.accept(update(number, _OTHER))
        for end in ("", "-wal"):
            shutil.copy(beside / f"relay.db{end}", home / f"relay.db{end}")
    shutil.rmtree(beside)


@dataclass
class Migration:
    """`relay migrate` of a database of the first version."""

    name: str = "migrate"
    command: tuple[str, ...] = ("migrate",)
    until: str | None = None

    def prepare(self, home: Path) -> None:
        older_database(home, letters=OTHERS)

    async def judge(self, home: Path, code: int | None) -> list[str]:
        path, copy = home / "relay.db", home / f"relay.db.before-{HEAD}"
        wrong = _as_it_should(path, "the database", OTHERS)
        if wrong:
            return wrong
        if version_of(path) != "0001" and (copy_is := (fault_of(copy), version_of(copy))) != (None, "0001"):
            wrong.append(f"it is at {version_of(path)}, and the copy from before is {copy_is}")
        if code == 0 and version_of(path) != HEAD:
            wrong.append(f"a migration was reported, and it is at {version_of(path)}")
        again = await run(self.command, home=home, environment=environment(home))
        if (again.code, version_of(path), _letters(path)) != (0, HEAD, OTHERS):
            wrong.append(f"migrated again: {again.code}, {version_of(path)}, {again.complained}")
        return wrong


@dataclass
class Erasure:
    """`relay customer erase` while no relay runs; the next start does what was left."""

    name: str = "erase"
    command: tuple[str, ...] = ("customer", "erase", _SOMEBODY, "--yes")
    until: str | None = None

    def prepare(self, home: Path) -> None:
        asyncio.run(_fill(home, {_SOMEBODY: THEIRS, _OTHER: OTHERS}))
        copy_database(home / "relay.db", home / f"relay.db.before-{HEAD}")

    async def judge(self, home: Path, code: int | None) -> list[str]:
        asked = read_list(beside(home / "relay.db")).asked_at(CHANNEL, _SOMEBODY) is not None
        if code == 0:
            wrong = [f"an erasure was reported, and words stand in {name}" for name in _words_in(home)]
            return wrong if asked else [*wrong, "an erasure was reported, and stands in no list"]
        relay = await _run_until(home, "relay.ready")

        async def done() -> bool:
            return rows(home, "SELECT count(*) FROM erasure") == [(0,)] and not (asked and _words_in(home))

        wrong = []
        try:
            await eventually(done, within=20)
        except TimeoutError:
            wrong = [f"after the next start words stand in {name}" for name in _words_in(home)]
        if await relay.stop() != 0:
            wrong.append("the next start did not end well")
        return [*wrong, *_whole(home, THEIRS if not asked else 0)]


def _whole(home: Path, theirs: int) -> list[str]:
    """Whether everybody else's letters are there, and so many of theirs."""
    if (fault := fault_of(home / "relay.db")) is not None:
        return [f"the database is damaged: {fault}"]
    [(others,)] = rows(home, "SELECT count(*) FROM inbox WHERE body LIKE :words", words=f"%{OF_OTHERS}%")
    [(left,)] = rows(home, "SELECT count(*) FROM inbox WHERE body LIKE :words", words=f"%{CANARY}%")
    found = (others, left)
    return [] if found == (OTHERS, theirs) else [f"{others} letters of others and {left} of theirs are there"]


@dataclass
class Retention:
    """A relay that forgets at its start what is older than its days."""

    name: str = "retention"
    command: tuple[str, ...] = ("run",)
    until: str | None = "retention.done"

    def prepare(self, home: Path) -> None:
        asyncio.run(_fill(home, {_SOMEBODY: THEIRS, _OTHER: OTHERS}))
        old = f"received_at = received_at - {_MONTH} WHERE body LIKE '%canary%'"
        change(
            home,
            f"UPDATE inbox SET {old}",  # noqa: S608 - numbers of ours
            f"UPDATE outbox SET settled_at = settled_at - {_MONTH} WHERE letter_id IN"  # noqa: S608
            " (SELECT id FROM inbox WHERE body LIKE '%canary%')",
        )

    async def judge(self, home: Path, code: int | None) -> list[str]:
        if code == 0:
            return [f"retention was done, and words stand in {name}" for name in _words_in(home)]
        relay = await _run_until(home, "retention.done")
        wrong = [f"after the next round words stand in {name}" for name in _words_in(home)]
        if await relay.stop() != 0:
            wrong.append("the next start did not end well")
        return [*wrong, *_whole(home, 0)]


SCENES: Final[Mapping[str, Scene]] = {
    scene.name: scene for scene in (Backup(), Restore(), Migration(), Erasure(), Retention())
}
