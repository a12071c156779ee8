"""Whose letters are: noted as they come, and found out for those that came before that was noted."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from time import time

import pytest
from alembic import command
from alembic.config import Config

from relay.intake.backfill import fill_clients
from relay.model import Declined, Letter, Reading, Wants
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.backfill import PART, Filled
from relay.store.engine.migrating import migrate, scripts
from relay.store.store import Store, open_store
from tests.e2e.process import relay_between
from tests.store import letters
from tests.store.letters import CHANNEL
from tests.waiting import eventually


@pytest.fixture
def place(path: Path) -> Path:
    """What is tested here is SQLite's alone."""
    return path


def whose(path: Path) -> dict[str, str | None]:
    """The clients of all letters, by source id."""
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT source_id, client_id FROM inbox"))


def read(letter: Letter) -> Reading:
    """As these tests write letters: their JSON says whose they are."""
    return letters.read_as(Declined("old"), json.loads(letter.body)["client"])


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A database from before, with letters of three clients, one that nobody can read, and one without words."""
    path = tmp_path / "relay.db"
    config = Config()
    config.set_main_option("script_location", str(scripts()))
    config.attributes["path"] = path
    command.upgrade(config, "0003")
    rows: list[tuple[str, str | None]] = [
        (str(number), json.dumps({"client": str(number % 3)})) for number in range(3 * PART)
    ]
    rows += [("odd", "[]"), ("forgotten", None)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO inbox (channel, source, source_id, body, body_sha256, received_at) "
            "VALUES (?, 'telegram', ?, ?, '', ?)",
            [(CHANNEL, *row, time()) for row in rows],
        )
    migrate(path)
    return path


async def test_a_letter_says_whose_it_is(store: Store, path: Path) -> None:
    """As soon as it is accepted, also when nothing is delivered for it; nobody's is nobody's."""
    await store.accept(letters.event("e1", "7"))
    await letters.known(store, Wants("8"))
    await letters.known(store, Wants())
    assert sorted(map(str, whose(path).values())) == ["7", "8", "None"]
    assert await store.next_unfilled() is None


async def test_old_letters_are_filled_in_by_parts(older: Path) -> None:
    """The newest first, none twice, and what cannot be read costs nobody else's."""
    async with open_store(older) as store:
        first = await store.next_unfilled()
        assert first is not None
        assert len(first.letters) <= PART
        assert str(3 * PART - 1) in {letter.source_id for letter in first.letters.values()}
        await fill_clients(store, {CHANNEL: read}, pause=0.0)
        assert await store.next_unfilled() is None
    found = whose(older)
    assert found.pop("odd") is None
    assert found.pop("forgotten") is None
    assert found == {str(number): str(number % 3) for number in range(3 * PART)}


async def test_a_restart_goes_on_where_it_was(older: Path) -> None:
    """What is noted stays so, what was not yet is handed out again, and new letters are none of its business."""
    async with open_store(older) as store:
        first = await store.next_unfilled()
        assert first is not None
        await store.fill(Filled(dict.fromkeys(first.letters, "first"), first.next_id))
        assert await store.next_unfilled() is not None  # and the process ends here
    async with open_store(older) as store:
        await store.accept(letters.event("new", "9"))
        await fill_clients(store, {CHANNEL: read}, pause=0.0)
    found = whose(older)
    assert {found[letter.source_id] for letter in first.letters.values()} == {"first"}
    assert found["new"] == "9"
    assert (found["0"], found["1"]) == ("0", "1")


async def test_a_relay_fills_them_in_after_its_start(
    telegram: TelegramLookAlike, kit: KitLookAlike, older: Path
) -> None:
    """By what the letters say today, while it does its work; and the log says when that is done."""
    anna = {"id": 42, "first_name": "Anna"}
    message = {"message_id": 1, "date": 1, "text": "hi", "chat": {**anna, "type": "private"}, "from": anna}
    update = {"update_id": 5, "message": {**message, "from": {**anna, "is_bot": False}}}
    with closing(sqlite3.connect(older)) as connection, connection:
        connection.execute("UPDATE inbox SET body = ? WHERE source_id = '7'", [json.dumps(update)])
    home = older.parent / "home"
    async with relay_between(telegram, kit, home) as relay:
        (home / "relay.db").write_bytes(older.read_bytes())  # noqa: ASYNC240 - a test may look
        await relay.start()

        async def filled() -> bool:
            return "backfill.done" in relay.log

        await eventually(filled)
        await relay.ready()
        assert await relay.stop() == 0
    assert whose(home / "relay.db")["7"] == "42"
