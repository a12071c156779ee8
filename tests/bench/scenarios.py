"""What is measured: each scenario runs one contender once, between look-alikes that nobody has used before."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.contender import Contender, Name, committed, running
from tests.bench.sandbox import Sandbox, Side, open_sandbox
from tests.e2e.process import free_port

CLIENTS: Final = 200
FIRST_CLIENT: Final = 5_000_001  #: The look-alike's backlog begins with this customer.
CONCURRENCY: Final = 64  #: Callbacks that Kit has open at the same time.
_PATIENCE = 10.0  #: Seconds without an arrival after which what is missing is lost.
_MB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run."""

    figures: dict[str, float]  #: How fast and how large, by name and unit.
    faults: dict[str, int]  #: How often a promise was broken.


async def inbound(name: Name, home: Path, updates: int, chats: int, latency: float, *, tls: bool = False) -> Outcome:
    """A backlog of customers' texts and a Kit that answers after `latency` seconds; with `tls` as it is in the world.

    Timed from the first poll to the last arrival at Kit.
    """
    port = free_port()
    async with open_sandbox(port, tls=tls) as sandbox:
        await sandbox.post("kit", "faults", latency=latency)
        await sandbox.post("telegram", "backlog", updates=updates, chats=chats)
        polling = asyncio.create_task(_first_poll(sandbox))
        async with running(name, sandbox, port, home) as contender:
            spent, began = contender.cpu(), await polling
            stats = await arrived(sandbox, "kit", updates)
            figures = {
                "messages/s": stats["messages"] / (stats["last_at"] - began),
                "CPU ms/message": (contender.cpu() - spent) * 1000 / updates,
                "peak RSS MB": contender.peak_rss / _MB,
            }
    faults = {
        "lost": updates - stats["messages"],
        "repeated": stats["duplicates"],
        "out of order": stats["out_of_order"],
        "two of a chat at once": stats["overlaps"],
    }
    return Outcome(figures, faults | _not_committed(name, home, updates))


async def callbacks(name: Name, home: Path, count: int, latency: float) -> Outcome:
    """Agents' texts, many at the same time, and a Telegram that answers after `latency` seconds.

    Timed from the first callback to the last answer, and to the last arrival at Telegram.
    """
    port = free_port()
    async with open_sandbox(port) as sandbox, running(name, sandbox, port, home) as contender:
        await sandbox.post("telegram", "backlog", updates=CLIENTS, chats=CLIENTS)
        await arrived(sandbox, "kit", CLIENTS)
        await sandbox.post("telegram", "faults", latency=latency)
        spent = contender.cpu()
        load = await sandbox.post("kit", "callbacks", count=count, clients=CLIENTS, concurrency=CONCURRENCY)
        began = time.monotonic() - load["seconds"]
        stats = await arrived(sandbox, "telegram", load["accepted"])
        figures = {
            "accepted/s": load["accepted"] / load["seconds"],
            "delivered/s": stats["messages"] / (stats["last_at"] - began),
            "answer ms, median": load["ms"]["p50"],
            "answer ms, p99": load["ms"]["p99"],
            "CPU ms/callback": (contender.cpu() - spent) * 1000 / count,
            "peak RSS MB": contender.peak_rss / _MB,
        }
    faults = {
        "not accepted": load["failed"],
        "accepted and lost": max(0, load["accepted"] - stats["messages"]),
        "out of order": stats["out_of_order"],
    }
    return Outcome(figures, faults | _not_committed(name, home, CLIENTS + load["accepted"]))


async def light(name: Name, home: Path, rate: int, seconds: float) -> Outcome:
    """So many messages a second each way at once, each alone: what a small host does all day."""
    port = free_port()
    async with open_sandbox(port) as sandbox, running(name, sandbox, port, home) as contender:
        await sandbox.post("telegram", "backlog", updates=CLIENTS, chats=CLIENTS)
        await arrived(sandbox, "kit", CLIENTS)
        spent, count = contender.cpu(), int(rate * seconds)
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                tasks.create_task(sandbox.customer_writes(FIRST_CLIENT + number % CLIENTS, number))
                tasks.create_task(sandbox.agent_writes(FIRST_CLIENT + number % CLIENTS, number))
                await asyncio.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))
        took = time.monotonic() - began
        used = contender.cpu() - spent
        to_kit, to_telegram = (
            await arrived(sandbox, "kit", CLIENTS + count),
            await arrived(sandbox, "telegram", count),
        )
        used_in_all = contender.cpu() - spent  # on a busy machine a part of the work comes after the last message
    figures = {
        "CPU %": 100 * used / took,
        "CPU ms/message": 1000 * used_in_all / (2 * count),
        "to Kit ms, median": to_kit["delay_ms"]["p50"],
        "to Kit ms, p99": to_kit["delay_ms"]["p99"],
        "to Telegram ms, median": to_telegram["delay_ms"]["p50"],
        "to Telegram ms, p99": to_telegram["delay_ms"]["p99"],
    }
    lost = 2 * count + CLIENTS - to_kit["messages"] - to_telegram["messages"]
    return Outcome(figures, {"lost": lost, "out of order": to_kit["out_of_order"] + to_telegram["out_of_order"]})


async def _spent(contender: Contender, seconds: float) -> float:
    """Per cent of a core that it takes when nothing happens."""
    spent = contender.cpu()
    await asyncio.sleep(seconds)
    return 100 * (contender.cpu() - spent) / seconds


async def start(name: Name, home: Path, settle: float) -> Outcome:
    """From exec to the first 200 of /healthz, first in an empty directory, then again; and what it takes at rest."""
    figures = {}
    port = free_port()
    async with open_sandbox(port) as sandbox:
        for database in ("new", "existing"):
            async with running(name, sandbox, port, home) as contender:
                figures[f"start s, {database} database"] = contender.ready_after
                await asyncio.sleep(settle)
                figures[f"idle RSS MB, {database} database"] = contender.rss() / _MB
                if database == "existing":
                    figures["idle CPU %"] = await _spent(contender, 5 * settle)
    return Outcome(figures, {})


def _not_committed(name: Name, home: Path, expected: int) -> dict[str, int]:
    if name != "ours":
        return {}
    letters, delivered = committed(home)
    return {"not committed": abs(expected - letters) + abs(expected - delivered)}


async def _first_poll(sandbox: Sandbox) -> float:
    # All processes of a machine share the monotonic clock, so this time and the look-alikes' can be compared.
    while not (await sandbox.get("telegram"))["polls"]:  # noqa: ASYNC110 - what is watched is another process
        await asyncio.sleep(0.005)
    return time.monotonic()


async def arrived(sandbox: Sandbox, side: Side, messages: int) -> dict[str, Any]:
    """A look-alike's figures once so many distinct messages are there, or no more come."""
    seen, moved = -1, time.monotonic()
    while True:
        asked = time.monotonic()
        stats: dict[str, Any] = await sandbox.get(side)
        now = time.monotonic()
        if stats["messages"] != seen:
            seen, moved = stats["messages"], now
        if seen >= messages or now - moved > _PATIENCE:
            return stats
        # Counting costs the look-alike time, the more the more has come: it shall spend 2 % on it at most.
        await asyncio.sleep(max(0.02, 50 * (now - asked)))
