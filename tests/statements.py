"""What a store says to SQLite, for tests of what a verb costs."""

from relay.store.engine.commit import Database
from relay.store.engine.sqlite import SQLite
from relay.store.store import Store


async def heard(of: Store | Database) -> list[str]:
    """Each statement from now on, with its values."""
    said: list[str] = []
    engine = (of._database if isinstance(of, Store) else of)._engine
    assert isinstance(engine, SQLite)
    await engine._thread.run(engine._thread.dbapi().set_trace_callback, said.append)
    return said
