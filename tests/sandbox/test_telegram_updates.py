"""getUpdates confirms by offset and knows one poller."""

import asyncio
from typing import Any

import aiohttp
import pytest
from telegram import Update

from relay.sandbox.telegram.server import TelegramLookAlike

Json = dict[str, Any]


async def get_updates(http: aiohttp.ClientSession, telegram: TelegramLookAlike, **params: object) -> Json:
    async with http.post(f"{telegram.url}/bot{telegram.token}/getUpdates", json=params) as answer:
        document: Json = await answer.json()
        assert answer.status == document.get("error_code", 200)
        return document


def ids(document: Json) -> list[int]:
    return [update["update_id"] for update in document["result"]]


async def test_updates_come_again_until_an_offset_confirms_them(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """What lies below the offset is dropped, and only that."""
    first, second, third = (telegram.customer().writes(text)["update_id"] for text in "abc")
    assert ids(await get_updates(http, telegram)) == [first, second, third]
    assert ids(await get_updates(http, telegram, limit=1)) == [first]
    assert ids(await get_updates(http, telegram, offset=third)) == [third]
    assert ids(await get_updates(http, telegram)) == [third]
    assert telegram.updates.confirmed == 2


async def test_a_negative_offset_forgets_all_but_the_last(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """offset=-1 leaves the newest update only."""
    *_, last = (telegram.customer().writes(text)["update_id"] for text in "abc")
    assert ids(await get_updates(http, telegram, offset=-1)) == [last]
    assert ids(await get_updates(http, telegram)) == [last]


async def test_an_offset_from_another_life_confirms_nothing(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """When update ids began anew below the caller's offset, the queue answers from its head."""
    telegram.push_update({"update_id": 41, "message": telegram.customer().message({"text": "anew"})})
    assert ids(await get_updates(http, telegram, offset=900_000_000)) == [41]
    assert telegram.updates.pending_count == 1


async def test_a_long_poll_ends_with_the_update_that_it_waited_for(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """An update wakes an open poll at once."""
    poll = asyncio.create_task(get_updates(http, telegram, timeout=30))
    await telegram.wait_for(lambda: telegram.updates.is_polled)
    telegram.customer().writes("hello")
    assert (await poll)["result"][0]["message"]["text"] == "hello"


async def test_a_second_poller_ends_the_first_with_409(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """Two instances of one bot are told so."""
    first = asyncio.create_task(get_updates(http, telegram, timeout=30))
    await telegram.wait_for(lambda: telegram.updates.is_polled)
    second = asyncio.create_task(get_updates(http, telegram, timeout=30))
    conflict = await first
    assert conflict["error_code"] == 409
    assert conflict["description"].startswith("Conflict: terminated by other getUpdates request")
    telegram.customer().writes("for the second")
    assert len((await second)["result"]) == 1


async def test_polling_under_a_webhook_is_a_conflict(telegram: TelegramLookAlike, http: aiohttp.ClientSession) -> None:
    """Every getUpdates is answered 409 until the webhook is deleted."""
    hook = f"{telegram.url}/bot{telegram.token}/setWebhook"
    async with http.post(hook, data={"url": "https://example.com/hook", "secret_token": "s" * 257}) as answer:
        assert answer.status == 400
    async with http.post(hook, data={"url": "https://example.com/hook", "secret_token": "s3cret"}) as answer:
        assert answer.status == 200
    assert (await get_updates(http, telegram))["error_code"] == 409
    async with http.get(f"{telegram.url}/bot{telegram.token}/deleteWebhook") as answer:
        assert answer.status == 200
    assert (await get_updates(http, telegram))["result"] == []


async def test_reactions_come_only_when_asked_for(telegram: TelegramLookAlike, http: aiohttp.ClientSession) -> None:
    """message_reaction must stand in allowed_updates; the last list given holds."""
    customer = telegram.customer()
    customer.reacts(customer.writes("hi")["message"]["message_id"], "👍")
    assert len((await get_updates(http, telegram))["result"]) == 1
    asked = await get_updates(http, telegram, allowed_updates=["message", "message_reaction"])
    assert len(asked["result"]) == 2
    assert len((await get_updates(http, telegram))["result"]) == 2


async def test_an_abandoned_poll_leaves_no_trace(telegram: TelegramLookAlike, http: aiohttp.ClientSession) -> None:
    """A client that hangs up takes no update with it."""
    poll = asyncio.create_task(get_updates(http, telegram, timeout=30))
    await telegram.wait_for(lambda: telegram.updates.is_polled)
    poll.cancel()
    await asyncio.gather(poll, return_exceptions=True)
    telegram.customer().writes("still here")
    assert len((await get_updates(http, telegram))["result"]) == 1


@pytest.mark.parametrize(
    "act",
    [
        lambda c: c.writes("/help me"),
        lambda c: c.starts("spring-sale"),
        lambda c: c.sends_photo(caption="look"),
        lambda c: c.sends_video(caption="look"),
        lambda c: c.sends_animation(),
        lambda c: c.sends_audio(file_name="a.mp3", mime_type="audio/mpeg"),
        lambda c: c.sends_voice(size=12_000),
        lambda c: c.sends_video_note(),
        lambda c: c.sends_document(b"%PDF", file_name="договор №5.pdf", mime_type="application/pdf"),
        lambda c: c.sends_sticker(),
        lambda c: c.sends_album([("photo", None, "one"), ("video", None, None)])[0],
        lambda c: c.sends_location(),
        lambda c: c.sends_contact(own=True),
        lambda c: c.edits(c.writes("old")["message"]["message_id"], "new"),
        lambda c: c.presses(c.message({"text": "choose"}), "yes"),
        lambda c: c.reacts(1, "👍"),
        lambda c: c.blocks_bot(),
        lambda c: c.unblocks_bot(),
    ],
)
def test_what_customers_do_reads_as_real_updates(act: Any) -> None:
    """python-telegram-bot parses every update, and knows every field in it."""
    update = act(TelegramLookAlike().customer())
    parsed = Update.de_json(update, None)
    assert parsed.effective_user is not None
    assert not parsed.api_kwargs
    assert parsed.effective_message is None or not parsed.effective_message.api_kwargs
