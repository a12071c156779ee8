"""How long the relay waits for what: as long as it was asked to, and not longer than there is a reason."""

import time
from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import relay_inside

PATIENCE = {"success": False, "result": {"error": "Too many requests", "code": 429}}


def ask_for_patience(kit: KitLookAlike, seconds: int, *, times: int = 1, of: int | None = None) -> None:
    """Kit answers the next events with 429."""
    headers = {"Retry-After": str(seconds)}
    kit.faults.answer_next(429, payload=PATIENCE, headers=headers, on="event", of=of, times=times)


async def test_an_hour_that_kit_asks_for_does_not_go_by_in_silence(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """`/readyz` is red and says for how long; a short wait is said too, and is no fault."""
    anna = telegram.customer()
    async with relay_inside(telegram, kit, tmp_path) as relay:
        await relay.ready()
        ask_for_patience(kit, 30)
        anna.writes("hello")
        await kit.wait_for(lambda: kit.refused)
        short = (await relay.readiness()).reasons["kit"]
        assert "more" in short
        await relay.ready()
        ask_for_patience(kit, 3600)
        telegram.customer(42).writes("hello")
        await relay.shows("relay_waiting", 2, direction="to_kit")
        relay.relay.channels[0].hurry()
        await kit.wait_for(lambda: len(kit.refused) == 2)
        reason = await relay.unready("kit")
    assert "429" in reason
    assert "one message a minute tries" in reason


async def test_what_a_past_process_was_told_is_found_out_by_one_message(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Kit asked eight chats for an hour. After a restart one tries: first in vain, and after the next one for all."""
    customers = [telegram.customer(7_000_000 + number) for number in range(8)]
    async with relay_inside(telegram, kit, tmp_path) as relay:
        await relay.ready()
        kit.faults.latency = 0.3  # so that all are on their way before the first one is refused
        ask_for_patience(kit, 3600, times=8)
        for customer in customers:
            customer.writes("hello")
        await kit.wait_for(lambda: len(kit.refused) == 8)
        kit.faults.latency = 0.0
    ask_for_patience(kit, 3600)
    async with relay_inside(telegram, kit, tmp_path) as relay:
        await kit.wait_for(lambda: len(kit.refused) == 9)
        await relay.unready("kit")
    assert (len(kit.refused), kit.events) == (9, [])
    async with relay_inside(telegram, kit, tmp_path) as relay:
        began = time.monotonic()
        await kit.wait_for(lambda: len(kit.events) == 8)
        assert time.monotonic() - began < 3.0
        await relay.ready()


async def test_after_a_restart_a_chat_that_fails_holds_up_nobody(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """It waits because Kit failed it, and not because Kit asked for patience: the others need not find anything out."""
    anna, ben = telegram.customer(), telegram.customer(42)
    kit.faults.answer_next(500, payload={}, on="event", of=anna.id, times=100)
    async with relay_inside(telegram, kit, tmp_path) as relay:
        await relay.ready()
        ben.writes("before")
        await kit.wait_for(lambda: kit.texts(ben.id) == ["before"])
        anna.writes("hello")
        await kit.wait_for(lambda: len(kit.refused) == 2)
    async with relay_inside(telegram, kit, tmp_path):
        await kit.wait_for(lambda: len(kit.refused) == 3)
        ben.writes("after")
        await kit.wait_for(lambda: kit.texts(ben.id) == ["before", "after"], 2.0)


async def test_a_chat_that_fails_among_others_does_not_outlive_its_fault_by_minutes(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Kit fails for one customer only, and the wait grows; when they write again it is over in a second."""
    anna, ben = telegram.customer(), telegram.customer(42)
    async with relay_inside(telegram, kit, tmp_path) as relay:
        kit.faults.answer_next(500, payload={}, on="event", of=anna.id, times=5)
        anna.writes("0")
        for number in range(5):
            await kit.wait_for(lambda number=number: len(kit.refused) > number)  # type: ignore[misc]
            ben.writes(str(number))
            await kit.wait_for(lambda number=number: len(kit.messages(ben.id)) > number)  # type: ignore[misc]
        began = time.monotonic()
        anna.writes("1")
        await kit.wait_for(lambda: kit.texts(anna.id) == ["0", "1"])
        assert time.monotonic() - began < 3.0, "the fifth wait alone is eight seconds at least"
        await relay.ready()
