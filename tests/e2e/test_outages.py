"""One side is away for a while: nothing is lost, reordered or buried, and nobody has to do anything."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.customers import Customer
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.databases import rows
from tests.e2e.inside import InnerRelay, relay_inside
from tests.waiting import eventually

#: How long a side is away.
SECONDS: Final = float(os.environ.get("OUTAGE_SECONDS", "1.5"))
#: How long the relay may take to notice that it is back: a probe's pause, and what it then has to catch up.
RECOVERY: Final = 20.0
CHATS: Final = 6
#: `refused`: nobody listens. `cut`: somebody does, and hangs up on every request.
Way = Literal["refused", "cut"]
WAYS: Final = ("refused", "cut")


@pytest.fixture
def customers(telegram: TelegramLookAlike) -> list[Customer]:
    return [telegram.customer(7_000_000 + number, first_name=f"Customer {number}") for number in range(CHATS)]


class Outage:
    """Something that is not as it should be, from now on."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def lasted(self) -> float:
        """Seconds until now: longer than was meant, where the machine is busy."""
        return time.monotonic() - self._began


@asynccontextmanager
async def away(side: KitLookAlike | TelegramLookAlike, way: Way) -> AsyncIterator[Outage]:
    """`side` is away for SECONDS, or longer if the block takes longer."""
    outage = Outage()
    if way == "refused":
        await side.server.stop()
    else:
        side.faults.down = True
    try:
        yield outage
        await asyncio.sleep(SECONDS - outage.lasted)
    finally:
        side.faults.down = False
        await side.server.start()


async def say_slowly(say: Callable[[int, int], object], rounds: int) -> None:
    """`say(chat, round)`, all chats in each round, spread over half of an outage."""
    for number in range(rounds):
        for chat in range(CHATS):
            say(chat, number)
        await asyncio.sleep(SECONDS / 2 / rounds)


async def first_contact(kit: KitLookAlike, customers: list[Customer]) -> None:
    for customer in customers:
        customer.writes("0")
    await kit.wait_for(lambda: len(kit.events) == CHATS)


@pytest.mark.parametrize("way", WAYS)
async def test_kit_is_away_while_customers_write(
    telegram: TelegramLookAlike, kit: KitLookAlike, customers: list[Customer], tmp_path: Path, way: Way
) -> None:
    """They may go on writing: it all arrives, in order, once Kit is back, and Kit is not hammered until then."""
    async with relay_inside(telegram, kit, tmp_path) as relay:
        await first_contact(kit, customers)
        async with away(kit, way) as outage:
            await say_slowly(lambda chat, number: customers[chat].writes(str(number + 1)), 5)
            reason = await relay.unready("kit")
        attempts = await relay.metric("relay_attempts_total", direction="to_kit", outcome="retried")
        most = 2 * CHATS + outage.lasted
        await kit.wait_for(lambda: all(len(kit.messages(one.id)) == 6 for one in customers), RECOVERY)
        figures = await relay.settled("to_kit")
        assert "kit" not in (await relay.readiness()).unwell
    assert "Kit" in reason
    assert attempts <= most, "Kit was hammered"
    for customer in customers:
        assert kit.texts(customer.id) == ["0", "1", "2", "3", "4", "5"]
    assert kit.contradictions == []
    assert (figures.received, figures.delivered, figures.dead) == (6 * CHATS, 6 * CHATS, 0)


