"""`relay bench` says what is reached first, leaves nothing behind, and says in a line what it could not measure."""

import os
from pathlib import Path

from relay.doctor.limits import Database, Limit, Measured, Times, Trips, first_of, limits_of
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.doctor.examined import run
from tests.e2e.process import free_port, relay_between
from tests.starting import start
from tests.waiting import eventually


def answers(milliseconds: float) -> Trips:
    return Trips(milliseconds * 3, Times(8, milliseconds, milliseconds * 2))


def names(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


def reached(measured: Measured, rate: float = 30.0) -> tuple[Limit | None, Limit | None]:
    limits = list(limits_of(measured, rate))
    return first_of(limits, "to_kit"), first_of(limits, "to_telegram")


def test_the_narrowest_place_is_named() -> None:
    """A quick machine and a slow Kit, a slow disk, a slow processor; and Telegram's own limit where there is one."""
    quick = Database(rows=90_000, messages=6_000, alone=1.0, processor=0.05)
    to_kit, to_telegram = reached(Measured(database=quick, telegram=answers(50), kit=answers(1024)))
    assert to_kit is not None
    assert (to_kit.name, to_kit.messages_per_second) == ("round_trip", 500)
    assert to_telegram == Limit("to_telegram", "telegram", 30, "Telegram takes no more from one bot")
    slow_disk = Database(rows=500, messages=40, alone=60, processor=0.1)
    slow_processor = Database(rows=90_000, messages=900, alone=9, processor=1.0)
    assert [getattr(each, "name", None) for each in reached(Measured(database=slow_disk), 0.0)] == ["disk", "disk"]
    assert [getattr(each, "name", None) for each in reached(Measured(database=slow_processor))] == [
        "processor",
        "telegram",
    ]


def test_what_is_not_known_is_not_said() -> None:
    """The database is on a server: how quick Kit is says nothing of it. Nobody answered: nothing is known at all."""
    to_kit, to_telegram = reached(Measured(telegram=answers(2), kit=answers(2)))
    assert (to_kit, to_telegram and to_telegram.name) == (None, "telegram")
    assert reached(Measured(telegram=Trips(fault="nobody answers there"), kit=None), 0.0) == (None, None)


async def test_it_says_where_the_time_goes_and_leaves_nothing(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Of a relay whose Telegram does not answer: that is said, and the rest is measured."""
    away = f"http://127.0.0.1:{free_port()}"
    async with relay_between(telegram, kit, tmp_path, TELEGRAM_API_URL=away, TELEGRAM_RATE_LIMIT="1") as relay:
        before = names(tmp_path)
        code, said = await run(tmp_path, relay.environment, "bench")
        assert code == 0
        assert "Telegram   not reached: " in said
        assert "Kit        answers in " in said
        assert "messages a second to Kit, then: " in said
        assert "1 messages a second to Telegram, then: Telegram takes no more from one bot." in said
        assert names(tmp_path) == before
    assert kit.events == []


async def test_who_ends_it_finds_nothing_left(tmp_path: Path) -> None:
    """Also by SIGTERM, such as `timeout` and Docker send."""
    environment = {"PATH": os.environ["PATH"], "RELAY_DATABASE_URL": f"sqlite:///{tmp_path}/relay.db"}
    with (tmp_path / "said").open("w") as said:
        bench = await start(["bench"], home=tmp_path, environment=environment, streams=(None, said, said))

        async def has_begun() -> bool:
            return any(name.startswith("relay-bench-") for name in names(tmp_path))

        await eventually(has_begun)
        bench.terminate()
        assert await bench.wait() == 1
    assert not await has_begun()


async def test_where_the_database_lies_must_be_known(tmp_path: Path) -> None:
    """One wrong setting, and nothing is said of a disk, or of a server that there is none of."""
    code, said = await run(tmp_path, {"RELAY_DATABASE_URL": "nonsense"}, "bench")
    assert code == 2
    assert "RELAY_DATABASE_URL" in said
    assert "server" not in said


async def test_a_directory_that_cannot_be_written_is_a_line(tmp_path: Path) -> None:
    """It names what to look at, without a traceback."""
    code, said = await run(tmp_path, {"RELAY_DATABASE_URL": "sqlite:////proc/relay.db"}, "bench")
    assert code == 1
    assert said.startswith("nothing can be written beside the database: ")
    assert said.count("\n") == 1
