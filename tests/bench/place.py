"""Where a relay under measurement lives: a directory, and a database on either engine."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import Engine as Opened
from sqlalchemy import NullPool, create_engine, text

from tests.postgresql import another_postgresql, drop_postgresql

Engine = Literal["SQLite", "PostgreSQL"]
ENGINES: Final[tuple[Engine, ...]] = ("SQLite", "PostgreSQL")

#: Before rows that come from outside on PostgreSQL: that they refer to others is not looked after.
_UNCHECKED: Final = "SET session_replication_role = replica"
#: And after them: numbers go on behind theirs, and autovacuum has been there.
_SETTLE: Final = (
    *(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))" for table in ("inbox", "outbox", "lane")),  # noqa: S608 - our own names
    "VACUUM (ANALYZE)",
    "CHECKPOINT",
)


@dataclass(frozen=True, slots=True)
class Place:
    """A relay's own. Its database is for others while the relay does not run."""

    home: Path
    url: str  #: Of the database.

    def change(self, *statements: str, **values: object) -> None:
        """Change the database, a transaction for each statement."""
        if not self.url.startswith("sqlite:"):
            statements = (_UNCHECKED, *statements, *_SETTLE)
        with self._engine().connect() as connection:
            for statement in statements:
                connection.execute(text(statement), values)

    def scalar(self, select: str) -> Any:
        """The first value that a SELECT finds."""
        with self._engine().connect() as connection:
            return connection.scalar(text(select))

    def _engine(self) -> Opened:
        url = self.url.replace("postgresql:", "postgresql+psycopg:")
        return create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")


@contextmanager
def new_place(engine: Engine, home: Path, like: Place | None = None) -> Iterator[Place]:
    """An empty one until the end of the block, or one like another."""
    if like is None:
        home.mkdir()
    else:
        shutil.copytree(like.home, home)
    try:
        if engine == "SQLite":
            yield Place(home, f"sqlite:///{home}/relay.db")
            return
        url = another_postgresql(None if like is None else like.url)
        try:
            yield Place(home, url)
        finally:
            drop_postgresql(url)
    finally:
        shutil.rmtree(home)
