"""What a PostgreSQL costs, what more relays on it bring, and how long an installation takes to move to it."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any, Final

from sqlalchemy import create_engine, text

from tests.bench.contender import Contender, Name, running
from tests.bench.growth import deliver_before, installed
from tests.bench.machine import Cores, Look
from tests.bench.place import Place
from tests.bench.quota import quota
from tests.bench.sandbox import open_sandbox
from tests.bench.scenarios import CLIENTS, CONCURRENCY, Outcome, arrived
from tests.e2e.process import free_port
from tests.postgresql import empty_postgresql

#: Cores for each relay, when one is measured beside several.
CORES: Final = 0.25
_SEVERAL: Final = 3


async def engines(name: Name, home: Path, runs: int, updates: int, callbacks: int) -> Outcome:
    """A backlog of customers' texts and then one of agents', on either database, alternating."""
    speeds: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
    spent: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
    answers: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
    lost = 0
    for number in range(runs):
        for which in ("SQLite", "PostgreSQL") if number % 2 == 0 else ("PostgreSQL", "SQLite"):
            place = home / f"{which}-{number}"
            place.mkdir()
            settings = {} if which == "SQLite" else {"RELAY_DATABASE_URL": empty_postgresql()}
            port = free_port()
            async with open_sandbox(port) as sandbox, running(name, sandbox, port, place, **settings) as contender:
                before, began = contender.cpu(), time.monotonic()
                await sandbox.post("telegram", "backlog", updates=updates, chats=CLIENTS)
                stats = await arrived(sandbox, "kit", updates)
                speeds[which].append(stats["messages"] / (stats["last_at"] - began))
                load, out = await _agents_write(sandbox, callbacks)
                answers[which].append(out)
                spent[which].append((contender.cpu() - before) * 1000 / (updates + callbacks))
                lost += updates - stats["messages"] + callbacks - load["accepted"]
    return Outcome(
        {
            "customers' messages/s, SQLite": median(speeds["SQLite"]),
            "customers' messages/s, PostgreSQL": median(speeds["PostgreSQL"]),
            "PostgreSQL : SQLite, customers": median(speeds["PostgreSQL"]) / median(speeds["SQLite"]),
            "PostgreSQL : SQLite, agents": median(answers["PostgreSQL"]) / median(answers["SQLite"]),
            "PostgreSQL : SQLite, the relay's CPU": median(spent["PostgreSQL"]) / median(spent["SQLite"]),
        },
        {"lost": lost},
    )


async def replicas(name: Name, home: Path, runs: int, callbacks: int) -> Outcome:
    """Agents' texts through one relay and through three, each with a part of a core, behind a balancer; alternating."""
    speeds: dict[int, list[float]] = {1: [], _SEVERAL: []}
    spent: dict[int, list[float]] = {1: [], _SEVERAL: []}
    took: list[Cores] = []
    faults = {"not accepted": 0, "out of order": 0}
    for run in range(runs):
        for number in (1, _SEVERAL) if run % 2 == 0 else (_SEVERAL, 1):
            async with _balanced(name, home / f"{run}-{number}", number) as (sandbox, relays):
                await sandbox.post("telegram", "backlog", updates=CLIENTS, chats=CLIENTS)
                await arrived(sandbox, "kit", CLIENTS)
                async with AsyncExitStack() as stack:
                    for relay in relays:
                        stack.enter_context(quota(relay.process.pid, CORES))
                    before = Look.at_all(relays)
                    load, speed = await _agents_write(sandbox, callbacks, number)
                    after = Look.at_all(relays)
                spent[number].append((after.relays - before.relays) * 1000 / callbacks)
                if number == _SEVERAL:
                    took.append(before.until(after))
                stats = await sandbox.get("telegram")
                speeds[number].append(speed)
                faults["not accepted"] += load["failed"]
                faults["out of order"] += stats["out_of_order"]
    one, several = median(speeds[1]), median(speeds[_SEVERAL])
    figures = {
        f"messages/s, one relay of {CORES} core": one,
        f"messages/s, {_SEVERAL} of them": several,
        f"{_SEVERAL} : one": several / one,
        f"CPU a message, {_SEVERAL} : one": median(spent[_SEVERAL]) / median(spent[1]),
        # Without a core to spare it was the machine that held them up, and not each other.
        f"cores that {_SEVERAL} took": median(each.relays for each in took),
        "cores that PostgreSQL took": median(each.postgresql for each in took),
        "cores that all else took": median(each.rest for each in took),
        "cores that were idle": median(each.idle for each in took),
    }
    return Outcome(figures, faults)


