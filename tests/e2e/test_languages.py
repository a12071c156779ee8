"""The operator chooses the language of the agents, and may change any line."""

import time
from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import relay_between, run_to_its_end
from tests.mapping.mapped import raw_sample


async def test_agents_read_the_language_and_the_lines_of_the_operators_choice(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """RELAY_AGENT_LANGUAGE speaks, and the lines of RELAY_TEXTS_FILE win."""
    (tmp_path / "texts.toml").write_text('[ru]\nnoun.dice = "бросок"\n', encoding="utf-8")
    settings = {"RELAY_AGENT_LANGUAGE": "ru", "RELAY_TEXTS_FILE": "texts.toml"}
    polled = raw_sample("poll")
    customer = polled["message"]["from"]["id"]
    async with relay_between(telegram, kit, tmp_path, **settings) as relay:
        await relay.start()
        for raw in (polled, raw_sample("dice")):
            raw["message"]["date"] = int(time.time())  # else when it was written would stand above it
            telegram.push_update(raw)
        await kit.wait_for(lambda: len(kit.texts(customer)) == 2)
        assert await relay.stop() == 0
    assert kit.texts(customer) == ["[опрос] Tea or coffee?\n\u2013 Tea\n\u2013 Coffee", "[бросок] 🎯 6"]


async def test_a_line_that_cannot_be_said_ends_the_start(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Exit 2 and one line that names the setting, the language and the key, before anything is taken in."""
    (tmp_path / "texts.toml").write_text('[en]\ncustomer.file_link = "{uri}"\n', encoding="utf-8")
    async with relay_between(telegram, kit, tmp_path, RELAY_TEXTS_FILE="texts.toml") as relay:
        code, _, lines = await run_to_its_end(relay)
    assert code == 2
    assert [line.partition(" has a")[0] for line in lines] == ["RELAY_TEXTS_FILE: [en] customer.file_link"]
    assert telegram.updates.polls == 0
