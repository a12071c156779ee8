"""Several bots, each with its Kit channel, in one relay; and secrets that are changed without losing a chat."""

import json
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.content import png
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import RelayProcess
from tests.e2e.several import Pair, Several, several_channels

ANNA = 107804195
PREVIOUS = "relay_callbacks_signed_with_previous_total"


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Several]:
    async with several_channels(tmp_path) as several:
        await several.relay.start()
        yield several


async def talk(pair: Pair, words: str) -> None:
    """The customer writes, the agent answers; both have it."""
    pair.telegram.customer(ANNA).writes(words)
    await pair.kit.wait_for(lambda: words in pair.kit.texts(ANNA))
    await pair.kit.agent_says(ANNA, f"{words}, yes")
    await pair.telegram.wait_for(lambda: f"{words}, yes" in pair.telegram.chat(ANNA).texts)


async def seconds_of_talk(pair: Pair, words: str) -> float:
    """How long it takes."""
    began = time.monotonic()
    await talk(pair, words)
    return time.monotonic() - began


async def test_two_bots_talk_to_two_kits(both: Several) -> None:
    """The same person writes to both bots: two conversations that know nothing of each other, told apart everywhere."""
    await talk(both.support, "my parcel")
    await talk(both.sales, "your price")
    assert both.support.kit.texts(ANNA) == ["my parcel"]
    assert both.sales.telegram.chat(ANNA).texts == ["your price, yes"]
    for name in ("support", "sales"):
        for figures in (await both.relay.all_figures(name)).values():
            assert (figures.received, figures.delivered, figures.unaccounted) == (1, 1, 0)
        assert await both.relay.metric("relay_updates_total", channel=name, verdict="accepted") == 1
        assert await both.relay.metric("relay_callbacks_total", channel=name, verdict="accepted") == 1
    lines = [json.loads(line) for line in both.relay.log.splitlines()]
    said = {"update.received", "callback.received", "delivery.attempted", "kit.logged_in"}
    about = {(line["event"], line.get("channel")) for line in lines if line["event"] in said}
    assert about == {(event, name) for event in said for name in ("support", "sales")}


async def test_a_file_is_opened_by_the_bot_that_got_it(both: Several) -> None:
    """A media link of one channel streams from that channel's bot: a file_id is worth nothing to another one."""
    photo = png(40, 30)
    both.sales.telegram.customer(ANNA).sends_photo(photo)
    await both.sales.kit.wait_for(lambda: both.sales.kit.messages(ANNA))
    [item] = both.sales.kit.messages(ANNA)[0].payload
    async with aiohttp.ClientSession() as agent, agent.get(item["file_url"]) as response:
        assert (response.status, await response.read()) == (200, photo)


async def test_a_callback_opens_only_its_own_channel(both: Several) -> None:
    """What the one Kit signs is refused at the other's path, and at the path of a channel that there is not."""
    await talk(both.support, "hello")
    await talk(both.sales, "hello")
    for path, status in (("sales", 401), ("nobody", 404), ("", 404)):
        both.support.kit.callbacks.url = f"{both.relay.url}/kit/callback/{path}".rstrip("/")
        assert await both.support.kit.agent_says(ANNA, "to the wrong door") == status
    await talk(both.sales, "still here")
    assert both.sales.telegram.chat(ANNA).texts == ["hello, yes", "still here, yes"]
    assert both.support.telegram.chat(ANNA).texts == ["hello, yes"]


async def test_one_kit_is_down_and_the_other_channel_flows(both: Several) -> None:
    """Its customers' words wait and arrive once it is back; the other channel's talk as ever; /readyz names who."""
    await talk(both.support, "before")
    await both.relay.ready()
    started = time.monotonic()
    for number in range(10):
        await talk(both.sales, f"calm {number}")
    calm = time.monotonic() - started
    both.support.kit.faults.down = True
    anna = both.support.telegram.customer(ANNA)
    anna.writes("during")
    assert "answer was lost" in await both.relay.unready("support/kit", within=20)
    started = time.monotonic()
    for number in range(10):
        await talk(both.sales, f"flows {number}")
    assert time.monotonic() - started < 3 * calm + 1
    readiness = await both.relay.readiness()
    assert readiness.status == 503
    assert readiness.unwell == {"support/kit"}
    assert (await both.relay.figures("to_kit", "support")).waiting == 1
    both.support.kit.faults.clear()
    await both.support.kit.wait_for(lambda: both.support.kit.texts(ANNA) == ["before", "during"])
    await both.relay.ready()


async def test_a_wrong_token_stops_only_its_channel(tmp_path: Path) -> None:
    """The bot that Telegram does not know says so; the other channel starts and talks."""
    async with several_channels(tmp_path) as both:
        both.support.telegram.token = "123456789:a-token-that-is-not-in-the-file-000"
        await both.relay.start()
        await talk(both.sales, "hello")
        assert await both.relay.unready("support/telegram") == "Telegram refused the bot token"
        assert (await both.relay.readiness()).unwell == {"support/telegram"}
        assert await both.relay.stop() == 0