async def moving(name: Name, home: Path, rows: int) -> Outcome:
    """An installation of so many letters moves from a file; it breaks off once, and goes on."""
    async with installed(name, "SQLite", home / "moving") as relay:
        await asyncio.to_thread(deliver_before, relay.place, rows, 3600.0)
        return await _move(relay.place, rows)


async def _move(place: Place, rows: int) -> Outcome:
    url = empty_postgresql()
    command = (sys.executable, "-m", "relay", "migrate", "--from", place.url, "--to", url)
    began = time.monotonic()
    first = await asyncio.create_subprocess_exec(*command, cwd=place.home, stdout=-3, stderr=-3)
    while first.returncode is None and _count(url, "inbox") < rows // 2:
        with suppress(TimeoutError):
            await asyncio.wait_for(first.wait(), 0.2)
    with suppress(ProcessLookupError):
        first.kill()
    await first.wait()
    broke_off_at = _count(url, "inbox") + _count(url, "outbox") + _count(url, "message")
    second = await asyncio.create_subprocess_exec(*command, cwd=place.home, stdout=-3, stderr=-3)
    code = await second.wait()
    seconds = time.monotonic() - began
    there = {table: _count(url, table) for table in ("inbox", "outbox", "message")}
    figures = {
        "letters": float(there["inbox"]),
        "rows in all": float(sum(there.values())),
        "rows when it was killed": float(broke_off_at),
        "s in all": seconds,
        "letters a minute": 60 * there["inbox"] / seconds,
    }
    missing = sum(abs(rows + CLIENTS - there[table]) for table in ("inbox", "outbox"))
    return Outcome(figures, {"not moved": code, "lost or twice": missing})


async def _agents_write(
    sandbox: Any,
    callbacks: int,
    relays: int = 1,
) -> tuple[dict[str, Any], float]:
    """What Kit saw, and how many reached their customers in a second. Each relay has as many callbacks at a time."""
    at_once = CONCURRENCY * relays
    load = await sandbox.post("kit", "callbacks", count=callbacks, clients=CLIENTS, concurrency=at_once)
    began = time.monotonic() - load["seconds"]
    stats = await arrived(sandbox, "telegram", load["accepted"])
    return load, load["accepted"] / (stats["last_at"] - began)


@asynccontextmanager
async def _balanced(name: Name, home: Path, number: int) -> AsyncIterator[tuple[Any, list[Contender]]]:
    """So many relays on one PostgreSQL; Kit's connections go to each of them in turn."""
    settings = {"RELAY_DATABASE_URL": empty_postgresql()}
    ports = [free_port() for _ in range(number)]
    turns = cycle(ports)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours, theirs = await asyncio.open_connection("127.0.0.1", next(turns))
        with suppress(ConnectionError):
            await asyncio.gather(_pipe(reader, theirs), _pipe(ours, writer))

    async with await asyncio.start_server(forward, "127.0.0.1", free_port()) as balancer, AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(open_sandbox(balancer.sockets[0].getsockname()[1]))
        relays = []
        for port in ports:
            place = home / str(port)
            place.mkdir(parents=True)
            relays.append(await stack.enter_async_context(running(name, sandbox, port, place, **settings)))
        yield sandbox, relays


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def _count(url: str, table: str) -> int:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        number = connection.scalar(text(f"SELECT count(*) FROM {table}"))  # noqa: S608 - our own names
    engine.dispose()
    return int(number or 0)
