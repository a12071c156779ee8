"""Commands that are typed wrongly, or that find no room: a line that says what to do, and never a traceback."""

import os
from pathlib import Path

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.databases import change
from tests.e2e.process import RelayProcess, command, relay_between

ANNA = "107804195"
#: An argument that is no text in UTF-8, as a terminal of another alphabet makes it.
NO_TEXT = os.fsdecode(b"\xe4")


async def test_what_cannot_be_meant_is_said(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """Numbers that no database holds, ends that no calendar has, links that are none, bytes that are no text."""
    wrong = {
        ("dead", "show", "99999999999999999999"): (2, "not in the range"),
        ("dead", "retry", "99999999999999999999"): (2, "not in the range"),
        ("dead", "drop", "0", "--yes"): (2, "not in the range"),
        ("customer", "block", ANNA, "--days", "nan"): (2, "--days"),
        ("customer", "block", ANNA, "--days", "1e300"): (2, "--days"),
        ("customer", "block", ANNA, "--until", "2020-01-01"): (2, "is over already"),
        ("customer", "block", ANNA, "--days", "1", "--until", "2099-01-01"): (2, "not both"),
        ("media", "revoke", "http://[of-no-host/media/x"): (1, "no such link"),
        ("customer", "show", NO_TEXT): (1, "is no text in UTF-8"),
        ("trace", NO_TEXT): (1, "is no text in UTF-8"),
    }
    async with relay_between(telegram, kit, tmp_path) as relay:
        for arguments, (expected, words) in wrong.items():
            code, _, complained = await command(relay, *arguments)
            assert (code, words in complained.splitlines()[-1]) == (expected, True), (arguments, complained)


@pytest.fixture
async def annas(telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess) -> RelayProcess:
    """A relay to which Anna has written."""
    telegram.customer(int(ANNA)).writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    return relay


async def test_an_export_that_finds_no_place_is_said(annas: RelayProcess, tmp_path: Path) -> None:
    """A directory that is not there, one where nobody can write: the line names the file, and none is left."""
    for file in (tmp_path / "not there" / "anna.zip", Path("/proc/anna.zip")):
        code, _, complained = await command(annas, "customer", "export", ANNA, str(file))
        assert (code, complained.startswith(f"{file} cannot be written (")) == (1, True), complained
        assert not file.exists()


async def test_a_block_without_end_by_an_older_relay_is_listed(annas: RelayProcess, tmp_path: Path) -> None:
    """An end that no calendar has, as earlier versions took it, is for ever."""
    assert (await command(annas, "customer", "block", ANNA))[0] == 0
    assert await annas.stop() == 0
    change(tmp_path, "UPDATE client_link SET blocked_until = 1e12")
    assert (await command(annas, "customer", "blocked"))[:2] == (0, f"{ANNA}  for ever\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run",), "is no healthy SQLite database"),
        (("migrate",), "is no healthy SQLite database"),
        (("backup", "copy.db"), "is no healthy SQLite database"),
    ],
)
async def test_a_file_that_is_no_database_is_said_to_be_none(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    """Whatever stands in it is not taken for a note about a database."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        (tmp_path / "relay.db").write_bytes(b"no database at all. " * 200)
        code, _, complained = await command(relay, *arguments)
    assert (code, words in complained.splitlines()[-1]) == (1, True), complained
