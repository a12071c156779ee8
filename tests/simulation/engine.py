"""The database of a simulated relay: real SQLite in memory, whose commits take time, fail, and outlive the process."""

import asyncio
import functools
import random
import sqlite3
from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy import Engine as Alchemy
from sqlalchemy import StaticPool, create_engine, make_url

from relay.errors import StoreUnavailable
from relay.store.engine.connection import Connection, Statements
from tests.databases import template

Result = TypeVar("Result")

_STATEMENTS = Statements(make_url("sqlite://").get_dialect()(), pipelines=False, tells_ids=True)
_SLOWEST: Final = (0.02, 0.1, 0.3)  #: Seconds that half a commit takes at most: some disks are slow.
_DEADLY: Final = 0.005  #: The share of commits after which the process is no more.


class Disk:
    """What is committed. Relays come and go.

    A process that dies at some moment seldom dies between two commits that follow each other at once, which is where
    something is missing that should have been one. So some die of a commit: it is there, and nobody hears of it.
    """

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.is_full = False
        self.is_deadly = False
        self.died: Callable[[], None] = lambda: None  #: Called when a process has died of a commit.
        self.slowest = dice.choice(_SLOWEST)
        self.dbapi = sqlite3.connect(":memory:", isolation_level=None)
        self.dbapi.deserialize(_empty())
        self.dbapi.execute("PRAGMA foreign_keys=ON")

    def alchemy(self) -> Alchemy:
        """For whoever wants to read it when all is over."""
        return create_engine("sqlite://", creator=lambda: self.dbapi, poolclass=StaticPool)


class SimulatedEngine:
    """The engine that group commit asks for transactions: in line, at a moment within the time that it takes."""

    def __init__(self, disk: Disk, dice: random.Random) -> None:
        self._disk, self._dice = disk, dice
        self.dead = False  #: The process is: nothing of it is committed any more.

    async def transaction(self, work: Callable[[Connection], Result]) -> Result:
        """Run it and commit it."""
        disk, dice = self._disk, self._dice
        await asyncio.sleep(dice.uniform(0.0, disk.slowest))
        if self.dead or disk.is_full:
            raise sqlite3.OperationalError("the disk is full")
        disk.dbapi.execute("BEGIN IMMEDIATE")
        try:
            result = work(Connection(disk.dbapi.cursor(), _STATEMENTS))
            disk.dbapi.commit()
        except BaseException:
            disk.dbapi.rollback()
            raise
        if disk.is_deadly and dice.random() < _DEADLY:
            self.dead = True
            disk.died()
            raise sqlite3.OperationalError("the process died")
        await asyncio.sleep(dice.uniform(0.0, disk.slowest))
        return result

    async def glance(self, look: Callable[[Connection], Result]) -> Result:
        """As a transaction."""
        return await self.transaction(look)

    def translated(self, error: Exception) -> Exception:
        """What the driver raises is an outage of the disk."""
        return StoreUnavailable(str(error)) if isinstance(error, sqlite3.OperationalError) else error

    async def remove_bytes(self) -> None:
        """There are none."""

    async def takes_more(self) -> bool:
        """Until a commit fails."""
        return True

    async def make_room(self) -> bool:
        """Nothing is kept for the worst."""
        return False


@functools.cache
def _empty() -> bytes:
    # In memory there is no write-ahead log: bytes 18 and 19 say that the file has none.
    raw = bytearray(template())
    raw[18:20] = b"\x01\x01"
    return bytes(raw)