@pytest.mark.parametrize("status", [400, 402, 403, 406, 409, 411, 413, 414, 421, 426, 431, 451, 499])
async def test_pages_that_are_not_kits_bury_nothing(
    kit: KitLookAlike,
    inner: InnerRelay,
    customers: list[Customer],
    status: int,
) -> None:
    """A firewall answers in Kit's place: messages wait, `/readyz` says where to look, and all arrive afterwards."""
    page, headers = b"<html><h1>Request blocked</h1></html>", {"Content-Type": "text/html"}
    await first_contact(kit, customers)
    kit.faults.answer_next(status, body=page, headers=headers, on="event", times=1000)
    await say_slowly(lambda chat, number: customers[chat].writes(str(number + 1)), 3)
    reason = await inner.unready("kit")
    kit.faults.clear()
    await kit.wait_for(lambda: all(len(kit.messages(one.id)) == 4 for one in customers), RECOVERY)
    figures = await inner.settled("to_kit")
    assert "not Kit's" in reason
    assert str(status) in reason
    for customer in customers:
        assert kit.texts(customer.id) == ["0", "1", "2", "3"]
    assert (figures.delivered, figures.dead) == (4 * CHATS, 0)


async def test_kits_own_refusal_to_everybody_buries_nothing(
    kit: KitLookAlike, inner: InnerRelay, customers: list[Customer]
) -> None:
    """Kit answers each event with 409 for six seconds: messages wait, `/readyz` says so, and all arrive, in order."""
    refusal = {"success": False, "result": {"error": "Conflict", "code": 409}}
    await first_contact(kit, customers)
    outage = Outage()
    kit.faults.answer_next(409, payload=refusal, on="event", times=1000)
    for number in range(3):
        for customer in customers:
            customer.writes(str(number + 1))
    reason = await inner.unready("kit")
    await asyncio.sleep(6.0)
    refused, most = len(kit.refused), CHATS + outage.lasted
    kit.faults.clear()
    await kit.wait_for(lambda: all(len(kit.messages(one.id)) == 4 for one in customers), 5.0)
    figures = await inner.settled("to_kit")
    assert "kit" not in (await inner.readiness()).unwell
    assert "nobody gets through" in reason
    assert "409" in reason
    assert refused <= most, "Kit was hammered"
    for customer in customers:
        assert kit.texts(customer.id) == ["0", "1", "2", "3"]
    assert (figures.delivered, figures.dead) == (4 * CHATS, 0)


async def test_what_kit_refuses_among_others_is_buried_by_its_second_refusal(
    kit: KitLookAlike, inner: InnerRelay, customers: list[Customer]
) -> None:
    """Others get through meanwhile: it is the message. Its chat goes on, and the relay is well."""
    refusal = {"success": False, "result": {"error": "bad text", "code": 400}}
    await first_contact(kit, customers)
    kit.faults.answer_next(400, payload=refusal, on="event", of=customers[0].id, times=2)
    customers[0].writes("bad")
    customers[0].writes("good")
    await kit.wait_for(lambda: kit.refused)
    customers[1].writes("1")
    await kit.wait_for(lambda: len(kit.texts(customers[0].id)) == 3)
    figures = await inner.settled("to_kit")
    assert "kit" not in (await inner.readiness()).unwell
    first, second, note = kit.texts(customers[0].id)
    assert (first, second, (note or "").partition(":")[0]) == ("0", "good", "⚠️ Missing here")
    assert (figures.dead, len(kit.refused)) == (1, 2)


@pytest.mark.parametrize("way", WAYS)
async def test_telegram_is_away_while_agents_answer(
    telegram: TelegramLookAlike,
    kit: KitLookAlike,
    inner: InnerRelay,
    customers: list[Customer],
    way: Way,
) -> None:
    """Their callbacks are answered 200, and it all arrives, in order, once Telegram is back."""
    await first_contact(kit, customers)
    async with away(telegram, way) as outage:
        kit.enqueue_callbacks(
            kit.callbacks.message(str(customers[chat].id), str(number)) for number in range(5) for chat in range(CHATS)
        )
        await kit.callbacks_done()
        reason = await inner.unready("telegram")
    attempts = await inner.metric("relay_attempts_total", direction="to_telegram", outcome="retried")
    most = 2 * CHATS + outage.lasted
    await telegram.wait_for(lambda: all(len(telegram.chat(one.id).texts) >= 5 for one in customers), RECOVERY)
    figures = await inner.settled("to_telegram")
    customers[0].writes("are you back?")
    await kit.wait_for(lambda: "are you back?" in kit.texts(customers[0].id), RECOVERY)
    assert "telegram" not in (await inner.readiness()).unwell
    assert "Telegram" in reason
    assert attempts <= most, "Telegram was hammered"
    assert all(posted.status == 200 for posted in kit.callbacks.posted)
    for customer in customers:
        assert telegram.chat(customer.id).texts == ["0", "1", "2", "3", "4"]
    assert (figures.received, figures.delivered, figures.dead) == (5 * CHATS, 5 * CHATS, 0)


