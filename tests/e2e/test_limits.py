"""Telegram's limits: obeyed before it has to say so, and to the letter when it says so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.databases import rows
from tests.e2e.inside import InnerRelay, relay_inside


async def test_one_chat_is_told_to_wait_and_the_others_talk_on(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay, tmp_path: Path
) -> None:
    """A 429 parks its chat until `retry_after` is over, costs no attempt, keeps the order and delays nobody else."""
    slow, *others = [telegram.customer(7_000_000 + number) for number in range(6)]
    for customer in (slow, *others):
        customer.writes("hello")
    await kit.wait_for(lambda: len(kit.clients) == 6)
    telegram.next_answer(429, "Too Many Requests: retry after 5", on="sendMessage", of=slow.id, retry_after=5)
    kit.enqueue_callbacks(
        kit.callbacks.message(str(customer.id), str(number)) for number in range(10) for customer in (slow, *others)
    )
    await telegram.wait_for(lambda: all(len(telegram.chat(one.id).texts) == 10 for one in others))
    assert telegram.chat(slow.id).texts == [], "the others had to wait for it"
    await telegram.wait_for(lambda: len(telegram.chat(slow.id).texts) == 10)
    figures = await inner.settled("to_telegram")
    assert telegram.limits.broken == 0, "it came back too early"
    for customer in (slow, *others):
        assert telegram.chat(customer.id).texts == [str(number) for number in range(10)]
    assert (figures.delivered, figures.dead) == (60, 0)
    assert rows(tmp_path, "SELECT DISTINCT attempts FROM outbox WHERE direction = 'to_telegram'") == [(1,)]


async def test_an_agent_is_told_of_a_long_wait_once(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """A 429 of a minute or more is said with the time when it ends, and not again for what waits behind it."""
    anna = telegram.customer(7_000_001)
    anna.writes("hello")
    await kit.wait_for(lambda: kit.clients)
    telegram.next_answer(429, "Too Many Requests: retry after 1500", on="sendMessage", of=anna.id, retry_after=1500)
    until = {f"{datetime.now(UTC) + timedelta(seconds=1500 + late):%H:%M}" for late in (0, 30)}
    for text in ("one", "two"):
        assert await kit.agent_says(str(anna.id), text) == 200
    await kit.wait_for(lambda: len(kit.texts(str(anna.id))) == 2)
    assert (await inner.settled("to_kit")).received == 2
    words = "⏳ Telegram makes messages to this customer wait until {} UTC. The relay sends them then."
    assert kit.texts(str(anna.id))[1] in {words.format(time) for time in until}


async def test_the_default_rates_never_meet_a_429(kit: KitLookAlike, tmp_path: Path) -> None:
    """Forty answers to twenty chats, and six to one: all arrive from a Telegram that counts, without one 429."""
    async with TelegramLookAlike(limits=True) as telegram:
        customers = [telegram.customer(7_000_000 + number) for number in range(20)]
        rates = {"TELEGRAM_RATE_LIMIT": "30", "TELEGRAM_CHAT_RATE_LIMIT": "1"}
        async with relay_inside(telegram, kit, tmp_path, **rates):
            for customer in customers:
                customer.writes("hello")
            await kit.wait_for(lambda: len(kit.clients) == 20)
            kit.enqueue_callbacks(
                kit.callbacks.message(str(customer.id), str(number)) for number in range(2) for customer in customers
            )
            chatty = customers[0].id
            kit.enqueue_callbacks(kit.callbacks.message(str(chatty), str(number)) for number in range(2, 6))
            await telegram.wait_for(lambda: all(len(telegram.chat(one.id).texts) >= 2 for one in customers[1:]), 5)
            await telegram.wait_for(lambda: len(telegram.chat(chatty).texts) == 6, 8)
        assert telegram.limits.given == 0
        assert telegram.chat(chatty).texts == ["0", "1", "2", "3", "4", "5"]
