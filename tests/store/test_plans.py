"""The store finds what it looks for by an index, however much it holds."""

import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Self

import psycopg
import pytest

from relay.model import Delivered, Draft, Retry, Said, Wants
from relay.store.away import Notices
from relay.store.callbacks import CallbacksSeen
from relay.store.engine.postgresql import PostgreSQL
from relay.store.engine.tables import metadata
from relay.store.store import Store, open_store
from relay.store.tracing import TraceWish
from tests.postgresql import empty_postgresql
from tests.statements import heard
from tests.store import letters
from tests.store.test_albums import item


@pytest.fixture
def place(path: Path) -> Path:
    """What is tested here is SQLite's alone."""
    return path


#: A scan of a table that grows with every customer or message.
_SCAN = re.compile(r"SCAN (inbox|outbox|head|lane|client_link|message|said|media|deep_link)\b")


async def everyday_life(store: Store) -> None:
    """Each verb that runs all the time, with what makes it say all of its statements."""
    await store.accept(letters.together(letters.update(1), letters.update(1), item(2), letters.update(3, "8")))
    await store.accept(item(4))
    await letters.known(store, Wants("7", (1, 2), "g", "code", limits=True))
    await store.accept(letters.event("e1"))
    first, second = (await store.claim(letters.CHANNEL, "to_kit", 10, 16, fresh=5)).deliveries[:2]
    await store.settle(first, Delivered())
    await store.settle(second, Retry(1.0, "no answer"))
    [answer] = (await store.claim(letters.CHANNEL, "to_telegram", 10, 16)).deliveries
    await store.note_progress(answer, 1, (Said(5, "agent", "words"),))
    await store.acquit(answer)
    await store.others_passed(answer)
    await store.settle(answer, Delivered((Said(6, "agent", "words"),)))
    await store.claim(letters.CHANNEL, "to_kit", 1, suspects=True)
    await store.is_work_left([letters.CHANNEL])
    await store.find_media("id")
    await store.next_update_id(letters.CHANNEL)
    await store.trace(TraceWish(letters.CHANNEL, "7"))
    await store.trace(TraceWish(letters.CHANNEL, source_id="e1"))
    await store.note_callbacks(CallbacksSeen(letters.CHANNEL, accepted=True, refused={"7": 1}))
    await store.find_callbacks(letters.CHANNEL)
    await store.next_unfilled()
    await store.tell_arrived(Notices(letters.CHANNEL, lambda client: Draft("to_telegram", client.client_id, "")))
    await store.forget(0.0)


async def test_no_verb_reads_a_whole_table(store: Store, path: Path) -> None:
    """SQLite's own plan of every statement: it searches, and scans nothing that grows."""
    statements = await _said(store, everyday_life)
    assert len(statements) > 20
    with closing(sqlite3.connect(path)) as database:
        plans = {
            statement: [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {_literal(statement)}")]
            for statement in statements
        }
    assert {statement: plan for statement, plan in plans.items() if any(map(_SCAN.match, plan))} == {}


async def test_what_waits_is_counted_from_an_index_alone(store: Store, path: Path) -> None:
    """To count hundreds of thousands of deliveries, not one of their rows is read: SQLite's own program says so."""
    said = await _said(store, lambda store: store.count(letters.CHANNEL))
    [statement] = [each for each in said if "FROM outbox" in each]
    with closing(sqlite3.connect(path)) as database:
        root = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'outbox'").fetchone()[0]
        program = database.execute(f"EXPLAIN {statement}").fetchall()
    [rows] = [cursor for _, does, cursor, opened, *_ in program if does == "OpenRead" and opened == root]
    assert [step for step in program if step[1:3] == ("Column", rows)] == []


async def _said(store: Store, life: Callable[[Store], Awaitable[object]]) -> set[str]:
    """The statements that it takes, with their values."""
    said = await heard(store)
    await life(store)
    return {each for each in said if each.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"))}


def _literal(statement: str) -> str:
    """As SQLite reads it: what it says of infinity it cannot read."""
    return re.sub(r"\bInf\b", "9e999", statement)


#: With these forbidden, whatever reads a whole table all the same has no index that it could use. A table without
#: rows is else read as a whole, and rightly so.
_BY_INDEX = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"
#: A scan, or a walk along a whole index of all rows.
_WHOLE = re.compile(
    r"^(Seq Scan on|Index (Only )?Scan using (pk|uq)_\w+ on) "
    r"(inbox|outbox|lane|client_link|message|media|deep_link)\b.*\n(?!Index Cond)",
    re.MULTILINE,
)


class _Explained(psycopg.Cursor[Any]):
    """Asks for the plan of what it runs, before it does."""

    plans: ClassVar[dict[str, list[str]]] = {}

    def execute(self, query: Any, params: Any = None, **given: Any) -> Self:
        """As psycopg's."""
        if str(query).startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            super().execute(_BY_INDEX)  # also for what is no transaction
            super().execute(f"EXPLAIN {query}", params, **given)
            self.plans[query] = [row[0].strip(" ->") for row in self.fetchall()]
        return super().execute(query, params, **given)

    def executemany(self, query: Any, params_seq: Any, **given: Any) -> None:
        """As psycopg's, one by one."""
        for params in params_seq:
            self.execute(query, params, **given)


async def test_nor_does_any_on_postgresql() -> None:
    """Its own plans say so. An older version may have others: see `test_servers`."""
    await reads_no_whole_table(empty_postgresql())


async def reads_no_whole_table(url: str) -> None:
    """Check that no verb of every day does on this server."""
    _Explained.plans.clear()
    async with open_store(url) as store:
        engine = store._database._engine
        assert isinstance(engine, PostgreSQL)
        with engine._engine.connect() as pooled:
            driver = pooled.connection.driver_connection
            assert driver is not None
            # To read a table whole costs nothing, as far as is known of one that other tests have filled and emptied.
            driver.execute(f"TRUNCATE {', '.join(metadata.tables)} CASCADE")
            driver.commit()
            driver.cursor_factory = _Explained  # the pool has no other connection
        await everyday_life(store)
    assert len(_Explained.plans) > 20
    plans = {query: "\n".join([*plan, ""]) for query, plan in _Explained.plans.items()}
    assert {query: plan for query, plan in plans.items() if _WHOLE.search(plan)} == {}