async def test_a_single_chat_outlives_an_outage_too(
    kit: KitLookAlike, inner: InnerRelay, customers: list[Customer], tmp_path: Path
) -> None:
    """With nobody else writing, an outage costs the one chat no attempt either, and `/readyz` shows it."""
    customers[0].writes("0")
    await kit.wait_for(lambda: kit.events)
    async with away(kit, "refused"):
        customers[0].writes("1")
        assert "Kit" in await inner.unready("kit")
    await kit.wait_for(lambda: kit.texts(customers[0].id) == ["0", "1"], RECOVERY)
    await inner.settled("to_kit")
    assert rows(tmp_path, "SELECT attempts FROM outbox") == [(1,), (1,)]


async def test_both_sides_are_away_at_the_start(
    telegram: TelegramLookAlike, kit: KitLookAlike, customers: list[Customer], tmp_path: Path
) -> None:
    """The relay starts all the same, takes callbacks, says what it waits for, and begins once they are there."""
    await asyncio.gather(telegram.server.stop(), kit.server.stop())
    customers[0].writes("hello")
    async with relay_inside(telegram, kit, tmp_path) as relay:
        assert (await relay.get("/healthz", admin=False))[0] == 200
        await relay.unready("kit")
        await relay.unready("telegram")
        await asyncio.gather(telegram.server.start(), kit.server.start())
        await kit.wait_for(lambda: kit.texts(customers[0].id) == ["hello"], RECOVERY)
        await kit.agent_says(customers[0].id, "welcome")
        await telegram.wait_for(lambda: telegram.chat(customers[0].id).texts == ["welcome"])


async def test_a_quiet_bot_is_ready_at_once(inner: InnerRelay) -> None:
    """`/readyz` turns 200 within seconds of the start though nobody writes."""
    await inner.ready(within=10)


async def test_a_quiet_bot_is_ready_again_after_an_outage(telegram: TelegramLookAlike, inner: InnerRelay) -> None:
    """`/readyz` turns 200 with the first answer of a Telegram that is back, though nobody writes."""
    await telegram.wait_for(lambda: telegram.updates.is_polled)
    telegram.faults.down = True
    await telegram.server.stop()
    await inner.unready("telegram")
    telegram.faults.down = False
    await telegram.server.start()
    await inner.ready(within=10)


async def test_the_api_token_is_revoked_and_restored(
    kit: KitLookAlike, inner: InnerRelay, customers: list[Customer]
) -> None:
    """Everything waits, `/readyz` names the setting to look at, logins are rare, and it goes on with the token."""
    await first_contact(kit, customers)
    outage = Outage()
    kit.revoke_api_token()
    kit.revoke_access_tokens()
    await say_slowly(lambda chat, number: customers[chat].writes(str(number + 1)), 3)
    reason = await inner.unready("kit")
    await asyncio.sleep(SECONDS / 2)
    refused = [operation for operation, code, _ in kit.refused if code == 401]
    lasted = outage.lasted
    kit.tokens.api_token_revoked = False
    await kit.wait_for(lambda: all(len(kit.messages(one.id)) == 4 for one in customers), RECOVERY)
    figures = await inner.settled("to_kit")
    assert "kit" not in (await inner.readiness()).unwell
    assert "KIT_API_TOKEN" in reason
    assert kit.api_token not in reason
    assert refused.count("login") <= 2 + lasted
    assert len(refused) <= 3 * CHATS + lasted
    for customer in customers:
        assert kit.texts(customer.id) == ["0", "1", "2", "3"]
    assert (figures.delivered, figures.dead) == (4 * CHATS, 0)


