"""Several relays on one PostgreSQL log in to Kit once, and renew one after the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest
from sqlalchemy import text

from relay.delivery.shared_tokens import SharedTokens, key_of
from relay.errors import CredentialsRefused
from relay.kit.client import KitClient
from relay.store.engine.postgresql import connect
from relay.store.store import open_store
from tests.kit.kit_server import API_TOKEN, CHANNEL, DOMAIN, Kit, answering, refusal, running_kit
from tests.postgresql import empty_postgresql

EVENT = b'{"event_id": "e1"}'


@pytest.fixture
async def kit() -> AsyncIterator[Kit]:
    async with running_kit() as kit:
        yield kit


@pytest.fixture
def url() -> str:
    return empty_postgresql()


async def relays(stack: AsyncExitStack, kit: Kit, url: str, *salts: str) -> list[KitClient]:
    """The Kit clients of relays that have these salts."""
    session = await stack.enter_async_context(aiohttp.ClientSession())
    clients = []
    for salt in salts:
        store = await stack.enter_async_context(open_store(url))
        shared = SharedTokens("1", store, key_of("1", API_TOKEN, salt))
        clients.append(KitClient(session, kit.base_url, DOMAIN, API_TOKEN, CHANNEL, shared=shared))
    return clients


def test_all_of_every_secret_counts() -> None:
    """However long they are, and however alike they begin."""
    long = "t" * 100
    keys = [
        key_of("1", long, "salt"),
        key_of("1", f"{long}2", "salt"),
        key_of("1", long, "salt2"),
        key_of("2", long, "salt"),
    ]
    assert len(set(keys)) == len(keys)


async def test_one_logs_in_and_renews_for_all(kit: Kit, url: str) -> None:
    """At a start, when a token dies early, and when somebody asks Kit in both ways; and no table holds a token."""
    async with AsyncExitStack() as stack:
        clients = await relays(stack, kit, url, "salt", "salt", "salt")
        await asyncio.gather(*(client.login() for client in clients))
        await asyncio.gather(*(client.send(EVENT) for client in clients))
        assert (kit.logins, kit.refreshes) == (1, 0)
        kit.live.clear()
        await asyncio.gather(*(client.send(EVENT) for client in clients))
        assert (kit.logins, kit.refreshes) == (1, 1)
        await clients[0].check_login()
        kit.live.intersection_update({token for token in kit.live if str(kit.issued) in token})
        await asyncio.gather(*(client.send(EVENT) for client in clients))
        assert (kit.logins, kit.refreshes) == (2, 2)
        assert len(kit.events) == 9
    engine = connect(url)
    with engine.connect() as connection:
        [sealed] = connection.scalars(text("SELECT sealed FROM kit_session")).all()
        assert connection.scalars(text("SELECT name FROM duty")).all() == []
    engine.dispose()
    assert not any(token in sealed for token in kit.live | kit.refreshable)


async def test_who_fails_lets_others_try(kit: Kit, url: str) -> None:
    """A renewal that comes to nothing holds up nobody, and the others get through by themselves."""
    async with AsyncExitStack() as stack:
        one, other = await relays(stack, kit, url, "salt", "salt")
        kit.next_login.append(answering(lambda: refusal(401, 401)))
        with pytest.raises(CredentialsRefused):
            await one.login()
        await other.login()
        await other.send(EVENT)
        assert kit.logins == 2


async def test_a_pair_that_is_sealed_otherwise_is_none(kit: Kit, url: str) -> None:
    """While a salt is changed from relay to relay, whoever has another one logs in by itself."""
    async with AsyncExitStack() as stack:
        one, other = await relays(stack, kit, url, "old salt", "new salt")
        await one.send(EVENT)
        await other.send(EVENT)
        assert kit.logins == 2
