"""What one customer's text costs the processor: parsing it, mapping it, and remembering what it said."""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeVar

from telegram import Update

from relay.mapping.event.events import KitContext
from relay.mapping.to_kit.plain import read_plain_text
from relay.mapping.to_kit.updates import map_update, wants_of
from relay.model import Outcome
from relay.store.engine.connection import Connection
from relay.store.engine.sqlite import open_sqlite
from relay.store.memory import Memory
from relay.store.recalling import recall, write_said
from tests.databases import new_database

PROMISED: Final = 60.0  #: Microseconds that mapping and remembering may take beyond parsing.

_UPDATES: Final = 2_000
_BATCH: Final = 100  #: Updates that Telegram gives in one answer, and that share a transaction.
_CONTEXT: Final = KitContext("123456789", "https://relay.example", lambda: "capability")

Item = TypeVar("Item")
Result = TypeVar("Result")
#: Microseconds an update, of each batch, by what they were spent on.
_Spent = dict[str, list[float]]


async def table(runs: int) -> str:
    """Medians over all batches of all runs, microseconds of processor time an update."""
    spent: _Spent = {}
    for _ in range(runs):
        await _one_run(spent)
    medians = {name: median(values) for name, values in spent.items()}
    beyond = medians["mapping it"] + medians["remembering it"]
    rows = {**medians, "mapping and remembering": beyond}
    lines = [f"  {name:<44}{value:>8.1f}" for name, value in rows.items()]
    return "\n".join(
        ["One text update, µs", *lines, f"  {'promised beyond Update.de_json: under':<44}{PROMISED:>8.1f}"]
    )


async def _one_run(spent: _Spent) -> None:
    def verb(tx: Connection, _now: float, items: Sequence[Sequence[dict[str, Any]]]) -> list[None]:
        for batch in items:
            _one_batch(tx, batch, spent)
        return [None] * len(items)

    with tempfile.TemporaryDirectory(prefix="relay-bench-") as home:
        async with open_sqlite(new_database(Path(home))) as database:
            for batch in _batches(_UPDATES):
                await database.run(verb, batch)


def _one_batch(connection: Connection, batch: Sequence[dict[str, Any]], spent: _Spent) -> None:
    """The way of a batch through the relay, each stretch timed."""
    updates = _timed(spent, "Update.de_json", lambda raw: Update.de_json(raw, None), batch)
    known = recall(connection, time.time(), [(_CONTEXT.channel, wants_of(update)) for update in updates])
    outcomes = _timed(spent, "mapping it", lambda update: _map(update, known), updates)
    began = time.thread_time()
    for outcome in outcomes:
        known.note(_CONTEXT.channel, outcome)
    write_said(connection, time.time(), known)
    spent.setdefault("remembering it", []).append((time.thread_time() - began) / len(batch) * 1e6)
    _timed(spent, "instead of the first two: mapping/plain.py", _map_plain, batch)


def _map(update: Update, memory: Memory) -> Outcome:
    return map_update(update, _CONTEXT, memory.known(_CONTEXT.channel, wants_of(update)))


def _map_plain(raw: dict[str, Any]) -> Outcome:
    reading = read_plain_text(raw, _CONTEXT)
    assert reading is not None
    return reading.decide(Memory(time.time()).known(_CONTEXT.channel, reading.wants))


def _timed(spent: _Spent, name: str, do: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    began = time.thread_time()
    results = [do(item) for item in items]
    spent.setdefault(name, []).append((time.thread_time() - began) / len(results) * 1e6)
    return results


def _batches(updates: int) -> Iterator[list[dict[str, Any]]]:
    for first in range(0, updates, _BATCH):
        yield [_text(number) for number in range(first, first + _BATCH)]


def _text(number: int) -> dict[str, Any]:
    person = {"id": 7_000_000 + number % 200, "first_name": "Anna", "last_name": "Keller", "username": "anna_k"}
    message = {
        "message_id": number,
        "from": {**person, "is_bot": False, "language_code": "de"},
        "chat": {**person, "type": "private"},
        "date": 1_764_500_000,
        "text": f"Hello! Where is my order №{number}? 👋",
    }
    return {"update_id": number, "message": message}
