"""Who customers are and where they come from: what Kit is told of them, by the relay as a process of its own."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp

from relay.sandbox.content import png
from relay.sandbox.kit import KitLookAlike
from relay.sandbox.telegram import TelegramLookAlike
from relay.words.catalogue import words_for
from tests.e2e.process import RelayProcess, relay_between
from tests.waiting import eventually

ANNA = "107804195"


def told(kit: KitLookAlike, client: str = ANNA) -> list[dict[str, Any]]:
    """What Kit was told of a customer with each message."""
    return [sent.client_data for sent in kit.messages(client)]


async def looked_up(relay: RelayProcess) -> None:
    """Return once every customer's picture has been looked up."""

    async def done() -> bool:
        with closing(sqlite3.connect(relay.home / "relay.db")) as database:
            rows = database.execute("SELECT count(*), count(avatar_checked_at) FROM client_link").fetchone()
        return bool(rows[0] == rows[1] > 0)

    await eventually(done)


async def opened(link: str) -> tuple[int, str, bytes]:
    """Status, type and bytes of what a link opens."""
    async with aiohttp.ClientSession() as session, session.get(link) as answer:
        return answer.status, answer.content_type, await answer.read()


async def test_a_customers_picture_comes_with_the_second_message(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """It opens through our link, outlives a restart, and is another one a day after the customer changed it."""
    anna = telegram.customer(int(ANNA))
    anna.wears_photo(png(8, 8))
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        anna.writes("one")
        await looked_up(relay)
        anna.writes("two")
        await kit.wait_for(lambda: len(told(kit)) == 2)
        assert "client_avatar" not in told(kit)[0]
        link = told(kit)[1]["client_avatar"]
        assert link.startswith(f"{relay.url}/media/")
        assert telegram.token not in link
        assert await opened(link) == (200, "image/jpeg", png(8, 8))

        assert await relay.stop() == 0
        anna.wears_photo(png(16, 16))
        await relay.start()
        anna.writes("three")
        await kit.wait_for(lambda: len(told(kit)) == 3)
        assert told(kit)[2]["client_avatar"] == link

        assert await relay.stop() == 0
        with closing(sqlite3.connect(tmp_path / "relay.db")) as database, database:
            database.execute("UPDATE client_link SET avatar_checked_at = avatar_checked_at - 86400")
        await relay.start()
        anna.writes("four")
        await telegram.wait_for(lambda: [call.method for call in telegram.calls].count("getUserProfilePhotos") == 2)
        anna.writes("five")
        await kit.wait_for(lambda: len(told(kit)) == 5)
        anna.writes("six")
        await kit.wait_for(lambda: len(told(kit)) == 6)
        newer = told(kit)[5]["client_avatar"]
        assert newer != link
        assert await opened(newer) == (200, "image/jpeg", png(16, 16))
        assert (await opened(link))[2] == png(16, 16), "what Kit still shows is not broken"


async def test_a_picture_delays_no_message(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """While Telegram keeps silent about pictures, messages go both ways."""
    anna = telegram.customer(int(ANNA))
    telegram.faults.hold, telegram.faults.hold_on = asyncio.Event(), "getUserProfilePhotos"
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        anna.writes("one")
        anna.writes("two")
        await kit.wait_for(lambda: kit.texts(ANNA) == ["one", "two"], 5)
        await kit.agent_says(ANNA, "hello")
        await telegram.wait_for(lambda: telegram.chat(anna.id).texts == ["hello"], 5)
        assert await relay.stop() == 0


async def test_a_customer_shares_the_number_by_a_key(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Start shows the key in the customer's language; pressed, it is gone, and Kit knows the number from then on."""
    words = words_for("ru")
    anna = telegram.customer(int(ANNA), language_code="ru")
    async with relay_between(telegram, kit, tmp_path, RELAY_ASK_PHONE="start") as relay:
        await relay.start()
        anna.starts()
        chat = telegram.chat(anna.id)
        await telegram.wait_for(lambda: chat.texts == [words.say("customer.share_phone_prompt")])
        anna.presses_key(words.say("customer.share_phone_button"))
        await telegram.wait_for(lambda: chat.texts[1:] == [words.say("customer.share_phone_thanks")])
        assert chat.keyboard == []
        anna.writes("thanks")
        await kit.wait_for(lambda: len(told(kit)) == 3)
        assert [data.get("client_phone") for data in told(kit)] == [None, "+4930123456", "+4930123456"]
        figures = await relay.settled("to_telegram")
        assert (figures.received, figures.delivered, figures.unaccounted) == (2, 2, 0)


async def test_a_file_over_the_limit_is_told_to_both_sides_once(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """The agent reads name and size, the customer one line, though Telegram repeats the update after a crash."""
    anna = telegram.customer(int(ANNA), language_code="de")
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        update = anna.sends_video(b"film", file_name="film.mp4", size=30 << 20)
        expected = words_for("de").say("customer.too_large", name="film.mp4", megabytes=30.0)
        await telegram.wait_for(lambda: telegram.chat(anna.id).texts == [expected])
        await relay.settled("to_telegram")
        await relay.kill()
        telegram.push_update(dict(update))
        await relay.start()
        anna.writes("and?")
        await kit.wait_for(lambda: len(kit.texts(ANNA)) == 2)
        figures = await relay.settled("to_telegram")
        assert (figures.received, figures.delivered) == (1, 1)
    assert kit.texts(ANNA) == ["[video] film.mp4, 30.0 MB: too large to be passed on", "and?"]
    assert telegram.chat(anna.id).texts == [expected]


async def test_a_local_bot_api_server_raises_the_limit(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """What is too large for the cloud goes through, and nobody is told of a limit."""
    anna = telegram.customer(int(ANNA))
    telegram.files.download_limit = 2000 << 20
    async with relay_between(telegram, kit, tmp_path, TELEGRAM_LOCAL_API="true") as relay:
        await relay.start()
        anna.sends_document(file_name="film.mkv", size=30 << 20)
        [message] = await kit.wait_for(lambda: kit.messages(ANNA))
        assert [item["file_name"] for item in message.payload] == ["film.mkv"]
    assert telegram.chat(anna.id).texts == []
