"""The real relay on a real PostgreSQL: the promises are those of SQLite."""

from functools import partial
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import text

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.engine.postgresql import connect
from tests.e2e.process import command, relay_between, run_to_its_end
from tests.postgresql import empty_postgresql

ANNA: Final = "107804195"


@pytest.fixture
def url() -> str:
    return empty_postgresql()


async def test_words_arrive_in_both_directions(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, url: str
) -> None:
    """What the customer writes stands in Kit, the agent's answer in the chat, and status says where it all is."""
    anna = telegram.customer(int(ANNA))
    async with relay_between(telegram, kit, tmp_path, RELAY_DATABASE_URL=url) as relay:
        await relay.start()
        anna.writes("Hello")
        await kit.wait_for(lambda: kit.texts(ANNA) == ["Hello"])
        assert await kit.agent_says(ANNA, "Hi Anna") == 200
        await telegram.wait_for(lambda: telegram.chat(anna.id).texts == ["Hi Anna"])
        await relay.ready()
        code, said, wrong = await command(relay, "status")
        assert (code, "to Kit" in said) == (0, True), said + wrong
        assert await relay.stop() == 0
        assert (await command(relay, "dead", "list"))[0] == 0


async def test_killed_again_and_again_it_loses_nothing(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, url: str
) -> None:
    """`kill -9` under load, both ways: all there, in order; what it had in its hands waits for its term to end."""
    people = [telegram.customer(5_000_001 + number) for number in range(10)]
    async with relay_between(telegram, kit, tmp_path, RELAY_DATABASE_URL=url) as relay:
        await relay.start()
        for round_ in range(2):
            for number in range(10):
                for one in people:
                    one.writes(f"{one.id}:{round_ * 10 + number}")
            await kit.wait_for(lambda count=100 * round_ + 30: len(kit.events) >= count)  # type: ignore[misc]
            await relay.kill()
            await relay.start()
        await kit.wait_for(lambda: sum(len(kit.texts(one.id)) for one in people) == 200)
    for one in people:
        assert kit.texts(one.id) == [f"{one.id}:{number}" for number in range(20)]


async def test_one_of_two_is_killed_under_load_and_the_other_goes_on(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, url: str
) -> None:
    """The one that polls is killed with messages in its hands: nothing is lost, and every chat's order holds."""
    people = [telegram.customer(5_000_001 + number) for number in range(12)]
    kit.faults.latency = 0.2
    async with (
        relay_between(telegram, kit, tmp_path / "first", RELAY_DATABASE_URL=url) as first,
        relay_between(telegram, kit, tmp_path / "second", RELAY_DATABASE_URL=url) as second,
    ):
        await first.start()
        await second.start()
        shown = (await command(second, "status"))[1]
        assert "1 other relay shares its database" in shown
        assert [shown.count(part) for part in (": alerts, ", ", polls ", "(this one)")] == [1, 1, 1], shown
        assert "relay_replica_info{replica=" in (await second.get("/metrics"))[1]
        said = 0
        while said < 30 and not in_hands(url):
            for one in people:
                one.writes(f"{one.id}:{said}")
            said += 1
            await kit.wait_for(partial(_has_come, kit, len(kit.events) + 3))
        assert in_hands(url)
        await first.kill()
        for number in range(said, said + 5):
            for one in people:
                one.writes(f"{one.id}:{number}")
                assert await kit.agent_says(str(one.id), f"answer {number}") == 200
        said += 5
        await kit.wait_for(lambda: sum(len(set(kit.texts(one.id))) for one in people) == 12 * said, timeout=90)
        await telegram.wait_for(lambda: sum(len(telegram.chat(one.id).texts) for one in people) == 60)
        await second.ready()
        assert "store.taken_over" in second.log
    for one in people:
        assert list(dict.fromkeys(kit.texts(one.id))) == [f"{one.id}:{number}" for number in range(said)]
        assert telegram.chat(one.id).texts == [f"answer {number}" for number in range(said - 5, said)]


def _has_come(kit: KitLookAlike, events: int) -> bool:
    return len(kit.events) >= events


def in_hands(url: str) -> int:
    """How many lanes the relay that polls has in its hands."""
    engine = connect(url)
    with engine.connect() as connection:
        held = connection.scalar(
            text(
                "SELECT count(*) FROM lane WHERE leased AND holder IN (SELECT holder FROM duty WHERE name LIKE 'poll%')"
            )
        )
    engine.dispose()
    return int(held or 0)


async def test_no_password_is_shown(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """The URL's password stands in no line of the log, whether the server can be reached or not."""
    wrong = "postgresql://relay:s3cret-of-the-database@127.0.0.1:1/relay"
    async with relay_between(telegram, kit, tmp_path, RELAY_DATABASE_URL=wrong) as relay:
        code, out, lines = await run_to_its_end(relay)
    assert code == 1
    assert "s3cret" not in out + "".join(lines)
    assert "database" in lines[-1]
