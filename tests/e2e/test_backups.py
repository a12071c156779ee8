"""`relay backup` while a relay runs, `relay restore` on the worst day: nothing arrives twice unless it is asked for."""

import asyncio
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.engine.copies import fault_of
from relay.store.engine.migrating import HEAD, version_of
from tests.databases import older_database, rows
from tests.e2e.process import RelayProcess, command, relay_between

NAMED = r"relay-\d{8}T\d{6}Z\.db"


async def done(relay: RelayProcess, *arguments: str) -> str:
    """What a command says that must do well."""
    code, said, complained = await command(relay, *arguments)
    assert (code, complained) == (0, "")
    return said


async def refused(relay: RelayProcess, *arguments: str) -> tuple[int, str]:
    """The exit status and the line of a command that must not do what it was asked for."""
    code, said, complained = await command(relay, *arguments)
    assert (said, complained.count("\n")) == ("", 1)
    return code, complained


def files(directory: Path, named: str) -> list[str]:
    return sorted(each.name for each in directory.iterdir() if re.fullmatch(named, each.name))


async def dead(relay: RelayProcess, *options: str) -> Sequence[dict[str, object]]:
    letters = json.loads(await done(relay, "dead", "list", "--json", *options))["letters"]
    assert isinstance(letters, list)
    return letters


async def test_what_waited_in_a_backup_goes_on_only_when_asked(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Backed up while Kit is down, delivered, restored: listed as dead, nothing is sent; retried: the same event."""
    anna = telegram.customer()
    anna.writes("before")
    await kit.wait_for(lambda: kit.texts(anna.id) == ["before"])
    kit.faults.down = True
    anna.writes("waits")
    await relay.shows("relay_waiting", 1, direction="to_kit")
    assert "copy.db: " in await done(relay, "backup", "copy.db")
    kit.faults.down = False
    await kit.wait_for(lambda: kit.texts(anna.id) == ["before", "waits"])
    assert await relay.stop() == 0

    said = await done(relay, "restore", "copy.db")
    assert "1 deliveries waited in it" in said
    assert "relay dead retry --reason restored" in said
    await relay.start()
    anna.writes("after")
    await kit.wait_for(lambda: kit.texts(anna.id) == ["before", "waits", "after"])
    [letter] = await dead(relay, "--reason", "restored")
    assert letter["client"] == str(anna.id)
    assert re.fullmatch(r"restored from the copy of \d{4}-.* UTC: it may have arrived since", str(letter["reason"]))
    figures = await relay.settled("to_kit")
    assert (figures.dead, figures.waiting, figures.unaccounted) == (1, 0, 0)
    assert '"store.restored"' in relay.log

    assert "1 on the way again" in await done(relay, "dead", "retry", "--reason", "restored")
    await kit.wait_for(lambda: len(kit.events) == 4)
    assert [(event.text, event.duplicate) for event in kit.events][-1] == ("waits", True)
    assert (await relay.settled("to_kit")).unaccounted == 0


async def test_the_database_from_before_can_be_put_back(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, tmp_path: Path
) -> None:
    """Restored by mistake, also after a kill: the file that was replaced holds everything, and is named."""
    anna = telegram.customer()
    await done(relay, "backup", "empty.db")
    anna.writes("kept")
    await kit.wait_for(lambda: kit.texts(anna.id) == ["kept"])
    await relay.kill()
    [aside] = re.findall(r"to go back: relay restore (\S+)\n", await done(relay, "restore", "empty.db"))
    assert rows(tmp_path, "SELECT count(*) FROM inbox") == [(0,)]
    await done(relay, "restore", aside)
    assert rows(tmp_path, "SELECT count(*) FROM inbox") == [(1,)]
    await relay.start()
    assert len(files(tmp_path, r"relay\.db\.replaced-\w+Z(-2)?")) == 2


async def test_as_many_are_kept_as_was_asked(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """The newest ones, whoever made them; nothing of another name is touched; what broke off yesterday goes too."""
    backups = tmp_path / "backups"
    backups.mkdir()
    others = ("relay.db", "relay-20200101T000000Z.txt", "relay-yesterday.db", "other-20200101T000000Z.db")
    for name in (*others, *(f"relay-2020010{day}T000000Z.db" for day in range(1, 6))):
        (backups / name).write_bytes(b"")
    broken = backups / "relay-20200106T000000Z.db.unfinished"
    broken.write_bytes(b"half")
    async with relay_between(telegram, kit, tmp_path) as relay:
        assert broken.name not in await done(relay, "backup", "backups/relay.db", "--keep", "3")
        os.utime(broken, (0, 0))
        await asyncio.sleep(1.1)  # the next one has a name of its own
        said = await done(relay, "backup", "backups/relay.db", "--keep", "3")
    kept = files(backups, NAMED)
    assert len(kept) == 3
    assert kept[0] == "relay-20200105T000000Z.db"
    assert all(fault_of(backups / name) is None for name in kept[1:])
    assert "deleted backups/relay-20200104T000000Z.db" in said
    assert not broken.exists()
    assert all((backups / name).exists() for name in others)


async def test_what_must_not_be_written_over_is_not(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """The database itself, by whatever name, and a file that is none; a missing database is said, not made."""
    (tmp_path / "notes.txt").write_text("do not lose me, I am long enough")
    (tmp_path / "again.db").symlink_to("relay.db")
    async with relay_between(telegram, kit, tmp_path) as relay:
        before = (tmp_path / "relay.db").read_bytes()
        for target in ("again.db", "notes.txt"):
            code, line = await refused(relay, "backup", target)
            assert code == 2, target
            assert "Name another file" in line
        assert (tmp_path / "relay.db").read_bytes() == before
        (tmp_path / "relay.db").rename(tmp_path / "gone.db")
        assert "there is no database at" in (await refused(relay, "backup", "copy.db"))[1]
        assert not (tmp_path / "copy.db").exists()


async def test_a_refusal_to_restore_is_a_line(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """While a relay runs, and what is no good."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        assert "there is no file nothing.db" in (await refused(relay, "restore", "nothing.db"))[1]
        await done(relay, "backup", "copy.db")
        await relay.start()
        code, line = await refused(relay, "restore", "copy.db")
        assert (code, "Stop the relay first" in line) == (1, True)


async def test_a_copy_with_an_older_schema_is_migrated_by_the_next_start(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Going back to the copy from before an upgrade, then upgrading again: what it holds is there."""
    old = tmp_path / "old"
    old.mkdir()
    older_database(old, letters=3)
    async with relay_between(telegram, kit, tmp_path) as relay:
        assert "the next start of this version migrates it" in await done(relay, "restore", "old/relay.db")
        assert version_of(tmp_path / "relay.db") == "0001"
        await relay.start()
        assert version_of(tmp_path / "relay.db") == HEAD
        assert rows(tmp_path, "SELECT count(*) FROM inbox") == [(3,)]


async def test_a_backup_is_nobody_elses_to_read(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """Customers' words are in it: it, and a directory that is made for it, are the user's own."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        await done(relay, "backup", "backups/copy.db")
    made = [tmp_path / "backups", tmp_path / "backups" / "copy.db"]
    assert [each.name for each in made if each.stat().st_mode & 0o077] == []
