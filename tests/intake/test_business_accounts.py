"""Whose Business account an update comes from is learnt before it is mapped, and nothing odd about it stops polling."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from relay.errors import NotAccepted
from relay.intake.business_accounts import Accounts
from relay.store.store import Store, open_store
from tests.databases import new_database

CHANNEL = "777"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(new_database(tmp_path)) as opened:
        yield opened


def through(connection_id: object) -> dict[str, Any]:
    """An update that comes through a connection."""
    return {"update_id": 1, "business_message": {"business_connection_id": connection_id}}


def told(connection_id: str, owner: int) -> dict[str, Any]:
    """What Telegram says of a connection."""
    return {"id": connection_id, "user": {"id": owner}, "user_chat_id": owner, "is_enabled": True}


@pytest.mark.parametrize("odd", ["\ud800", "bc\ud800", "x" * 1000, "\0", "", 5, None, ["bc"], {}], ids=ascii)
async def test_an_odd_id_stops_nobody(store: Store, odd: object) -> None:
    """Whatever stands where the id of a connection should, the owners of the others are learnt."""
    owners: dict[str, int] = {}
    asked: list[str] = []

    async def ask(connection_id: str) -> object:
        asked.append(connection_id)
        if connection_id != "bc-1":
            raise NotAccepted("Bad Request: business connection not found")
        return told("bc-1", 900)

    await Accounts(CHANNEL, store, ask, owners).learn([through(odd), through("bc-1")])
    assert owners == {"bc-1": 900}
    assert all(each.encode() and len(each) <= 255 for each in asked)


async def test_a_bug_about_one_connection_stops_nobody(store: Store) -> None:
    """It is logged, and the owner of the other one is learnt."""
    owners: dict[str, int] = {}

    async def ask(connection_id: str) -> object:
        if connection_id == "bc-0":
            raise TypeError("unforeseen")
        return told(connection_id, 901)

    await Accounts(CHANNEL, store, ask, owners).learn([through("bc-0"), through("bc-1")])
    assert owners == {"bc-1": 901}


async def test_unknown_connections_are_asked_for_side_by_side(store: Store) -> None:
    """A batch of a hundred waits as long as one: none is answered here before all have been asked for."""
    owners: dict[str, int] = {}
    together = asyncio.Barrier(100)

    async def ask(connection_id: str) -> object:
        await together.wait()
        return told(connection_id, int(connection_id.removeprefix("bc-")))

    await Accounts(CHANNEL, store, ask, owners).learn([through(f"bc-{number}") for number in range(1, 101)])
    assert owners == {f"bc-{number}": number for number in range(1, 101)}


async def test_who_does_not_answer_holds_up_nobody(store: Store) -> None:
    """After a while the batch goes on with what is known."""
    owners: dict[str, int] = {}

    async def ask(connection_id: str) -> object:
        return told("bc-1", 900) if connection_id == "bc-1" else await asyncio.Event().wait()

    accounts = Accounts(CHANNEL, store, ask, owners, patience=0.05)
    await asyncio.wait_for(accounts.learn([through("bc-0"), through("bc-1"), through("bc-2")]), 10)
    assert owners == {"bc-1": 900}
