"""An update that breaks the mapping: its agent hears that something is missing, and the next version delivers it."""

from pathlib import Path

import pytest

from relay.mapping.to_kit.updates import MAPPERS, Mapper
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import relay_inside
from tests.e2e.process import command, relay_between


async def test_it_is_told_without_its_words_and_delivered_after_an_upgrade(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first that a customer sends: they can be answered at once, and the photo comes when it can be mapped."""
    anna = telegram.customer()
    async with relay_between(telegram, kit, tmp_path) as upgraded:
        with monkeypatch.context() as bug:
            bug.setitem(MAPPERS, "message", Mapper(MAPPERS["message"].wants, _breaks))  # type: ignore[arg-type]  # a dict
            async with relay_inside(telegram, kit, tmp_path) as relay:
                anna.sends_photo(caption="my secret is 4711")
                await kit.wait_for(lambda: kit.texts(anna.id))
                [note] = kit.texts(anna.id)
                assert note is not None
                assert "Missing here: photo, text (17 characters)" in note
                assert await kit.agent_says(anna.id, "We look for it") == 200
                await telegram.wait_for(lambda: telegram.chat(anna.id).texts == ["We look for it"])
                figures = await relay.settled("to_kit")
                assert (figures.received, figures.delivered, figures.dead, figures.unaccounted) == (2, 1, 1, 0)
                assert await relay.metric("relay_dead_letters") == 1
        number = note.rpartition(" ")[2].rstrip(".")
        await upgraded.start()
        _, said, _ = await command(upgraded, "dead", "list", "--client", str(anna.id))
        assert "it cannot be mapped" in said
        assert "4711" not in said
        code, said, _ = await command(upgraded, "dead", "retry", number)
        assert (code, said) == (0, "1 on the way again\n")
        await kit.wait_for(lambda: kit.texts(anna.id)[1:] == ["my secret is 4711"])
        await upgraded.settled("to_kit")
        for figures in (await upgraded.all_figures()).values():
            assert figures.unaccounted == 0


def _breaks(*_: object) -> None:
    raise ZeroDivisionError
