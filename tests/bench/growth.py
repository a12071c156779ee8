"""What growing costs: a database that holds much, many chats that wait, and the retention that empties it again.

A database grows by SQL from rows that the relay has written itself, so that they are what its own would be.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson

from tests.bench.contender import Contender, Name, running
from tests.bench.place import Engine, Place, new_place
from tests.bench.sandbox import Sandbox, open_sandbox
from tests.bench.scenarios import CLIENTS, FIRST_CLIENT, Outcome, arrived
from tests.e2e.process import free_port

RATE: Final = 20  #: Messages a second beside the retention.
_SECONDS: Final = 20.0  #: Of them.
_FEW: Final = 100  #: Chats.
_SINGLE: Final = 10_000  #: The same, with one message each.
_SPAN: Final = 5_000  #: Deliveries over which a speed is measured.
_OLD: Final = 100 * 86400.0  #: Seconds: older than any retention time that is usual.


@dataclass(frozen=True, slots=True)
class Installed:
    """A relay that can run between look-alikes."""

    name: Name
    place: Place
    sandbox: Sandbox
    port: int

    def running(self) -> AbstractAsyncContextManager[Contender]:
        """Let it run until the end of the block."""
        settings = {"RELAY_DATABASE_URL": self.place.url}
        return running(self.name, self.sandbox, self.port, self.place.home, **settings)


@asynccontextmanager
async def installed(name: Name, engine: Engine, home: Path) -> AsyncIterator[Installed]:
    """One that has written a message of each client into a new database."""
    with new_place(engine, home) as place:
        async with _between(name, place) as relay:
            await relay.sandbox.post("telegram", "backlog", updates=CLIENTS, chats=CLIENTS)
            async with relay.running():
                await arrived(relay.sandbox, "kit", CLIENTS)
            yield relay


@asynccontextmanager
async def _between(name: Name, place: Place) -> AsyncIterator[Installed]:
    port = free_port()
    async with open_sandbox(port) as sandbox:
        yield Installed(name, place, sandbox, port)


async def delivered(name: Name, home: Path, engine: Engine, runs: int, rows: int, updates: int) -> Outcome:
    """A backlog through a store that holds so many delivered messages, and through an empty one, alternating."""
    speeds: dict[str, list[float]] = {"empty": [], "grown": []}
    spent: dict[str, list[float]] = {"empty": [], "grown": []}
    async with AsyncExitStack() as stack:
        relays = {which: await stack.enter_async_context(installed(name, engine, home / which)) for which in speeds}
        await asyncio.to_thread(deliver_before, relays["grown"].place, rows, 3600.0)
        for number in range(runs):
            for which in ("empty", "grown") if number % 2 == 0 else ("grown", "empty"):
                speed, cost = await _backlog(relays[which], updates)
                speeds[which].append(speed)
                spent[which].append(cost)
    medians = {which: median(values) for which, values in speeds.items()}
    return Outcome(
        {
            "messages/s, empty": medians["empty"],
            "messages/s, grown": medians["grown"],
            "grown : empty": medians["grown"] / medians["empty"],
            "CPU of grown : empty": median(spent["grown"]) / median(spent["empty"]),
        },
        {},
    )


async def waiting(name: Name, home: Path, engine: Engine, runs: int, chats: int) -> Outcome:
    """How fast those get through that wait: few chats with many messages each, more with one each, very many.

    Messages of one chat are claimed in runs, which is cheaper. What very many chats cost is seen beside those with one.
    """
    numbers = (_FEW, _SINGLE, chats)
    speeds: dict[int, list[float]] = {number: [] for number in numbers}
    with ExitStack() as stack:
        async with installed(name, engine, home / "first") as first:
            stores = {
                number: stack.enter_context(new_place(engine, home / str(number), first.place)) for number in numbers
            }
        for number, store in stores.items():
            await asyncio.to_thread(_let_wait, store, number, max(1, _SINGLE // number))
        for run in range(runs):
            for number in numbers if run % 2 == 0 else reversed(numbers):
                with new_place(engine, home / "run", stores[number]) as place:
                    speeds[number].append(await _first_of_many(name, place))
    medians = {number: median(values) for number, values in speeds.items()}
    return Outcome(
        {
            f"messages/s, {_FEW} chats, {_SINGLE // _FEW} each": medians[_FEW],
            f"messages/s, {_SINGLE:,} chats, one each": medians[_SINGLE],
            f"messages/s, {chats:,} chats": medians[chats],
            f"{chats:,} : {_FEW}": medians[chats] / medians[_FEW],
            f"{chats:,} : {_SINGLE:,}": medians[chats] / medians[_SINGLE],
        },
        {},
    )


async def retention(name: Name, home: Path, engine: Engine, rows: int) -> Outcome:
    """How long a message takes while the store forgets so many, and while it has nothing to forget."""
    calm = await _delays(name, home / "calm", engine, 0)
    busy = await _delays(name, home / "busy", engine, rows)
    return Outcome(
        {
            "p50 ms, nothing to forget": calm["p50"],
            "p50 ms, forgetting": busy["p50"],
            "p99 ms, nothing to forget": calm["p99"],
            "p99 ms, forgetting": busy["p99"],
            "longest ms, nothing to forget": calm["max"],
            "longest ms, forgetting": busy["max"],
        },
        {},
    )


async def _backlog(relay: Installed, updates: int) -> tuple[float, float]:
    """Messages a second, and milliseconds of processor time for each."""
    before: dict[str, Any] = await relay.sandbox.get("kit")
    async with relay.running() as contender:
        spent, began = contender.cpu(), time.monotonic()
        await relay.sandbox.post("telegram", "backlog", updates=updates, chats=CLIENTS)
        stats = await arrived(relay.sandbox, "kit", before["messages"] + updates)
        cost = (contender.cpu() - spent) * 1000 / updates
    return (stats["messages"] - before["messages"]) / (stats["last_at"] - began), cost


async def _first_of_many(name: Name, place: Place) -> float:
    """Messages a second of the first ones that arrive, by the times at which Kit got them."""
    async with _between(name, place) as relay, relay.running():
        stats = await arrived(relay.sandbox, "kit", _SPAN)
    return float(stats["messages"] / (stats["last_at"] - stats["first_at"]))


async def _delays(name: Name, home: Path, engine: Engine, rows: int) -> dict[str, float]:
    async with installed(name, engine, home) as relay:
        if rows:
            await asyncio.to_thread(deliver_before, relay.place, rows, _OLD)
        count = int(RATE * _SECONDS)
        async with relay.running(), asyncio.TaskGroup() as tasks:
            began = time.monotonic()
            for number in range(count):
                tasks.create_task(relay.sandbox.customer_writes(FIRST_CLIENT + number % CLIENTS, number))
                await asyncio.sleep(max(0.0, began + (number + 1) / RATE - time.monotonic()))
            stats = await arrived(relay.sandbox, "kit", CLIENTS + count)
    delays: dict[str, float] = stats["delay_ms"]
    return delays


_LETTERS: Final = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :rows)
INSERT INTO inbox (id, channel, source, source_id, body, body_sha256, received_at, client_id)
SELECT :clients + n, channel, source, 'old ' || n, body, body_sha256, :then, client_id
FROM counted JOIN inbox ON id = 1 + n % :clients
"""
_DELIVERIES: Final = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :rows)
INSERT INTO outbox (channel, direction, lane_id, letter_id, body, status, attempts, accepted_at, settled_at)
SELECT channel, direction, lane_id, :clients + n, body, 'delivered', 1, :then, :then
FROM counted JOIN outbox ON id = 1 + n % :clients
"""
_WORDS: Final = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :rows)
INSERT INTO message (channel, client_id, message_id, author, text, mark, said_at)
SELECT channel, client_id, 10000000 + n, 'customer', 'old ' || n, '', :then
FROM counted JOIN client_link ON chat_id = :first + n % :clients
"""
_LANES: Final = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :chats)
INSERT INTO lane (channel, direction, client_id, due_at, since)
SELECT channel, direction, CAST(6000000 + n AS TEXT), :now, :now FROM counted JOIN lane ON lane.id = 1
"""
_ROWS: Final = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :each)
INSERT INTO outbox (channel, direction, lane_id, letter_id, body, status, accepted_at)
SELECT first.channel, first.direction, lane.id, first.letter_id,
       replace(replace(first.body, :first, lane.client_id),
               :event_id, :half_id || CAST(100000000000 + n * 1000000 + lane.id AS TEXT)),
       'waiting', :now
FROM counted JOIN lane ON lane.client_id > '6000000' AND lane.due_at IS NOT NULL JOIN outbox AS first ON first.id = 1
ORDER BY n, lane.id
"""


def deliver_before(place: Place, rows: int, age: float) -> None:
    """Add so many delivered messages, this many seconds old, to those of the first clients."""
    values = {"rows": rows, "then": time.time() - age, "clients": CLIENTS, "first": FIRST_CLIENT}
    place.change(_LETTERS, _DELIVERIES, _WORDS, **values)


def _let_wait(place: Place, chats: int, each: int) -> None:
    """Add so many clients of whom so many messages wait. The last 12 digits of an event's id are its own."""
    event_id: str = orjson.loads(place.scalar("SELECT body FROM outbox WHERE id = 1"))["event_id"]
    event = {"event_id": event_id, "half_id": event_id[:-12], "first": str(FIRST_CLIENT)}
    place.change(_LANES, _ROWS, chats=chats, each=each, now=time.time(), **event)
