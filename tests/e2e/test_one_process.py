"""One process holds the database, whatever is started beside whatever else."""

import asyncio
from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import RelayProcess, command, relay_between, run_to_its_end
from tests.waiting import eventually

#: What is typed again and again, while the relay starts and stops.
COMMANDS = (("status",), ("dead", "list"), ("dead", "retry", "--all"), ("migrate",))


def holders(database: Path) -> set[int]:
    """The processes that have the database open: each holds one of SQLite's locks on it for as long.

    The kernel's list of locks, https://man7.org/linux/man-pages/man5/proc_locks.5.html. What a relay has open it shows
    nobody.
    """
    try:
        file = str(database.stat().st_ino)
    except FileNotFoundError:
        return set()
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return {int(each[4]) for each in locks if each[1] == "POSIX" and each[5].rpartition(":")[2] == file}


def overlaps(database: Path) -> bool:
    """Whether two of them had it open at the same moment: the first one still has it after the second was seen."""
    first = holders(database)
    return len(first) > 1 and len(first & holders(database)) > 1


async def test_commands_and_a_relay_never_have_it_open_together(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """While a relay starts, works, stops and starts again, and four people type commands: one holder at any moment."""
    anna = telegram.customer()
    seen: set[int] = set()
    async with relay_between(telegram, kit, tmp_path) as relay:
        done = asyncio.Event()

        async def watch() -> bool:
            while not done.is_set():
                if await asyncio.to_thread(overlaps, tmp_path / "relay.db"):
                    return False
                seen.update(holders(tmp_path / "relay.db"))
                await asyncio.sleep(0.005)
            return True

        async def type_again_and_again(arguments: tuple[str, ...]) -> list[str]:
            complaints = []
            while not done.is_set():
                _, _, complained = await command(relay, *arguments)
                complaints += [line for line in complained.splitlines() if "another relay holds" not in line]
            return complaints

        watching = asyncio.create_task(watch())
        typing = [asyncio.create_task(type_again_and_again(arguments)) for arguments in COMMANDS]
        for number in range(2):
            await relay.start()
            anna.writes(str(number))
            await kit.wait_for(lambda number=number: len(kit.texts(anna.id)) == number + 1)  # type: ignore[misc]
            assert await relay.stop() == 0
            await asyncio.sleep(0.5)

        async def others_had_it_too() -> bool:
            return len(seen) > 3

        await eventually(others_had_it_too)
        done.set()
        complaints = [line for task in typing for line in await task]
        assert await watching
    assert complaints == []
    assert kit.texts(anna.id) == ["0", "1"]


async def test_two_relays_cannot_share_a_data_directory(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Another database is not enough: commands would not know whom they ask. Exit 2, a line; the first one works."""
    anna = telegram.customer()
    async with relay_between(telegram, kit, tmp_path) as first:
        await first.start()
        other = {"RELAY_DATABASE_URL": f"sqlite:///{tmp_path}/other.db", "RELAY_PORT": "0", "RELAY_ADMIN_PORT": "0"}
        second = RelayProcess(tmp_path, first.environment | other, 0, 0)
        code, _, lines = await run_to_its_end(second)
        assert code == 2
        assert [line.partition(" ")[0] for line in lines if not line.startswith("{")] == ["RELAY_DATA_DIR:"]
        assert (await command(first, "status"))[0] in {0, 1}
        anna.writes("still here?")
        await kit.wait_for(lambda: kit.texts(anna.id) == ["still here?"])


async def test_a_relay_that_was_killed_leaves_nothing_in_the_way(relay: RelayProcess, tmp_path: Path) -> None:
    """After `kill -9` commands ask the store, the next start takes the old socket away, and commands ask the relay."""
    await relay.kill()
    assert (tmp_path / "relay.sock").is_socket()
    assert (await command(relay, "status"))[0] == 3
    await relay.start()
    await relay.ready()
    assert (await command(relay, "status"))[0] == 0
    assert await relay.stop() == 0
    assert not (tmp_path / "relay.sock").exists()
