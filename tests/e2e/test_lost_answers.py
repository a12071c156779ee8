"""The request arrived and its answer was lost: nobody can know, so somebody has to decide."""

from pathlib import Path

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.databases import rows
from tests.e2e.inside import InnerRelay, relay_inside

ANNA = "107804195"


async def test_kits_lost_answer_repeats_the_same_event(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """The event is sent again under the same id and with the same body, before its successor: one message for Kit."""
    anna = telegram.customer(int(ANNA))
    async with relay_inside(telegram, kit, tmp_path) as relay:
        kit.faults.lose_next(on="event")
        anna.writes("one")
        anna.writes("two")
        await kit.wait_for(lambda: len(kit.messages(ANNA)) == 2)
        figures = await relay.settled("to_kit")
    assert [(sent.text, sent.duplicate) for sent in kit.events] == [("one", False), ("one", True), ("two", False)]
    assert kit.events[0].event_id == kit.events[1].event_id
    assert kit.contradictions == []
    assert (figures.delivered, figures.dead) == (2, 0)


async def test_telegrams_lost_answer_repeats_once_and_is_remembered(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay, tmp_path: Path
) -> None:
    """The customer may read one message twice, never later than its successor, and the delivery says `uncertain`."""
    anna = telegram.customer(int(ANNA))
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    telegram.faults.lose_next(on="sendMessage")
    await kit.agent_says(ANNA, "one")
    await kit.agent_says(ANNA, "two")
    await telegram.wait_for(lambda: "two" in telegram.chat(anna.id).texts)
    figures = await inner.settled("to_telegram")
    assert telegram.chat(anna.id).texts == ["one", "one", "two"]
    uncertain = rows(tmp_path, "SELECT uncertain FROM outbox WHERE direction = 'to_telegram' ORDER BY id")
    assert uncertain == [(1,), (0,)]
    assert (figures.delivered, figures.dead) == (2, 0)


async def test_a_message_without_an_answer_twice_is_a_dead_letter(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay, tmp_path: Path
) -> None:
    """It is not sent a third time: it becomes a dead letter that says why, and the chat goes on."""
    anna = telegram.customer(int(ANNA))
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    telegram.faults.lose_next(2, on="sendMessage")
    await kit.agent_says(ANNA, "one")
    await kit.agent_says(ANNA, "two")
    await telegram.wait_for(lambda: "two" in telegram.chat(anna.id).texts)
    figures = await inner.settled("to_telegram")
    assert telegram.chat(anna.id).texts == ["one", "one", "two"]
    assert (figures.delivered, figures.dead) == (1, 1)
    dead, delivered = rows(tmp_path, "SELECT status, reason FROM outbox WHERE direction = 'to_telegram' ORDER BY id")
    assert (dead[0], delivered[0]) == ("dead", "delivered")
    assert "may have arrived" in dead[1]


@pytest.mark.usefixtures("inner")
async def test_a_lost_answer_to_a_later_part_does_not_repeat_the_earlier_ones(
    telegram: TelegramLookAlike, kit: KitLookAlike
) -> None:
    """Of a long text in three messages only the one whose answer was lost comes twice."""
    anna = telegram.customer(int(ANNA))
    parts = [letter * 4000 for letter in "abc"]
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    chat = telegram.chat(anna.id)
    telegram.faults.latency = 0.2  # a message is in the chat that long before its answer leaves
    await kit.agent_says(ANNA, " ".join(parts))
    await telegram.wait_for(lambda: len(chat.texts) == 2)
    telegram.faults.lose_next(on="sendMessage")
    await telegram.wait_for(lambda: len(chat.texts) == 4)
    assert [text.strip() for text in chat.texts] == [parts[0], parts[1], parts[1], parts[2]]
