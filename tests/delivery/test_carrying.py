"""Steps, their pace and their losses, with a real store and courier."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from relay.delivery.calls import Calls
from relay.delivery.courier import Courier
from relay.delivery.to_telegram import note_maker, to_telegram
from relay.errors import NotAccepted
from relay.mapping.event.events import KitContext
from relay.model import Accepted, Address, Draft, Letter
from relay.monitoring.metrics import Metrics
from relay.steps import Instead, SendFile, SendText, Step, dump_steps
from relay.store.accepting import Arrival
from relay.store.store import Store, open_store
from tests.databases import new_database
from tests.store.letters import CHANNEL, read_as, update
from tests.waiting import eventually

CONTEXT = KitContext(CHANNEL, "https://relay.example", lambda: "id")
GROUP = -5


def answer(client: str, steps: list[Step]) -> Arrival:
    draft = Draft("to_telegram", client, dump_steps(steps))
    return Arrival(((Letter(CHANNEL, "kit", f"to {client}", "{}"), read_as(Accepted(draft), client)),), CHANNEL)


async def carried(store: Store, send: "Chat", answers: int, *, chat_rate: float) -> None:
    """Let a courier carry until so many answers are delivered."""
    calls = Calls()
    carry = to_telegram(send.do, send.probe, CONTEXT, calls, rate=0, chat_rate=chat_rate)
    metrics = Metrics().of_channel(CHANNEL)
    courier = Courier(CHANNEL, "to_telegram", store, carry, metrics, make_note=note_maker(CONTEXT), calls=calls)
    stop = asyncio.Event()
    running = asyncio.create_task(courier.run(stop))

    async def delivered() -> bool:
        return (await store.count(CHANNEL)).totals.get(("to_telegram", "delivered"), 0) >= answers

    try:
        await eventually(delivered)
    finally:
        stop.set()
        await running


class Chat:
    """Takes texts, but not those that say so, and no files."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.texts: list[str] = []

    async def do(self, _address: Address, step: Step, _leave: Callable[[], None]) -> tuple[int, ...] | Instead:
        self.times.append(time.monotonic())
        if not isinstance(step, SendText) or "refuse" in step.text:
            raise NotAccepted("Telegram: no")
        self.texts.append(step.text)
        return (len(self.texts),)

    async def probe(self) -> None:
        """Telegram is there."""


async def test_clients_who_share_a_chat_share_its_pace(tmp_path: Path) -> None:
    """Twelve lanes that lead into one group, all due at once: no more than a burst and the rate leave."""
    async with open_store(new_database(tmp_path), now=time.time) as store:
        for number in range(1, 13):
            await store.accept(update(number, client=str(number)))
            await store.move(CHANNEL, number, GROUP)
            await store.accept(answer(str(number), [SendText("hello")]))
        chat = Chat()
        await carried(store, chat, 12, chat_rate=20)
    for first, start in enumerate(chat.times):
        for last in range(first, 12):
            assert last - first + 1 <= 3 + 20 * (chat.times[last] - start) + 0.1


async def test_each_loss_has_a_note_of_its_own(tmp_path: Path) -> None:
    """A file is refused, then the words that stood in for it, then another text: three notes, each with its own id."""
    url = "https://files.example/a.pdf"
    steps: list[Step] = [SendFile("document", url, "a.pdf", "refuse me"), SendText("refuse me too"), SendText("good")]
    async with open_store(new_database(tmp_path), now=time.time) as store:
        await store.accept(update(1))
        await store.accept(answer("7", steps))
        chat = Chat()
        await carried(store, chat, 1, chat_rate=0)
        counts = await store.count(CHANNEL)
        events = (await store.claim(CHANNEL, "to_kit", 1, 16)).deliveries[1:]
    assert chat.texts == ["good"]
    assert counts.totals["to_telegram", "dead"] == 3
    assert len(events) == len({event.body.partition('"event_id":"')[2][:36] for event in events}) == 3
