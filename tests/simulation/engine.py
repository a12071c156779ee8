"""The database of a simulated relay: real SQLite in memory, whose commits take time, fail, and outlive the process."""

import asyncio
import functools
import random
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Engine as Alchemy
from sqlalchemy import StaticPool, create_engine, make_url

from relay.errors import StoreUnavailable
from relay.store.engine.connection import Connection, Statements
from tests.databases import template

Result = TypeVar("Result")

_STATEMENTS = Statements(make_url("sqlite://").get_dialect()(), pipelines=False)
_SLOWEST = 0.02  #: Seconds that a commit takes at most.


class Disk:
    """What is committed. Relays come and go."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.is_full = False
        self.dbapi = sqlite3.connect(":memory:", isolation_level=None)
        self.dbapi.deserialize(_empty())
        self.dbapi.execute("PRAGMA foreign_keys=ON")
        self.connection = Connection(self.dbapi.cursor(), _STATEMENTS)

    def alchemy(self) -> Alchemy:
        """For whoever wants to read it when all is over."""
        return create_engine("sqlite://", creator=lambda: self.dbapi, poolclass=StaticPool)


class SimulatedEngine:
    """The engine that group commit asks for transactions: in line, at a moment within the time that it takes."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.dead = False  #: The process is: nothing of it is committed any more.

    async def transaction(self, work: Callable[[Connection], Result]) -> Result:
        """Run it and commit it."""
        await asyncio.sleep(self._disk.dice.uniform(0.0, _SLOWEST))
        if self.dead or self._disk.is_full:
            raise sqlite3.OperationalError("the disk is full")
        dbapi = self._disk.dbapi
        dbapi.execute("BEGIN IMMEDIATE")
        try:
            result = work(self._disk.connection)
            dbapi.commit()
        except BaseException:
            dbapi.rollback()
            raise
        await asyncio.sleep(self._disk.dice.uniform(0.0, _SLOWEST))
        return result

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
