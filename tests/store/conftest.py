from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from relay.store.store import Store, open_store
from tests.databases import new_database
from tests.postgresql import empty_postgresql


@dataclass
class Clock:
    """A clock that stands still until it is told."""

    time: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return new_database(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """An empty database: the store's promises hold on both engines."""
    return new_database(tmp_path) if request.param == "sqlite" else empty_postgresql()


@pytest.fixture
async def store(place: Path | str, clock: Clock) -> AsyncIterator[Store]:
    async with open_store(place, now=clock) as opened:
        yield opened
