"""Updates that Telegram brings: the same promises as those that are polled, and a change of mode that loses nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.engine.connection import Connection
from relay.web.telegram_webhook import SECRET_HEADER
from tests.e2e.inside import InnerRelay, relay_inside
from tests.e2e.process import relay_between

ANNA: Final = "107804195"
SECRET: Final = "s3cret-of-the-webhook-0123456789abcdef"
WEBHOOK: Final = {"TELEGRAM_MODE": "webhook", "TELEGRAM_WEBHOOK_SECRET": SECRET}


async def post(relay: InnerRelay, body: bytes, secret: str | None = SECRET) -> tuple[int, bytes, str | None]:
    headers = {} if secret is None else {SECRET_HEADER: secret}
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{relay.port}/telegram/webhook"
        async with session.post(url, data=body, headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers.get("Retry-After")


async def test_telegram_brings_what_customers_write(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """The relay registers its address with its secret and every kind of update, drops nothing, and takes what comes."""
    anna = telegram.customer(int(ANNA))
    anna.writes("written before there was a relay")
    async with relay_inside(telegram, kit, tmp_path, **WEBHOOK) as relay:
        await kit.wait_for(lambda: kit.texts(ANNA) == ["written before there was a relay"])
        for number in range(20):
            anna.writes(f"number {number}")
        await kit.wait_for(lambda: len(kit.texts(ANNA)) == 21)
        registered = telegram.administration.webhook
        assert await kit.agent_says(ANNA, "and an answer") == 200
        await telegram.wait_for(lambda: telegram.chat(anna.id).texts == ["and an answer"])
        ready = await relay.get("/readyz")
    assert kit.texts(ANNA)[1:] == [f"number {number}" for number in range(20)]
    assert registered["secret_token"] == SECRET
    assert registered["url"].endswith("/telegram/webhook")
    assert {"message", "message_reaction", "business_message", "my_chat_member"} <= set(registered["allowed_updates"])
    assert not registered.get("drop_pending_updates")
    assert telegram.updates.pending == []
    assert telegram.webhooks.executed == []
    assert ready[0] == 200


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x", "ß" * 30], ids=str)
async def test_nobody_else_brings_anything(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, secret: str | None
) -> None:
    """Without the secret nothing is read, nothing stored, and nothing told."""
    async with relay_inside(telegram, kit, tmp_path, **WEBHOOK) as relay:
        body = b'{"update_id": 1, "message": {"text": "forged"}}'
        assert await post(relay, body, secret) == (401, b"", None)
        assert (await relay.relay.store.count(relay.relay.channels[0].channel.key)).totals == {}


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[]", 200), (b'{"update_id": "x"}', 200), (b'{"update_id": 7}', 200)]
)
async def test_what_is_odd_holds_up_no_chat(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, body: bytes, status: int
) -> None:
    """An answer is empty, since Telegram executes what stands in it; what cannot be stored is not asked for again."""
    async with relay_inside(telegram, kit, tmp_path, **WEBHOOK) as relay:
        assert await post(relay, body) == (status, b"", None)


async def _limit_pages(relay: InnerRelay, pages: int) -> None:
    """The disk is full, or has room again."""

    def limit(tx: Connection, _now: float, items: Sequence[int]) -> list[None]:
        tx.exec_driver_sql(f"PRAGMA max_page_count={items[0]}")
        return [None] * len(items)

    await relay.relay.store._database.run(limit, pages)


async def test_a_store_that_cannot_commit_is_told_to_telegram(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """503 with Retry-After, and the update comes again until it is on disk."""
    anna = telegram.customer(int(ANNA))
    async with relay_inside(telegram, kit, tmp_path, **WEBHOOK) as relay:
        anna.writes("first")
        await kit.wait_for(lambda: kit.texts(ANNA) == ["first"])
        await _limit_pages(relay, 1)
        status, body, after = await post(relay, b'{"update_id": 99, "message": {"text": "' + b"x" * 900_000 + b'"}}')
        assert (status, body, after) == (503, b"", "5")
        await _limit_pages(relay, 1_000_000)
        anna.writes("second")
        await kit.wait_for(lambda: kit.texts(ANNA) == ["first", "second"])


async def test_a_change_of_mode_loses_and_repeats_nothing(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Polling, webhook, polling: what is written in each mode and in between arrives once, in order."""
    anna = telegram.customer(int(ANNA))
    wanted: list[str] = []

    def write() -> None:
        wanted.append(f"number {len(wanted)}")
        anna.writes(wanted[-1])

    async with relay_between(telegram, kit, tmp_path, **WEBHOOK) as relay:
        for mode in ("polling", "webhook", "polling", "webhook", "polling"):
            relay.environment["TELEGRAM_MODE"] = mode
            await relay.start()
            for _ in range(3):
                write()
            await kit.wait_for(lambda: len(kit.texts(ANNA)) == len(wanted))
            await relay.stop()
            write()
        await relay.start()
        await kit.wait_for(lambda: len(kit.texts(ANNA)) == len(wanted))
    assert kit.texts(ANNA) == wanted


async def test_a_webhook_of_others_is_not_taken_away(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """A relay that polls ends only a webhook that was its own; of another one it says so."""
    elsewhere = "https://other.example/hook"
    telegram.administration.perform("setWebhook", {"url": elsewhere})
    async with relay_inside(telegram, kit, tmp_path) as relay:
        assert "a webhook is set for this bot" in await relay.unready("telegram")
    assert telegram.updates.webhook_url == elsewhere


async def test_killed_again_and_again_it_loses_nothing(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """`kill -9` while Telegram brings: what got its 2xx is on disk, and the rest comes again."""
    people = [telegram.customer(5_000_001 + number) for number in range(10)]
    async with relay_between(telegram, kit, tmp_path, **WEBHOOK) as relay:
        await relay.start()
        for round_ in range(3):
            for number in range(10):
                for one in people:
                    one.writes(f"{one.id}:{round_ * 10 + number}")
            await _some_arrived(kit, 100 * round_ + 30)
            await relay.kill()
            await relay.start()
        await kit.wait_for(lambda: sum(len(kit.texts(one.id)) for one in people) == 300)
    for one in people:
        assert kit.texts(one.id) == [f"{one.id}:{number}" for number in range(30)]


async def _some_arrived(kit: KitLookAlike, count: int) -> None:
    await kit.wait_for(lambda: len(kit.events) >= count)
