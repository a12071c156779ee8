"""What a customer wrote and Kit refuses: the agent hears of it without its words; if they cannot, the customer does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.customers import Customer
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import relay_inside
from tests.e2e.process import RelayProcess, command
from tests.e2e.refusing import REFUSAL, WITNESS, refused_for_good


@asynccontextmanager
async def refusing(telegram: TelegramLookAlike, kit: KitLookAlike, customer: Customer) -> AsyncIterator[None]:
    """Kit refuses all that comes of this customer, and takes what somebody else writes after each refusal."""
    payload = {"success": False, "result": {"error": REFUSAL, "code": 400}}
    kit.faults.answer_next(400, payload=payload, on="event", of=customer.id, times=10_000)

    async def bear_witness() -> None:
        while True:
            before = len(kit.refused)
            await kit.wait_for(lambda before=before: len(kit.refused) > before, 3600)  # type: ignore[misc]
            telegram.customer(WITNESS).writes("taken")

    task = asyncio.create_task(bear_witness())
    try:
        yield
    finally:
        task.cancel()
        kit.faults.clear()


async def test_the_agent_reads_that_something_is_missing(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Kind, size, time and number, in the chat itself, before what comes next; `relay dead` knows the number."""
    anna = telegram.customer()
    await refused_for_good(telegram, kit, anna, "my secret is 4711")
    await kit.wait_for(lambda: kit.texts(anna.id))
    [note] = kit.texts(anna.id)
    assert note is not None
    assert "text (17 characters)" in note
    assert "4711" not in note
    number = note.rpartition(" ")[2].rstrip(".")
    code, said, _ = await command(relay, "dead", "show", number)
    assert code == 0
    assert REFUSAL in said
    figures = await relay.settled("to_kit")
    assert (figures.received, figures.delivered, figures.dead, figures.unaccounted) == (3, 2, 1, 0)
    assert telegram.chat(anna.id).texts == []


async def test_if_the_note_is_refused_too_the_customer_reads_one_line_in_a_conversation(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Never two of them, however much is refused; the next conversation may bring another."""
    anna = telegram.customer(language_code="en")
    async with relay_inside(telegram, kit, tmp_path) as relay:
        async with refusing(telegram, kit, anna):
            anna.writes("first")
            anna.writes("second")
            await relay.shows("relay_dead_letters", 4, direction="to_kit", within=30)
            await relay.settled("to_telegram")
            assert len(telegram.chat(anna.id).texts) == 1
        assert "could not be passed on" in telegram.chat(anna.id).texts[0]
        assert await kit.close_conversation(anna.id) == 200
        async with refusing(telegram, kit, anna):
            anna.writes("third")
            await telegram.wait_for(lambda: len(telegram.chat(anna.id).texts) == 2)
        for figures in (await relay.all_figures()).values():
            assert figures.unaccounted == 0
    assert kit.texts(anna.id) == []
