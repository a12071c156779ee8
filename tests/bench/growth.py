"""What growing costs: a database that holds much, many chats that wait, and the retention that empties it again.

A database grows by SQL from rows that the relay has written itself, so that they are what its own would be.
"""

import asyncio
import shutil
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.bench.contender import Name, running
from tests.bench.sandbox import Sandbox, open_sandbox
from tests.bench.scenarios import CLIENTS, FIRST_CLIENT, Outcome, arrived
from tests.databases import change
from tests.e2e.process import free_port

RATE: Final = 20  #: Messages a second beside the retention.
_SECONDS: Final = 20.0  #: Of them.
_FEW: Final = 100  #: Chats.
_SINGLE: Final = 10_000  #: The same, with one message each.
_SPAN: Final = 5_000  #: Deliveries over which a speed is measured.
_OLD: Final = 100 * 86400.0  #: Seconds: older than any retention time that is usual.


async def delivered(name: Name, home: Path, runs: int, rows: int, updates: int) -> Outcome:
    """A backlog through a store that holds so many delivered messages, and through an empty one, alternating."""
    speeds: dict[str, list[float]] = {"empty": [], "grown": []}
    spent: dict[str, list[float]] = {"empty": [], "grown": []}
    ports = {which: free_port() for which in speeds}
    async with open_sandbox(ports["empty"]) as empty, open_sandbox(ports["grown"]) as grown:
        sandboxes = {"empty": empty, "grown": grown}
        for which, sandbox in sandboxes.items():
            await first_messages(name, sandbox, ports[which], home / which)
        await asyncio.to_thread(deliver_before, home / "grown", rows, 3600.0)
        for number in range(runs):
            for which in ("empty", "grown") if number % 2 == 0 else ("grown", "empty"):
                speed, cost = await _backlog(name, sandboxes[which], ports[which], home / which, updates)
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


async def waiting(name: Name, home: Path, runs: int, chats: int) -> Outcome:
    """How fast those get through that wait: few chats with many messages each, more with one each, very many.

    Messages of one chat are claimed in runs, which is cheaper. What very many chats cost is seen beside those with one.
    """
    port, first = free_port(), home / "first"
    async with open_sandbox(port) as sandbox:
        await first_messages(name, sandbox, port, first)
    stores = {number: home / str(number) for number in (_FEW, _SINGLE, chats)}
    for number, store in stores.items():
        shutil.copytree(first, store)
        _let_wait(store, number, max(1, _SINGLE // number))
    speeds: dict[int, list[float]] = {number: [] for number in stores}
    for run in range(runs):
        for number in stores if run % 2 == 0 else reversed(stores):
            copy = home / f"run-{run}-{number}"
            shutil.copytree(stores[number], copy)
            speeds[number].append(await _first_of_many(name, copy))
            shutil.rmtree(copy)
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


async def retention(name: Name, home: Path, rows: int) -> Outcome:
    """How long a message takes while the store forgets so many, and while it has nothing to forget."""
    calm = await _delays(name, home / "calm", 0)
    busy = await _delays(name, home / "busy", rows)
    return Outcome(
        {
            "p50 ms, nothing to forget": calm["p50"],
            "p50 ms, forgetting": busy["p50"],
            "p99 ms, nothing to forget": calm["p99"],
            "p99 ms, forgetting": busy["p99"],
        },
        {},
    )


async def first_messages(name: Name, sandbox: Sandbox, port: int, home: Path) -> None:
    """Let the relay write a message of each client into a new database."""
    home.mkdir()  # noqa: ASYNC240 - nobody waits meanwhile
    await sandbox.post("telegram", "backlog", updates=CLIENTS, chats=CLIENTS)
    async with running(name, sandbox, port, home):
        await arrived(sandbox, "kit", CLIENTS)


async def _backlog(name: Name, sandbox: Sandbox, port: int, home: Path, updates: int) -> tuple[float, float]:
    """Messages a second, and milliseconds of processor time for each."""
    before: dict[str, Any] = await sandbox.get("kit")
    async with running(name, sandbox, port, home) as contender:
        spent, began = contender.cpu(), time.monotonic()
        await sandbox.post("telegram", "backlog", updates=updates, chats=CLIENTS)
        stats = await arrived(sandbox, "kit", before["messages"] + updates)
        cost = (contender.cpu() - spent) * 1000 / updates
    return (stats["messages"] - before["messages"]) / (stats["last_at"] - began), cost


async def _first_of_many(name: Name, home: Path) -> float:
    """Messages a second of the first ones that arrive, by the times at which Kit got them."""
    port = free_port()
    async with open_sandbox(port) as sandbox, running(name, sandbox, port, home):
        stats = await arrived(sandbox, "kit", _SPAN)
    return float(stats["messages"] / (stats["last_at"] - stats["first_at"]))


async def _delays(name: Name, home: Path, rows: int) -> dict[str, float]:
    port = free_port()
    async with open_sandbox(port) as sandbox:
        await first_messages(name, sandbox, port, home)
        if rows:
            await asyncio.to_thread(deliver_before, home, rows, _OLD)
        count = int(RATE * _SECONDS)
        async with running(name, sandbox, port, home), asyncio.TaskGroup() as tasks:
            began = time.monotonic()
            for number in range(count):
                tasks.create_task(sandbox.customer_writes(FIRST_CLIENT + number % CLIENTS, number))
                await asyncio.sleep(max(0.0, began + (number + 1) / RATE - time.monotonic()))
            stats = await arrived(sandbox, "kit", CLIENTS + count)
    delays: dict[str, float] = stats["delay_ms"]
    return delays


_LETTERS: Final = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :rows)
INSERT INTO inbox (id, channel, source, source_id, body, body_sha256, received_at, client_id)
SELECT 100000000 + n, channel, source, 'old ' || n, body, body_sha256, :then, client_id
FROM counted JOIN inbox ON id = 1 + n % :clients
"""
_DELIVERIES: Final = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :rows)
INSERT INTO outbox (channel, direction, lane_id, letter_id, body, status, attempts, accepted_at, settled_at)
SELECT channel, direction, lane_id, 100000000 + n, body, 'delivered', 1, :then, :then
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
_ROW: Final = """
INSERT INTO outbox (channel, direction, lane_id, letter_id, body, status, accepted_at)
SELECT first.channel, first.direction, lane.id, first.letter_id,
       json_set(first.body, '$.client_data.client_id', lane.client_id,
                '$.event_id', lower(hex(randomblob(4)) || '-0000-4000-8000-' || hex(randomblob(6)))),
       'waiting', :now
FROM lane JOIN outbox AS first ON first.id = 1
WHERE lane.client_id > '6000000' AND lane.due_at IS NOT NULL
"""


def deliver_before(home: Path, rows: int, age: float) -> None:
    """Add so many delivered messages, this many seconds old, to those of the first clients."""
    values = {"rows": rows, "then": time.time() - age, "clients": CLIENTS, "first": FIRST_CLIENT}
    change(home, _LETTERS, _DELIVERIES, _WORDS, **values)


def _let_wait(home: Path, chats: int, each: int) -> None:
    """Add so many clients of whom so many messages wait."""
    change(home, _LANES, *[_ROW] * each, chats=chats, now=time.time())