async def test_the_bot_token_is_refused_for_a_while(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay, customers: list[Customer]
) -> None:
    """A 401 is an outage that the operator can end: answers wait, `/readyz` says so, nothing is buried."""
    await first_contact(kit, customers)
    outage = Outage()
    good, telegram.token = telegram.token, "123456789:another-token-that-nobody-told-the-relay"
    kit.enqueue_callbacks(kit.callbacks.message(str(one.id), str(n)) for n in range(3) for one in customers)
    reason = await inner.unready("telegram")
    await asyncio.sleep(SECONDS / 2)
    refused, most = len(telegram.refused), 2 * CHATS + outage.lasted
    telegram.token = good
    await telegram.wait_for(lambda: all(len(telegram.chat(one.id).texts) == 3 for one in customers), RECOVERY)
    figures = await inner.settled("to_telegram")
    assert reason == "Telegram refused the bot token"
    assert refused <= most, "Telegram was hammered"
    for customer in customers:
        assert telegram.chat(customer.id).texts == ["0", "1", "2"]
    assert (figures.delivered, figures.dead) == (3 * CHATS, 0)


async def test_access_tokens_are_revoked_in_the_middle(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """Forty events in flight are refused at once: one refresh, and all of them arrive, in order, unnoticed."""
    kit.faults.latency = 0.05
    telegram.backlog(600, 40)
    await kit.wait_for(lambda: len(kit.events) >= 100)
    kit.revoke_access_tokens()
    await kit.wait_for(lambda: len(kit.events) >= 300)
    kit.tokens.revoke_all()
    await kit.wait_for(lambda: len(kit.events) == 600)
    figures = await inner.settled("to_kit")
    assert (kit.tokens.refreshes, kit.tokens.logins) == (1, 2)
    assert all(not sent.duplicate for sent in kit.events)
    for client in kit.clients:
        assert kit.texts(client) == [f"{client}:{number}" for number in range(15)]
    assert (figures.delivered, figures.dead) == (600, 0)


async def test_access_tokens_that_live_for_moments(
    kit: KitLookAlike, inner: InnerRelay, customers: list[Customer]
) -> None:
    """Tokens that end sooner than documented are renewed when they are refused: nothing is lost or reordered."""
    kit.tokens.access_ttl = 0.2
    brevity = Outage()
    await say_slowly(lambda chat, number: customers[chat].writes(str(number)), 10)
    await kit.wait_for(lambda: all(len(kit.messages(one.id)) == 10 for one in customers), RECOVERY)
    refreshes, most = kit.tokens.refreshes, brevity.lasted / kit.tokens.access_ttl + 3
    figures = await inner.settled("to_kit")
    for customer in customers:
        assert kit.texts(customer.id) == [str(number) for number in range(10)]
    assert 2 <= refreshes <= most
    assert (kit.tokens.logins, figures.dead) == (1, 0)


async def test_polling_goes_on_when_another_instance_stops(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay, customers: list[Customer]
) -> None:
    """A second poller takes the bot away: the relay backs off, `/readyz` says why, and it takes over again later."""
    await first_contact(kit, customers)
    await telegram.wait_for(lambda: telegram.updates.is_polled)
    rival = asyncio.create_task(telegram.updates.get(seconds=60))
    reason = await inner.unready("telegram")
    polls, fight = telegram.updates.polls, Outage()
    await asyncio.sleep(1.0)
    assert telegram.updates.polls - polls <= fight.lasted, "it fights for the bot"
    rival.cancel()
    await asyncio.gather(rival, return_exceptions=True)
    customers[0].writes("1")
    await kit.wait_for(lambda: "1" in kit.texts(customers[0].id), RECOVERY)

    async def well() -> bool:
        return "telegram" not in (await inner.readiness()).unwell

    await eventually(well)
    assert "another instance polls this bot" in reason
