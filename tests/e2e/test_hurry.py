"""`relay hurry`: a person who has mended the cause does not wait for the next attempt."""

import json
from pathlib import Path

from relay.delivery.gate import LONGEST_HOLD
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import command, relay_between

AT_ONCE = LONGEST_HOLD / 2  #: Seconds: after all of them the relay tries by itself.
PATIENCE = {"success": False, "result": {"error": "Too many requests", "code": 429}}


async def test_what_kit_told_to_wait_for_an_hour_goes_at_once(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Of the customer who is named; the rest, and what waits in a relay that is stopped, with the next command."""
    anna, ben = telegram.customer(), telegram.customer(42)
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        for customer in (anna, ben):
            kit.faults.answer_next(429, payload=PATIENCE, headers={"Retry-After": "3600"}, on="event", of=customer.id)
        anna.writes("hello")
        ben.writes("hello")
        await kit.wait_for(lambda: len(kit.refused) >= 1)
        assert "for 3" in await relay.unready("kit")
        code, said, _ = await command(relay, "hurry", str(anna.id))
        assert (code, said) == (0, "1 chat tried now\n")
        await kit.wait_for(lambda: sorted(kit.clients), AT_ONCE)
        await kit.wait_for(lambda: len(kit.refused) == 2, AT_ONCE)
        assert await relay.stop() == 0
        code, said, _ = await command(relay, "hurry", "--json")
        assert (code, json.loads(said)) == (0, {"lanes": 1, "running": False})
        await relay.start()
        await kit.wait_for(lambda: kit.texts(anna.id) == kit.texts(ben.id) == ["hello"])
        code, said, _ = await command(relay, "hurry")
        assert (code, said) == (0, "nothing waits that could be hurried\n")
        assert (await command(relay, "hurry", "--channel", "sales"))[0] == 1
