"""SQLAlchemy writes the SQL, the driver runs it: what a verb gets is the same on both engines."""

import gc
from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

import pytest
from sqlalchemy import bindparam, delete, func, select, update

from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert
from relay.store.engine.tables import known_event, lane, polling_offset
from relay.store.store import Store

_LANES = insert(lane).returning(lane.c.client_id, lane.c.id)
_THESE = select(lane.c.client_id).where(lane.c.client_id.in_(bindparam("ids", expanding=True)))


async def within(store: Store, do: Callable[[Connection], Any]) -> Any:
    """What it gives, in a transaction."""

    def verb(tx: Connection, _now: float, items: Sequence[None]) -> list[Any]:
        return [do(tx) for _ in items]

    return await store._database.run(verb, None)


def lanes(number: int) -> list[dict[str, Any]]:
    return [{"channel": "1", "direction": "to_kit", "client_id": str(each), "since": 0.5} for each in range(number)]


@pytest.mark.parametrize("number", [1, 2, 3, 127, 128, 300])
async def test_many_rows_are_inserted_and_answered_each_once(store: Store, number: int) -> None:
    """However many go into one statement."""
    found = await within(store, lambda tx: tx.execute(_LANES, lanes(number)))
    assert sorted(int(row.client_id) for row in found) == list(range(number))
    assert len({row.id for row in found}) == number
    assert await within(store, lambda tx: tx.scalar(select(func.count()).select_from(lane))) == number


@pytest.mark.parametrize("number", [0, 1, 2, 3, 5, 100])
async def test_a_list_finds_what_is_in_it(store: Store, number: int) -> None:
    """Also an empty one, and one that is as long as no other before it."""
    await within(store, lambda tx: tx.execute(_LANES, lanes(120)))
    wanted = [str(each) for each in range(number)]
    found = await within(store, lambda tx: tx.scalars(_THESE, {"ids": wanted}))
    assert sorted(found, key=int) == wanted


async def test_values_come_back_as_they_went(store: Store) -> None:
    """Truths, bytes and what is not there keep their types."""

    def write_and_read(tx: Connection) -> tuple[Any, ...]:
        tx.execute(_LANES, lanes(2))
        tx.execute(update(lane).values(leased=bindparam("truth")), {"truth": True})
        tx.execute(insert(known_event), {"id": b"\0" * 16, "body": b"\xff" * 16})
        row = tx.execute(select(lane.c.leased, lane.c.backs_off, lane.c.due_at, lane.c.since)).first()
        assert row is not None
        found = tx.execute(select(known_event).where(known_event.c.id.in_([b"\0" * 16]))).first()
        assert found is not None
        return (*row, found.body)

    found = await within(store, write_and_read)
    assert found == (True, False, None, 0.5, b"\xff" * 16)
    assert [type(each) for each in found] == [bool, bool, type(None), float, bytes]


async def test_a_statement_says_how_many_rows_it_changed(store: Store) -> None:
    """Run once, or for each of many."""
    await within(store, lambda tx: tx.execute(_LANES, lanes(5)))
    once = update(lane).where(lane.c.client_id == bindparam("of")).values(lease=1)
    assert (await within(store, lambda tx: tx.execute(update(lane).values(lease=2)))).rowcount == 5
    assert (await within(store, lambda tx: tx.execute(once, [{"of": "1"}, {"of": "2"}, {"of": "x"}]))).rowcount == 2


async def test_what_fails_half_way_leaves_nothing(store: Store) -> None:
    """And the next transaction begins anew."""

    def fail(tx: Connection) -> None:
        tx.execute(insert(polling_offset), {"channel": "1", "next_update_id": 7})
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        await within(store, fail)
    assert await store.next_update_id("1") == 0


async def test_what_is_made_for_one_call_goes_with_it(store: Store) -> None:
    """A relay that is asked for its figures all day must not grow by each of these statements."""

    def ask(tx: Connection) -> list[ref[object]]:
        these, those = insert(lane).returning(lane.c.id), select(func.count()).where(lane.c.client_id.in_(["1", "2"]))
        tx.execute(these, lanes(3))
        assert tx.scalar(those) == 2
        changed = update(lane).where(lane.c.client_id == "1").values(due_at=1.0)
        gone = delete(lane).where(lane.c.id.in_(select(lane.c.id).limit(5))).returning(lane.c.client_id)
        assert tx.execute(changed).rowcount == 1
        assert sorted(tx.scalars(gone)) == ["0", "1", "2"]
        return [ref(statement) for statement in (these, those, changed, gone)]

    made = await within(store, ask)
    gc.collect()
    assert [each() for each in made] == [None] * 4
