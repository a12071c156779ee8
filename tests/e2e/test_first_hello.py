"""The first hello through the real relay: a Start costs agents nothing until words follow."""

from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import relay_inside


async def test_a_flood_of_starts_costs_agents_nothing(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Each is greeted once, Kit hears of nobody but who writes, with the campaign; an answer reaches them."""
    people = [telegram.customer(number) for number in range(1, 41)]
    async with relay_inside(telegram, kit, tmp_path, RELAY_START="hold", RELAY_GREETING="true") as relay:
        for person in people:
            person.starts("spring")
        await telegram.wait_for(lambda: all(telegram.chat(person.id).texts for person in people))
        assert kit.clients == []
        people[0].writes("hello")
        await kit.wait_for(lambda: kit.texts(people[0].id))
        [event] = kit.messages(str(people[0].id))
        assert event.client_data["utm"] == {"campaign": "spring"}
        assert kit.texts(people[0].id) == ["hello"]
        assert await kit.agent_says(people[0].id, "hi") == 200
        await telegram.wait_for(lambda: len(telegram.chat(people[0].id).texts) == 2)
        figures = await relay.settled("to_kit")
        assert (figures.declined, figures.dead, figures.unaccounted) == (40, 0, 0)
    assert [len(telegram.chat(person.id).texts) for person in people[1:]] == [1] * 39
