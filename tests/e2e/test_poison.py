"""Updates that nobody understands: their neighbours arrive, they themselves are kept with a reason, polling goes on."""

import time
from pathlib import Path
from typing import Any

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.databases import rows
from tests.e2e.inside import relay_inside

USER = {"id": 7_000_000, "is_bot": False, "first_name": "Poison"}
CHAT = {"id": 7_000_000, "type": "private", "first_name": "Poison"}
MESSAGE = {"message_id": 5, "date": int(time.time()), "chat": CHAT, "from": USER, "text": "ill"}

DEAD: dict[str, dict[str, Any]] = {
    "a chat of no kind": {"message": MESSAGE | {"chat": {"id": 7_000_000}}},
    "a message that is a number": {"message": 5},
}
#: What python-telegram-bot refuses, and what the agent reads all the same.
READ_IN_PART: dict[str, tuple[dict[str, Any], str]] = {
    "no date": ({"message": {name: value for name, value in MESSAGE.items() if name != "date"}}, "ill"),
    "a user without is_bot": ({"message": MESSAGE | {"from": {"id": 7_000_000, "first_name": "Poison"}}}, "ill"),
    "a date in words": ({"message": MESSAGE | {"date": "yesterday"}}, "ill"),
    "a date beyond all calendars": ({"message": MESSAGE | {"date": 10**18}}, "ill"),
    "entities that are none": ({"message": MESSAGE | {"entities": [1, None]}}, "ill"),
    "a photo without sizes": (
        {"message": MESSAGE | {"text": None, "photo": [{}], "caption": "look"}},
        "[photo]\n(not all of this message could be read)\nlook",
    ),
}
DECLINED: dict[str, dict[str, Any]] = {
    "no chat": {"message": {name: value for name, value in MESSAGE.items() if name != "chat"}},
    "an id beyond 64 bits": {"message": MESSAGE | {"from": USER | {"id": 2**70}}},
    "nothing but its id": {},
    "an unknown kind": {"telepathy": {"from": USER, "thought": "hm"}},
}
DELIVERED: dict[str, dict[str, Any]] = {
    "an entity beyond the text": {"message": MESSAGE | {"entities": [{"type": "bold", "offset": -1, "length": 10**9}]}},
    "a lone surrogate": {"message": MESSAGE | {"text": "\ud83d"}},
    "zero bytes": {"message": MESSAGE | {"text": "\x00\x00"}},
}


@pytest.mark.parametrize(
    ("update", "dead", "declined"),
    [
        *(pytest.param(update, 1, 0, id=kind) for kind, update in DEAD.items()),
        *(pytest.param(update, 0, 1, id=kind) for kind, update in DECLINED.items()),
        *(pytest.param(update, 0, 0, id=kind) for kind, update in DELIVERED.items()),
    ],
)
async def test_a_poison_update_harms_nobody(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, update: dict[str, Any], dead: int, declined: int
) -> None:
    """Its neighbours in the batch arrive, it is kept with a reason if it cannot, and the offset moves past it."""
    anna = telegram.customer(107804195)
    anna.writes("before")
    telegram.updates.push([dict(update)])
    anna.writes("after")
    # Given out as it lies there: the look-alike, like Telegram, would keep kinds back that nobody asked for.
    telegram.faults.answer_next(200, payload={"ok": True, "result": telegram.updates.pending}, on="getUpdates")
    async with relay_inside(telegram, kit, tmp_path) as relay:
        await kit.wait_for(lambda: kit.texts(anna.id) == ["before", "after"])
        await telegram.wait_for(lambda: telegram.updates.pending_count == 0)
        figures = await relay.settled("to_kit")
    assert (figures.received, figures.dead, figures.declined, figures.unaccounted) == (3, dead, declined, 0)
    kept = _kept(tmp_path)
    assert len(kept) == dead + declined
    for reason, body in kept:
        assert reason
        assert "Poison" not in reason, "a reason holds no customer's words"
        assert "update_id" in body, "the raw update stays for a later try"


@pytest.mark.parametrize(("update", "text"), READ_IN_PART.values(), ids=READ_IN_PART)
async def test_what_can_be_read_of_it_reaches_the_agent(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, update: dict[str, Any], text: str
) -> None:
    """The customer's words stand plainly in the update: no dead letter, the raw letter stays, and it is counted."""
    written_now = dict(update)
    date = update["message"].get("date")
    if isinstance(date, int) and 0 < date < 2**31:  # else when it was written would stand above it
        written_now["message"] = {**update["message"], "date": int(time.time())}
    telegram.updates.push([dict(written_now)])
    telegram.faults.answer_next(200, payload={"ok": True, "result": telegram.updates.pending}, on="getUpdates")
    async with relay_inside(telegram, kit, tmp_path) as relay:
        await kit.wait_for(lambda: kit.texts(7_000_000) == [text])
        figures = await relay.settled("to_kit")
        assert await relay.metric("relay_updates_read_in_part_total") == 1
    assert (figures.received, figures.delivered, figures.dead, figures.unaccounted) == (1, 1, 0, 0)
    [(body,)] = rows(tmp_path, "SELECT body FROM inbox")
    assert '"Poison"' in body


def _kept(home: Path) -> list[tuple[str, str]]:
    """Reason and raw body of every letter that is not delivered."""
    kept = rows(
        home,
        "SELECT coalesce(inbox.declined, outbox.reason), inbox.body FROM inbox"
        " LEFT JOIN outbox ON outbox.letter_id = inbox.id"
        " WHERE inbox.declined IS NOT NULL OR outbox.status = 'dead'",
    )
    return [(reason, body) for reason, body in kept]


@pytest.mark.parametrize(
    "answer",
    [
        b'{"ok": true, "result": [null, 5, "x", {}, {"update_id": "7"}]}',
        b'{"ok": true, "result": {"not": "a list"}}',
        b'{"ok": true, "result": null}',
        b"<html>captive portal</html>",
    ],
)
async def test_rubbish_instead_of_updates_does_not_stop_polling(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, answer: bytes
) -> None:
    """An answer without a single update is passed over, and the next good one is taken."""
    telegram.faults.answer_next(200, body=answer, on="getUpdates")
    anna = telegram.customer(107804195)
    anna.writes("still here?")
    async with relay_inside(telegram, kit, tmp_path):
        await kit.wait_for(lambda: kit.texts(anna.id) == ["still here?"])


async def test_an_odd_connection_id_does_not_stop_polling(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """A lone surrogate, which no database holds, where the id of a Business connection should be."""
    anna = telegram.customer(107804195)
    message = {"message_id": 5, "from": anna.user, "chat": anna.chat, "date": 1, "text": "odd"}
    telegram.updates.push([{"business_message": {**message, "business_connection_id": "\ud800"}}])
    anna.writes("still here?")
    async with relay_inside(telegram, kit, tmp_path) as relay:
        await kit.wait_for(lambda: "still here?" in kit.texts(anna.id))
        assert (await relay.settled("to_kit")).unaccounted == 0
