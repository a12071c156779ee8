"""How fast this machine is, and the ways to both sides: what `relay bench` measures.

What it writes lies in a directory of its own beside the database, and goes with it. Nobody gets a message: Telegram is
asked who the bot is, Kit for a page, without any token.
"""

import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import aiohttp

from relay.doctor.channels_to_check import Subject
from relay.doctor.examine import BOT, KIT_HOST
from relay.doctor.limits import Database, Measured, Times, Trips
from relay.doctor.telegram import the_bot
from relay.errors import RelayError
from relay.kit.client import read_body
from relay.model import Accepted, Address, Client, Delivered, Draft, Letter, Reading
from relay.monitoring.disk import nearest
from relay.settings.schema import Settings
from relay.store.accepting import Arrival
from relay.store.engine.migrating import migrate
from relay.store.store import Store, open_store
from relay.telegram.api import call

#: Seconds that each measurement of the disk lasts, and how many round trips are made.
_SECONDS: Final = 1.0
_TRIPS: Final = 8
_PATIENCE: Final = 10.0
#: What is forced to the disk at a time: a page, as a short commit does.
_PAGE: Final = 4096
_ROW: Final = "x" * 700  #: As long as a text message on its way.
_BATCH: Final = 100  #: Rows of a transaction, and updates of an answer of Telegram.
_CHATS: Final = 200
_CHANNEL: Final = "bench"


def measure(subject: Subject) -> Measured:
    """All of it, in some ten seconds. Ctrl-C ends it, and finds no thread that would write on in what is taken away.

    Raises OSError, sqlite3.Error and relay.errors.Unavailable when nothing can be written beside the database.
    """
    telegram, kit = asyncio.run(_ask(subject))
    path = subject.settings.database
    if not isinstance(path, Path):
        return Measured(telegram=telegram, kit=kit)
    beside = nearest(path.parent)
    with tempfile.TemporaryDirectory(prefix="relay-bench-", dir=beside) as directory:
        room = Path(directory)
        return Measured(str(beside), _force_pages(room), _work_database(room), telegram, kit)


def _force_pages(directory: Path) -> Times:
    """How long the disk takes to keep a page for good."""
    taken = []
    with (directory / "pages").open("wb", buffering=0) as file:
        over = time.monotonic() + _SECONDS
        while time.monotonic() < over:
            began = time.perf_counter()
            file.write(bytes(_PAGE))
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return _times(taken)


def _work_database(directory: Path) -> Database:
    """How much a database of the relay's does there."""
    rows = _write_rows(directory / "rows.db")
    path = directory / "relay.db"
    migrate(path)
    return asyncio.run(_carry_messages(path, rows))


async def _carry_messages(path: Path, rows: float) -> Database:
    async with open_store(path) as store:
        alone = await _alone(store)
        messages, processor = await _together(store)
    return Database(rows, messages, alone, processor)


async def _ask(subject: Subject) -> tuple[Trips | None, Trips | None]:
    """Telegram and Kit, as far as the settings say where they are."""
    telegram = None if subject.lacks(*BOT) else await _ask_telegram(subject.settings)
    kit = None if subject.lacks(*KIT_HOST) else await _ask_kit(subject.settings)
    return telegram, kit


async def _ask_telegram(settings: Settings) -> Trips:
    """Who the bot is, again and again, by the relay's own way to Telegram."""
    async with the_bot(settings) as bot:
        return await _trips(lambda: call(bot, "getMe", {}, read_timeout=_PATIENCE))


async def _ask_kit(settings: Settings) -> Trips:
    """A page of Kit's host, again and again. No token is shown, nothing is said."""
    timeout = aiohttp.ClientTimeout(total=_PATIENCE)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout) as session:

        async def ask() -> object:
            async with session.get(settings.kit_base_url, allow_redirects=False) as response:
                return await read_body(response)

        return await _trips(ask)


def _write_rows(path: Path) -> float:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "CREATE TABLE row (words TEXT)"):
            connection.execute(statement)
        written, began = 0, time.perf_counter()
        while time.perf_counter() - began < _SECONDS:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO row VALUES (?)", [(_ROW,)] * _BATCH)
            connection.execute("COMMIT")
            written += _BATCH
        return written / (time.perf_counter() - began)


async def _alone(store: Store) -> float:
    """The median of messages that come one after the other, in milliseconds."""
    taken, number = [], 0
    over = time.monotonic() + _SECONDS
    while time.monotonic() < over:
        number -= 1
        began = time.perf_counter()
        await _carry(store, [number])
        taken.append(time.perf_counter() - began)
    return _times(taken).median


async def _together(store: Store) -> tuple[float, float]:
    """Messages a second when Telegram's answers are full, and milliseconds of a processor for each."""
    number, began, worked = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < _SECONDS:
        await _carry(store, range(number + 1, number + 1 + _BATCH))
        number += _BATCH
    return number / (time.perf_counter() - began), (time.process_time() - worked) * 1000 / number


async def _carry(store: Store, numbers: Sequence[int]) -> None:
    """Let messages come, claim them, and settle each as if Kit had it."""
    letters = tuple(map(_letter, numbers))
    _, claimed = await asyncio.gather(
        store.accept(Arrival(letters, _CHANNEL, None)), store.claim(_CHANNEL, "to_kit", _BATCH, _BATCH)
    )
    await asyncio.gather(
        *(store.settle(each, Delivered(), last=each is lane[-1]) for lane in claimed.lanes for each in lane)
    )


def _letter(number: int) -> tuple[Letter, Reading]:
    client = str(1 + number % _CHATS)
    outcome = Accepted(Draft("to_kit", client, _ROW), Client(client, Address(int(client))))
    return Letter(_CHANNEL, "telegram", str(number), _ROW), Reading(lambda _: outcome)


async def _trips(ask: Callable[[], Awaitable[object]]) -> Trips:
    taken = []
    try:
        for _ in range(_TRIPS + 1):
            began = time.perf_counter()
            await ask()
            taken.append(time.perf_counter() - began)
    except RelayError as error:
        return Trips(fault=str(error))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Trips(fault=f"nobody answers there ({type(error).__name__})")
    return Trips(taken[0] * 1000, _times(taken[1:]))


def _times(taken: list[float]) -> Times:
    """Of seconds. A single one stands for itself."""
    p95 = statistics.quantiles(taken, n=20)[-1] if len(taken) > 1 else taken[0]
    return Times(len(taken), statistics.median(taken) * 1000, p95 * 1000)
