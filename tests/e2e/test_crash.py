"""`kill -9` at any moment: nothing is lost, nothing overtakes, and only the step in flight may repeat."""

from collections import Counter
from pathlib import Path

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import RelayProcess, relay_between

UPDATES, CHATS = 1500, 50
CALLBACKS, CLIENTS = 800, 40


@pytest.mark.timeout(120)
async def test_four_kills_in_the_middle_of_inbound_updates(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """1,500 updates of 50 chats, four kills: all arrive in order, and what repeats has the same event_id."""
    kit.faults.latency = 0.02
    async with relay_between(telegram, kit, tmp_path) as relay:
        telegram.backlog(UPDATES, CHATS)
        for kill in range(1, 5):
            await relay.start()
            await kit.wait_for(lambda kill=kill: len(kit.events) >= kill * UPDATES // 5)  # type: ignore[misc]
            await relay.kill()
        await relay.start()
        await kit.wait_for(lambda: len({sent.event_id for sent in kit.events}) == UPDATES)
        assert await relay.stop() == 0
    assert kit.contradictions == []
    assert kit.overlaps == 0
    for client in kit.clients:
        numbers = [int(text.split(":")[1]) for text in kit.texts(client) if text]
        assert numbers == list(range(numbers[0], numbers[0] + UPDATES // CHATS))
    repeats = Counter(sent.client_id for sent in kit.events if sent.duplicate)
    assert all(times <= 4 for times in repeats.values()), "more than one repeat a lane and kill"


@pytest.mark.timeout(120)
async def test_three_kills_in_the_middle_of_callbacks(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """800 callbacks for 40 chats, repeated by Kit until answered 200, three kills: all arrive, in order."""
    telegram.faults.latency = 0.01
    clients = [telegram.customer(7_000_000 + number) for number in range(CLIENTS)]
    for client in clients:
        client.writes("hello")
    await kit.wait_for(lambda: len(kit.clients) == CLIENTS)
    kit.enqueue_callbacks(
        kit.callbacks.message(str(clients[number % CLIENTS].id), f"answer {number // CLIENTS}")
        for number in range(CALLBACKS)
    )
    for kill in range(1, 4):
        await telegram.wait_for(lambda kill=kill: _arrived(telegram) >= kill * CALLBACKS // 4)  # type: ignore[misc]
        await relay.kill()
        await relay.start()
    await kit.callbacks_done()
    await telegram.wait_for(lambda: len(_distinct(telegram)) == CALLBACKS)
    assert await relay.stop() == 0
    for client in clients:
        texts = telegram.chat(client.id).texts
        first_seen = list(dict.fromkeys(texts))
        assert first_seen == [f"answer {number}" for number in range(CALLBACKS // CLIENTS)]
        assert texts == sorted(texts, key=lambda text: int(text.split()[1])), "a repeat came after its successor"
        assert len(texts) - len(first_seen) <= 3, "more than one repeat a lane and kill"


def _arrived(telegram: TelegramLookAlike) -> int:
    return sum(1 for call in telegram.calls if call.method == "sendMessage")


def _distinct(telegram: TelegramLookAlike) -> set[tuple[int | None, object]]:
    return {(call.chat_id, call.params["text"]) for call in telegram.calls if call.method == "sendMessage"}
