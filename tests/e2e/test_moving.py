"""An installation moves to PostgreSQL in the middle of its work: no word is lost, said twice or turned round."""

from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.customers import Customer
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.databases import rows
from tests.e2e.process import command, relay_between
from tests.postgresql import empty_postgresql
from tests.waiting import eventually


def _all_write(people: list[Customer], numbers: range) -> None:
    for number in numbers:
        for one in people:
            one.writes(f"{one.id}:{number}")


async def _has_all(home: Path, letters: int) -> bool:
    return rows(home, "SELECT count(*) FROM inbox") == [(letters,)]


async def test_a_backlog_moves_and_is_delivered_once(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """A part is delivered from the file; Kit goes away, more comes; the rest is delivered from PostgreSQL, in order."""
    people = [telegram.customer(5_000_001 + number) for number in range(5)]
    url, file = empty_postgresql(), f"sqlite:///{tmp_path}/relay.db"
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        _all_write(people, range(5))
        await kit.wait_for(lambda: sum(len(kit.texts(one.id)) for one in people) == 25)
        kit.faults.down = True
        _all_write(people, range(5, 20))
        await eventually(lambda: _has_all(relay.home, 100))
        code, _, said = await command(relay, "migrate", "--from", file, "--to", url)
        assert (code, "Stop the relay first" in said) == (1, True), said
        assert await relay.stop() == 0
        code, said, wrong = await command(relay, "migrate", "--from", file, "--to", url)
        assert code == 0, wrong
        assert "outbox: 100 of 100" in said
        code, _, wrong = await command(relay, "migrate")
        assert (code, "was moved to PostgreSQL" in wrong) == (1, True), wrong
        kit.faults.down = False
        relay.environment["RELAY_DATABASE_URL"] = url
        await relay.start()
        await kit.wait_for(lambda: sum(len(kit.texts(one.id)) for one in people) == 100)
        _all_write(people, range(20, 21))
        await kit.wait_for(lambda: sum(len(kit.texts(one.id)) for one in people) == 105)
    for one in people:
        assert kit.texts(one.id) == [f"{one.id}:{number}" for number in range(21)]
