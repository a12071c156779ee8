"""What the store says to its two engines: one set of statements, which differ only where `engine/sql.py` says so."""

import inspect
import sqlite3
from collections.abc import Iterator
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import ClauseElement, Index, Select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex
from sqlalchemy.sql.dml import UpdateBase

from relay.store import (
    accepting,
    avatars,
    business_connections,
    callbacks,
    claiming,
    dead_letters,
    deep_links,
    failure_notes,
    lanes,
    limits,
    memory,
    queries,
    ratings,
    recalling,
    retention,
    reviving,
    settling,
    survey,
    totals,
)
from relay.store.engine.sql import ByKey
from relay.store.engine.sqlite import Thread
from relay.store.engine.tables import metadata

ROOMS = [
    accepting, avatars, business_connections, callbacks, claiming, dead_letters, deep_links, failure_notes, lanes,
    limits, memory, queries, ratings, recalling, retention, reviving, settling, survey, totals,
]  # fmt: skip
POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
SQLITE: Dialect = sqlite.dialect()


def statements() -> Iterator[tuple[str, ClauseElement]]:
    """Every statement that a room of the store keeps ready."""
    for room in ROOMS:
        for name, value in vars(room).items():
            said = f"{room.__name__.rpartition('.')[2]}.{name}"
            if isinstance(value, UpdateBase | Select):
                yield said, value
            elif isinstance(value, ByKey):
                yield from ((f"{said}.one", value.one), (f"{said}.many", value.many))


STATEMENTS = dict(statements())
INDEXES = {
    str(index.name): index
    for table in metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
}


def compiled(statement: Any, dialect: Dialect) -> str:
    return " ".join(str(statement.compile(dialect=dialect)).split())


def test_there_are_statements_to_compile() -> None:
    """The test below sees the store's statements."""
    assert len(STATEMENTS) > 40


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_compiles_for_both_engines(name: str) -> None:
    """No verb knows which engine it runs on."""
    assert compiled(STATEMENTS[name], POSTGRESQL)
    assert "FOR " not in compiled(STATEMENTS[name], SQLITE).replace("FOR EACH", "")


@pytest.mark.parametrize("name", ["claiming._LEASE_FRESH", "claiming._LEASE_OLD"])
def test_a_claim_takes_what_nobody_else_is_taking(name: str) -> None:
    """PostgreSQL passes over the lanes that another courier is taking; the limit stands where it holds, in a CTE."""
    said = compiled(STATEMENTS[name], POSTGRESQL)
    assert said.startswith("WITH leasable AS (SELECT lane.id")
    assert "FOR NO KEY UPDATE OF lane SKIP LOCKED) UPDATE lane SET" in said
    assert "SELECT leasable.id FROM leasable" in said


def test_a_lease_is_checked_under_a_lock() -> None:
    """Between the check of a lease and what depends on it, nobody else takes the lane."""
    assert compiled(STATEMENTS["settling._HELD"], POSTGRESQL).endswith("FOR NO KEY UPDATE OF lane")


@pytest.mark.parametrize("name", sorted(INDEXES))
def test_a_partial_index_is_partial_on_both_engines(name: str) -> None:
    """An index over a handful of rows does not become one over all of them."""
    on_both = [compiled(CreateIndex(_of(name)), dialect).partition(" WHERE ")[2] for dialect in (SQLITE, POSTGRESQL)]
    assert on_both[0]
    assert [each.replace("true", "1").replace("false", "0") for each in on_both] == [
        on_both[0].replace("true", "1").replace("false", "0")
    ] * 2


def _of(name: str) -> Index:
    return INDEXES[name]


def test_the_names_that_aiosqlite_does_not_promise_are_there() -> None:
    """Two private names of aiosqlite are used, in one class: a version without them must fail here first."""
    assert inspect.iscoroutinefunction(aiosqlite.Connection._execute)
    assert inspect.get_annotations(aiosqlite.Connection._conn.fget)  # type: ignore[attr-defined]
    assert issubclass(Thread, aiosqlite.Connection)


async def test_a_transaction_runs_in_the_connections_thread() -> None:
    """What `Thread.run` calls sees the driver's own connection."""
    thread = Thread(lambda: sqlite3.connect(":memory:"), iter_chunk_size=64)
    await thread
    assert await thread.run(lambda: thread.dbapi().execute("SELECT 1").fetchone()) == (1,)
    await thread.close()
