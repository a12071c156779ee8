"""The campaign of kills finds what an erasure leaves."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns.occasions import CANARY, Scene, look_for_words
from tests.databases import change, new_database
from tests.e2e.process import RelayProcess

KEEP: Final = f"CREATE TABLE kept AS SELECT '{CANARY}' || hex(randomblob(4000))"


def in_a_row(home: Path) -> None:
    change(home, KEEP)


def in_what_is_free(home: Path) -> None:
    """A database that was changed without `secure_delete`."""
    change(home, KEEP)
    change(home, "PRAGMA secure_delete=OFF", "DROP TABLE kept")


def in_a_log(home: Path) -> None:
    (home / "relay.db-wal").write_text(f"a log with {CANARY}")


def in_a_gap(home: Path) -> None:
    """Before the cells of the first page. SQLite leaves there what it moved: that is known, and said."""
    content = bytearray((home / "relay.db").read_bytes())
    cells = int.from_bytes(content[105:107], "big")
    content[cells - len(CANARY) : cells] = CANARY.encode()
    (home / "relay.db").write_bytes(content)


@pytest.mark.parametrize(
    ("leave", "file"),
    [(in_a_row, "relay.db"), (in_what_is_free, "relay.db"), (in_a_log, "relay.db-wal"), (in_a_gap, None)],
)
async def test_words_of_whom_was_erased_are_found(
    leave: Callable[[Path], None], file: str | None, telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    new_database(tmp_path)
    leave(tmp_path)
    assert CANARY.encode() in (tmp_path / (file or "relay.db")).read_bytes()
    scene = Scene(telegram, kit, RelayProcess(tmp_path, {}, 0, 0), random.Random(1))  # noqa: S311 - a seed
    await look_for_words(scene)
    assert scene.wrong == ([f"words of whom was erased stand in {file}"] if file else [])
