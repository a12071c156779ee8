"""What is PostgreSQL's alone: who holds the database, what an outage is, and what is somebody's own fault."""

from collections.abc import Sequence

import pytest
from psycopg import DataError
from sqlalchemy import text

from relay.errors import StoreLost, StoreUnavailable
from relay.store.engine import postgresql
from relay.store.engine.connection import Connection
from relay.store.engine.lock import StoreLockedError
from relay.store.engine.postgresql import connect, open_postgresql
from relay.store.engine.sql import insert
from relay.store.engine.tables import polling_offset
from relay.store.store import open_store
from tests.postgresql import empty_postgresql
from tests.store.letters import CHANNEL, update


@pytest.fixture
def url() -> str:
    return empty_postgresql()


def execute(url: str, statement: str) -> None:
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


async def test_a_second_relay_is_kept_out(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One relay holds the database for as long as it renews its term; when it ends, the next one has it at once."""
    monkeypatch.setattr(postgresql, "_TERM", 0.4)
    monkeypatch.setattr(postgresql, "_BEAT", 0.05)
    async with open_store(url) as store:
        assert await store.next_update_id(CHANNEL) == 0
        with pytest.raises(StoreLockedError, match="another relay holds the database"):
            async with open_store(url, patience=0.6):
                pass
        assert await store.next_update_id(CHANNEL) == 0
    async with open_store(url) as store:
        assert await store.next_update_id(CHANNEL) == 0


async def test_who_is_deposed_commits_nothing(url: str) -> None:
    """A relay whose place another one took can write nothing any more, whatever its own clock says."""
    async with open_store(url) as store:
        assert await store.accept(update(1)) == ["accepted"]
        execute(url, "UPDATE duty SET holder = 'another', until = clock_timestamp() + interval '1 hour'")
        with pytest.raises(StoreLost):
            await store.accept(update(2))
    execute(url, "DELETE FROM duty")
    async with open_store(url) as store:
        assert await store.next_update_id(CHANNEL) == 2


async def test_a_lost_connection_is_an_outage_that_ends(url: str) -> None:
    """When the server ends every session, what was asked for comes to nothing or is done, and then it goes on."""
    async with open_store(url) as store:
        assert await store.accept(update(1)) == ["accepted"]
        execute(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname <> ''",
        )
        try:
            assert await store.accept(update(2)) == ["accepted"]
        except StoreUnavailable:
            assert await store.accept(update(2)) == ["accepted"]
        assert await store.next_update_id(CHANNEL) == 3


@pytest.mark.parametrize(
    ("channel", "number"), [("x", 99999999999999999999), ("x" * 33, 1), ("a\0b", 1)], ids=["number", "length", "NUL"]
)
async def test_data_that_do_not_fit_are_no_outage(url: str, channel: str, number: int) -> None:
    """What no column holds is the fault of who brought it: its neighbours are committed."""

    def unfit(tx: Connection, _now: float, items: Sequence[None]) -> list[None]:
        tx.execute(insert(polling_offset), {"channel": channel, "next_update_id": number})
        return [None] * len(items)

    async with open_postgresql(url) as database:
        with pytest.raises(DataError):
            await database.run(unfit, None)
        assert database.failure is None
