"""received = delivered + waiting + dead + declined, whenever anybody looks."""

import asyncio
import contextlib

from relay.model import Direction
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.doors import Figures
from tests.e2e.inside import InnerRelay
from tests.waiting import eventually

#: Where somebody is who walks: declined, because only start and end are carried.
STEP = {"latitude": 55.75, "longitude": 37.61, "live_period": 900}
CHATS, ROUNDS = 20, 10


async def test_every_letter_is_accounted_for_at_every_moment(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """Through refusals, repeats, poison, strangers and outages no look at `/metrics` finds a letter missing."""
    kit.faults.latency = telegram.faults.latency = 0.01
    looks: dict[Direction, list[Figures]] = {"to_kit": [], "to_telegram": []}
    watching = asyncio.create_task(_watch(inner, looks))

    async def enough() -> bool:
        return all(len(seen) > 10 for seen in looks.values())

    await _make_noise(telegram, kit)
    await kit.callbacks_done()
    await kit.wait_for(lambda: not kit.faults.next_answers)
    telegram.faults.clear()
    kit.faults.clear()
    to_kit, to_telegram = await inner.settled("to_kit"), await inner.settled("to_telegram")
    await eventually(enough)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    for direction, seen in looks.items():
        assert any(figures.waiting for figures in seen), "nobody looked while something was on its way"
        assert {figures.unaccounted for figures in seen} == {0}, direction
        assert [figures.received for figures in seen] == sorted(figures.received for figures in seen)
    # Eleven texts of each customer, one of them refused by Kit; a poison update and a step of a live location a round;
    # the note that Telegram refused one of the agent's texts, the note that Kit refused one of the customer's, and one
    # about each stranger.
    assert to_kit == Figures(
        received=CHATS * (ROUNDS + 1) + 2 * ROUNDS + 2 + ROUNDS,
        delivered=CHATS * (ROUNDS + 1) - 1 + 2 + ROUNDS,
        waiting=0,
        dead=ROUNDS + 1,
        declined=ROUNDS,
    )
    # Ten texts to each customer, one refused by Telegram; a stranger and a close a round.
    assert to_telegram == Figures(
        received=CHATS * ROUNDS + 2 * ROUNDS, delivered=CHATS * ROUNDS - 1, waiting=0, dead=1, declined=2 * ROUNDS
    )


async def _watch(relay: InnerRelay, looks: dict[Direction, list[Figures]]) -> None:
    while True:
        for direction, figures in (await relay.all_figures()).items():
            looks[direction].append(figures)
        await asyncio.sleep(0.01)


async def _make_noise(telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
    customers = [telegram.customer(7_000_000 + number) for number in range(CHATS)]
    for customer in customers:
        customer.writes("hello")
    await kit.wait_for(lambda: len(kit.clients) == CHATS)
    refusal = {"success": False, "result": {"error": "no", "code": 400}}
    kit.faults.answer_next(400, payload=refusal, on="event", of=customers[0].id, times=2)
    kit.faults.answer_next(503, body=b"later", on="event", of=customers[1].id)
    kit.faults.lose_next(on="event", of=customers[2].id)
    telegram.next_answer(400, "Bad Request: chat is odd", on="sendMessage", of=customers[3].id)
    telegram.next_answer(429, "Too Many Requests", on="sendMessage", of=customers[4].id, retry_after=1)
    telegram.faults.lose_next(on="sendMessage", of=customers[5].id)
    for number in range(ROUNDS):
        for customer in customers:
            customer.writes(str(number))
            kit.enqueue_callbacks([kit.callbacks.message(str(customer.id), str(number))])
        telegram.push_update({"message": number})
        customers[7].sends_raw({"location": STEP, "edit_date": 1}, "edited_message")
        stranger = kit.callbacks.message(f"stranger-{number}", "who?")
        kit.enqueue_callbacks([stranger, kit.callbacks.closing(str(customers[6].id)), stranger])
        if number == ROUNDS // 2:
            kit.revoke_access_tokens()
        await asyncio.sleep(0.05)
