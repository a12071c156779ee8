"""What comes in is claimed in the transaction that accepts it: a message that comes alone costs two commits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from relay.delivery.attempt import Attempt
from relay.delivery.courier import Courier
from relay.errors import NotAccepted, StoreUnavailable
from relay.intake.accept import Intake
from relay.intake.business_accounts import Accounts
from relay.intake.button_presses import Presses
from relay.mapping.event.events import KitContext
from relay.mapping.to_telegram.events import TelegramContext
from relay.model import Direction
from relay.monitoring.metrics import Metrics
from relay.store.engine.sqlite import SQLite
from relay.store.store import Store, open_store
from tests.databases import new_database
from tests.statements import heard
from tests.waiting import eventually

CHANNEL = "777"
DIRECTIONS: Final[tuple[Direction, ...]] = ("to_kit", "to_telegram")
CONTEXT = KitContext(CHANNEL, "https://relay.example", lambda: "capability")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(new_database(tmp_path)) as opened:
        yield opened


@asynccontextmanager
async def relaying(store: Store, carry: Callable[[Attempt], Awaitable[bool]]) -> AsyncIterator[Intake]:
    """An intake with both couriers."""
    metrics, stop = Metrics().of_channel(CHANNEL), asyncio.Event()
    couriers: dict[Direction, Courier] = {}
    for direction in DIRECTIONS:
        couriers[direction] = Courier(CHANNEL, direction, store, carry, Metrics().of_channel(CHANNEL))
    accounts, presses = Accounts(CHANNEL, store, _nobody, {}), Presses(_nobody, metrics)
    async with asyncio.TaskGroup() as tasks:
        for courier in couriers.values():
            tasks.create_task(courier.run(stop))
        yield Intake(
            CHANNEL,
            store,
            CONTEXT,
            TelegramContext(CHANNEL),
            metrics,
            lambda direction: couriers[direction].wake(),
            lambda _: None,
            accounts,
            presses,
        )
        stop.set()


async def _nobody(_: str) -> object:
    raise NotAccepted("nobody is asked here")


def text(number: int) -> dict[str, Any]:
    """A customer's text, as polling brings it."""
    person = {"id": 5, "first_name": "Anna"}
    return {
        "update_id": number,
        "message": {
            "message_id": number,
            "from": {**person, "is_bot": False},
            "chat": {**person, "type": "private"},
            "date": 1_764_500_000,
            "text": f"Hello {number}",
        },
    }


async def test_a_message_that_comes_alone_costs_two_commits(store: Store) -> None:
    """One accepts and claims it, one settles it; nobody looks in a transaction of his own."""
    arrived: asyncio.Queue[str] = asyncio.Queue()

    async def carry(attempt: Attempt) -> bool:
        arrived.put_nowait(attempt.delivery.body)
        return True

    async with relaying(store, carry) as intake:
        await intake.accept_updates([text(1)])
        await eventually(_settled(store, 1))  # since the couriers have looked after that, both rest
        said = await heard(store)
        await intake.accept_updates([text(2)])
        assert "Hello 1" in await asyncio.wait_for(arrived.get(), 90)
        assert "Hello 2" in await asyncio.wait_for(arrived.get(), 90)
        await eventually(_settled(store, 2))
        began = [index for index, statement in enumerate(said) if statement.startswith("BEGIN")]
    assert any(statement.startswith("UPDATE lane SET") and "leased=1" in statement for statement in said[: began[1]])
    assert any("status='delivered'" in statement.replace(" = ", "=") for statement in said[began[1] : began[2]])


async def test_what_cannot_be_committed_is_not_claimed(store: Store) -> None:
    """A claim that shares the transaction of a letter that fails finds nothing, and the repeated letter is carried."""
    arrived: asyncio.Queue[str] = asyncio.Queue()

    async def carry(attempt: Attempt) -> bool:
        arrived.put_nowait(attempt.delivery.body)
        return True

    async with relaying(store, carry) as intake:
        await _limit(store, 1)  # SQLite clamps it to the size that the file has now
        huge = text(1)
        huge["message"]["text"] = "x" * 1_000_000
        with pytest.raises(StoreUnavailable):
            await intake.accept_updates([huge])
        assert arrived.empty()
        await _limit(store, 1_000_000_000)
        await intake.accept_updates([text(1)])
        assert "Hello 1" in await asyncio.wait_for(arrived.get(), 90)


async def _limit(store: Store, pages: int) -> None:
    engine = store._database._engine
    assert isinstance(engine, SQLite)
    await engine._thread.run(engine._thread.dbapi().execute, f"PRAGMA max_page_count={pages}")


def _settled(store: Store, number: int) -> Callable[[], Awaitable[bool]]:
    async def settled() -> bool:
        return (await store.count(CHANNEL)).totals.get(("to_kit", "delivered"), 0) == number

    return settled