async def test_a_flood_costs_the_other_channel_nothing(both: Several) -> None:
    """While one channel's customers write a thousand messages to a slow Kit, the other's answer within a second."""
    calm = [await seconds_of_talk(both.sales, f"before {number}") for number in range(3)]
    both.support.kit.faults.latency = 0.5
    for customer in range(50):
        someone = both.support.telegram.customer(8_000_000 + customer)
        for number in range(20):
            someone.writes(str(number))
    await both.support.kit.wait_for(lambda: len(both.support.kit.events) >= 50)
    took = [await seconds_of_talk(both.sales, f"in between {number}") for number in range(5)]
    assert statistics.median(took) < statistics.median(calm) + 1  # more than it takes anyway
    assert (await both.relay.figures("to_kit", "support")).waiting > 100, "the flood was over already"


@pytest.mark.timeout(120)
async def test_two_channels_survive_kills(tmp_path: Path) -> None:
    """`kill -9` under load in both: the same update ids mean different things in each, and all arrive, in order."""
    updates, chats = 300, 15
    async with several_channels(tmp_path) as both:
        pairs = (both.support, both.sales)
        for pair in pairs:
            pair.kit.faults.latency = 0.02
            pair.telegram.backlog(updates, chats)
        for kill in range(1, 4):
            await both.relay.start()
            for pair in pairs:
                await pair.kit.wait_for(lambda pair=pair, kill=kill: len(pair.kit.events) >= kill * updates // 5)  # type: ignore[misc]
            await both.relay.kill()
        await both.relay.start()
        for pair in pairs:
            await pair.kit.wait_for(lambda pair=pair: len({sent.event_id for sent in pair.kit.events}) == updates)  # type: ignore[misc]
            figures = await both.relay.settled("to_kit", channel=pair.name)
            assert (figures.received, figures.delivered, figures.unaccounted) == (updates, updates, 0)
        assert await both.relay.stop() == 0
    for pair in pairs:
        assert pair.kit.contradictions == []
        for client in pair.kit.clients:
            numbers = [int(text.split(":")[1]) for text in pair.kit.texts(client) if text]
            assert numbers == list(range(numbers[0], numbers[0] + updates // chats))
    shared = {sent.event_id for sent in both.support.kit.events} & {sent.event_id for sent in both.sales.kit.events}
    assert not shared, "an event of one channel looks like one of the other's"


async def test_a_bot_token_is_changed_and_no_chat_is_lost(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """@BotFather revokes the token: what waits is kept, and the next start with the new one goes on where it was."""
    anna = telegram.customer()
    anna.writes("before")
    await kit.wait_for(lambda: kit.texts(anna.id) == ["before"])
    telegram.token = "123456789:AAH-quite-another-token-of-the-same-bot"
    anna.writes("in between")
    await kit.agent_says(anna.id, "an answer in between")
    assert await relay.unready("telegram") == "Telegram refused the bot token"
    assert await relay.stop() == 0
    relay.environment["TELEGRAM_BOT_TOKEN"] = telegram.token
    await relay.start()
    await kit.wait_for(lambda: kit.texts(anna.id) == ["before", "in between"])
    await telegram.wait_for(lambda: telegram.chat(anna.id).texts == ["an answer in between"])
    await relay.ready()
    for figures in (await relay.all_figures()).values():
        assert (figures.dead, figures.waiting, figures.unaccounted) == (0, 0, 0)
    assert not any(sent.duplicate for sent in kit.events)


async def test_kits_secrets_are_changed_and_nothing_is_refused(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """With the new values in place and the old ones as PREVIOUS, callbacks hold before and after Kit changes over."""
    anna = telegram.customer()
    old = {"KIT_API_TOKEN_PREVIOUS": kit.api_token, "KIT_SECURITY_SALT_PREVIOUS": kit.salt}
    new = {"KIT_API_TOKEN": "the-next-api-token", "KIT_SECURITY_SALT": "the-next-salt"}
    anna.writes("before")
    await kit.wait_for(lambda: kit.texts(anna.id) == ["before"])
    assert await relay.stop() == 0
    relay.environment |= {**new, **old}
    await relay.start()
    assert await kit.agent_says(anna.id, "signed with the old ones") == 200
    await relay.shows(PREVIOUS, 1)
    anna.writes("waits")
    kit.change_secrets(*new.values())
    assert await kit.agent_says(anna.id, "signed with the new ones") == 200
    await relay.shows(PREVIOUS, 1)
    assert relay.log.count('"signed_with": "previous"') == 1
    await telegram.wait_for(lambda: len(telegram.chat(anna.id).texts) == 2)
    await kit.wait_for(lambda: kit.texts(anna.id) == ["before", "waits"])
    kit.callbacks.token = kit.callbacks.salt = "stranger"
    assert await kit.agent_says(anna.id, "signed with neither") == 401
    assert telegram.chat(anna.id).texts == ["signed with the old ones", "signed with the new ones"]
