"""The database vanishes under a running relay: what is not in it is not confirmed, and the relay ends in words."""

import asyncio
from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import relay_between, run_to_its_end


def _put_back(kept: Path, database: Path) -> None:
    """As an operator does it: the file alone, without the logs of what came after it."""
    for left in database.parent.glob("relay.db-*"):
        left.unlink()
    kept.rename(database)


async def test_the_relay_ends_in_words_and_asks_before_it_begins_anew(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """The update that comes then stays at Telegram; with the file put back it arrives, once."""
    anna = telegram.customer()
    database, kept = tmp_path / "relay.db", tmp_path / "kept.db"
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        anna.writes("before")
        await kit.wait_for(lambda: kit.texts(anna.id) == ["before"])
        await relay.settled("to_kit")
        assert await relay.stop() == 0
        await relay.start()
        database.rename(kept)
        anna.writes("after")
        assert relay.process is not None
        assert await asyncio.wait_for(relay.process.wait(), 90) == 1
        assert "was removed while the relay ran" in relay.log.splitlines()[-1]
        assert telegram.updates.pending_count == 1
        exit_code, _, complained = await run_to_its_end(relay)
        assert exit_code == 1
        assert "there was a database at" in complained[-1]
        _put_back(kept, database)
        await relay.start()
        await kit.wait_for(lambda: kit.texts(anna.id)[-1:] == ["after"])
        assert await relay.stop() == 0
    assert kit.texts(anna.id) == ["before", "after"]
