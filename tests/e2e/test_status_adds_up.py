"""`relay status` adds up: it says what `/readyz` says, whose fault it is, and where every letter is."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.engine.connection import Connection
from tests.databases import change
from tests.e2e.inside import InnerRelay
from tests.e2e.process import RelayProcess, command
from tests.waiting import eventually


async def asked(relay: RelayProcess) -> tuple[int, dict[str, Any], str]:
    """The exit status, the JSON and the words."""
    code, document, _ = await command(relay, "status", "--json")
    _, words, _ = await command(relay, "status")
    return code, json.loads(document), words


async def test_every_letter_is_somewhere(telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess) -> None:
    """In all: received + retried = delivered + waiting + died + declined; and unknown clients are told."""
    anna = telegram.customer()
    anna.writes("hello")
    await kit.wait_for(lambda: kit.texts(anna.id))
    assert await kit.agent_says(anna.id, "hi") == 200
    assert await kit.agent_says("404", "is anybody there?") == 200
    assert await kit.close_conversation(anna.id) == 200
    await relay.settled("to_telegram")
    await relay.ready()

    async def named() -> bool:
        return "@" in (await command(relay, "status"))[1]

    await eventually(named)
    code, found, words = await asked(relay)
    [channel] = found["channels"]
    assert code == 0
    for figures in channel["directions"].values():
        totals = figures["totals"]
        became = totals["delivered"] + figures["waiting"] + totals["dead"] + totals["declined"]
        assert totals["received"] + totals["revived"] == became
    assert channel["directions"]["to_telegram"]["totals"]["declined"] == 2
    assert channel["unknown_clients"] == 1
    assert f"channel {channel['name']} @{channel['username']}" in words
    assert channel["username"] == "sandbox_support_bot"
    assert "1 message of Kit's was for customers who never wrote to this bot" in words
    assert 0 < channel["directions"]["to_kit"]["attempt_seconds"] < 5
    assert "slow" not in words


async def test_what_waits_for_long_is_not_well_and_what_is_held_is_told(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, tmp_path: Path
) -> None:
    """Each side is well, and one message has waited for ten minutes: /readyz 503, so exit 1, with the same words."""
    anna = telegram.customer()
    anna.writes("hello")
    await relay.settled("to_kit")
    kit.faults.down = True
    anna.writes("waits")
    await relay.unready("kit")
    change(
        tmp_path,
        "UPDATE outbox SET accepted_at = accepted_at - 600 WHERE status = 'waiting'",
        "UPDATE lane SET due_at = due_at + 1800, backs_off = 0 WHERE due_at IS NOT NULL",
    )
    kit.faults.down = False
    telegram.customer(8).writes("gets through")
    reason = await relay.unready("oldest_waiting")
    await eventually(lambda: _only_unwell(relay, "oldest_waiting"))
    code, found, words = await asked(relay)
    assert "a message to Kit has waited 6" in reason
    assert code == 1
    assert {name for name, check in found["checks"].items() if not check["ok"]} == {"oldest_waiting"}
    assert "✗ waiting   a message to Kit has waited" in words
    assert "held to Kit: 1 chat waits for the next attempt, for 30 min at most" in words


async def _only_unwell(relay: RelayProcess, check: str) -> bool:
    return (await relay.readiness()).unwell == {check}


@pytest.mark.parametrize("side", ["telegram", "kit"])
async def test_a_full_disk_is_the_databases(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay, side: str
) -> None:
    """Whoever brings what cannot be stored: the database is not well, with SQLite's words, and neither side is blamed.

    When there is room again, what waited at Telegram goes on.
    """
    anna = telegram.customer()
    await inner.ready()
    anna.writes("hello")
    await kit.wait_for(lambda: kit.texts(anna.id))
    await inner.settled("to_kit")
    pages = await inner.relay.store._database.run(_page_count, None)
    await inner.relay.store._database.run(_limit, pages)
    long = "word " * 800
    if side == "telegram":
        for _ in range(20):
            anna.writes(long)
    else:
        await kit.agent_says(anna.id, long * 20)
    reason = await inner.unready("database")
    readiness = await inner.readiness()
    await inner.relay.store._database.run(_limit, 2**30)
    if side == "telegram":
        await kit.wait_for(lambda: len(kit.texts(anna.id)) == 21)
        await inner.ready()
    assert "cannot commit" in reason
    assert "full" in reason
    assert readiness.unwell == {"database"}


def _page_count(tx: Connection, _now: float, items: Sequence[None]) -> list[int]:
    return [tx.exec_driver_sql("PRAGMA page_count").scalar()] * len(items)


def _limit(tx: Connection, _now: float, items: Sequence[int]) -> list[None]:
    tx.exec_driver_sql(f"PRAGMA max_page_count={items[0]}")
    return [None] * len(items)
