"""When the desk is away: customers read that their message waits, and that it has arrived, each once."""

from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import relay_inside
from tests.e2e.process import relay_between

WAITS = "We have your message, but our team cannot see it at the moment because of a technical fault."
ARRIVED = "Your message has now reached our team."


def heard(telegram: TelegramLookAlike, chat: int) -> list[str]:
    """The first sentence of each line that the customer has read."""
    return [(text or "").partition(" It is not lost")[0] for text in telegram.chat(chat).texts]


async def test_each_is_told_once_in_an_outage_also_when_the_relay_dies_in_it(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Killed after it told, it does not tell again; an answer that came meanwhile says it better than we can."""
    anna, ben, cleo, dora = (telegram.customer(number) for number in range(1, 5))
    async with relay_between(telegram, kit, tmp_path, RELAY_AWAY_NOTICE_MINUTES="0.01") as relay:
        await relay.start()
        anna.writes("before it")
        await kit.wait_for(lambda: kit.texts(anna.id))
        kit.faults.down = True
        anna.writes("hello?")
        ben.writes("hello?")
        await telegram.wait_for(lambda: heard(telegram, anna.id) and heard(telegram, ben.id))
        anna.writes("still there?")
        await relay.settled("to_telegram")  # a crash may repeat what Telegram has and nobody has written down yet
        await relay.kill()
        await relay.start()
        cleo.writes("hello?")
        await telegram.wait_for(lambda: heard(telegram, cleo.id))
        assert await kit.agent_says(ben.id, "I am here") == 200
        await telegram.wait_for(lambda: len(heard(telegram, ben.id)) == 2)
        kit.faults.down = False
        await telegram.wait_for(lambda: [ARRIVED] == heard(telegram, anna.id)[1:] == heard(telegram, cleo.id)[1:])
        dora.writes("good morning")
        await kit.wait_for(lambda: kit.texts(dora.id))
        await relay.settled("to_kit")
        figures = await relay.settled("to_telegram")
        assert (figures.dead, figures.unaccounted) == (0, 0)
    assert [heard(telegram, each.id) for each in (anna, ben, cleo, dora)] == [
        [WAITS, ARRIVED],
        [WAITS, "I am here"],
        [WAITS, ARRIVED],
        [],
    ]
    assert relay.log.count('"event": "away.told_arrived"') >= 1


async def test_by_default_nobody_is_told(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """The outage is found, and over, and the customer has read nothing."""
    anna = telegram.customer()
    async with relay_inside(telegram, kit, tmp_path) as relay:
        kit.faults.down = True
        anna.writes("hello?")
        await relay.unready("kit")
        kit.faults.down = False
        await kit.wait_for(lambda: kit.texts(anna.id))
    assert heard(telegram, anna.id) == []
