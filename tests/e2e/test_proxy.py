"""Where Telegram is blocked: everything of Telegram's goes by the proxy, nothing else does, and its death is said."""

import asyncio
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.content import png
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.doctor.examined import examined
from tests.e2e.inside import relay_inside
from tests.e2e.process import command, relay_between
from tests.proxies import KINDS, LOGIN, PASSWORD, USER, Kind, LoopbackProxy
from tests.secrets import secrets_in, spellings

ANNA: Final = 107804195


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_telegrams_goes_by_the_proxy_and_nothing_else(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, kind: Kind
) -> None:
    """Updates, answers and customers' files are asked for by the proxy; Kit and an agent's file are not."""
    anna = telegram.customer(ANNA)
    async with LoopbackProxy(kind) as proxy, relay_inside(telegram, kit, tmp_path, TELEGRAM_PROXY=proxy.url) as relay:
        picture = png()
        anna.sends_photo(picture)
        await kit.wait_for(lambda: kit.messages(ANNA))
        before = len(proxy.destinations)
        link = kit.messages(ANNA)[0].payload[0]["file_url"]
        async with aiohttp.ClientSession() as browser, browser.get(link) as response:
            assert response.status == 200
            assert await response.read()
        url = kit.host_file(b"%PDF-1.4 of an agent", "offer.pdf", "application/pdf")
        await kit.agent_says(ANNA, "Here", [{"type": "document", "file_url": url, "file_name": "offer.pdf"}])
        await relay.settled("to_telegram")
        assert kit.hosted(url).fetches == 1
        assert "sendDocument" in [call.method for call in telegram.calls]
    assert before
    assert set(proxy.destinations) == {f"127.0.0.1:{telegram.server.port}"}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_that_dies_is_said_and_costs_nothing(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, kind: Kind
) -> None:
    """`/readyz` names the proxy, not Telegram; what was written meanwhile on both sides arrives once it is back."""
    anna = telegram.customer(ANNA)
    async with LoopbackProxy(kind) as proxy, relay_inside(telegram, kit, tmp_path, TELEGRAM_PROXY=proxy.url) as relay:
        anna.writes("0")
        await kit.wait_for(lambda: kit.texts(ANNA) == ["0"])
        await proxy.stop()
        anna.writes("1")
        anna.writes("2")
        assert [await kit.agent_says(ANNA, text) for text in "ab"] == [200, 200]
        reason = await relay.unready("telegram")
        while f"the proxy 127.0.0.1:{proxy.port} could not be reached" not in reason:
            await asyncio.sleep(0.1)
            reason = await relay.unready("telegram")
        await proxy.start()
        await kit.wait_for(lambda: kit.texts(ANNA) == ["0", "1", "2"])
        to_telegram = await relay.settled("to_telegram")
        to_kit = await relay.settled("to_kit")
        await relay.ready()
    assert [call.params["text"] for call in telegram.calls if call.method == "sendMessage"] == ["a", "b"]
    assert (to_telegram.delivered, to_telegram.dead, to_kit.delivered, to_kit.dead) == (2, 0, 3, 0)


async def test_the_password_of_the_proxy_is_a_secret(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """With a proxy that refuses it and with a dead one: not in the log at DEBUG, in `/readyz` or in the database."""
    secrets = spellings(USER, PASSWORD, LOGIN)
    async with LoopbackProxy("http") as proxy:
        url = proxy.url.replace("word", "w0rd")
        async with relay_between(telegram, kit, tmp_path, TELEGRAM_PROXY=url) as relay:
            await relay.start()
            reason = await relay.unready("telegram")
            await proxy.stop()
            dead = (await command(relay, "status"))[1]
            await relay.stop()
    written = await asyncio.to_thread(lambda: [path.read_bytes() for path in tmp_path.glob("relay.*")])
    wrong = spellings(*(secret.decode().replace("word", "w0rd") for secret in secrets))
    assert f"the proxy 127.0.0.1:{proxy.port} refuses the connection (code 407)" in reason
    assert '"telegram_proxy": "set"' in relay.log
    assert secrets_in([*written, reason.encode(), dead.encode()], secrets | wrong) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_check_takes_the_same_way_and_says_where_to_look(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, kind: Kind
) -> None:
    """Well, it names the proxy; with a dead one it says that it is the proxy, and where that is set."""
    async with (
        LoopbackProxy(kind) as proxy,
        relay_between(telegram, kit, tmp_path, TELEGRAM_PROXY=proxy.url) as relay,
    ):
        well = await examined(tmp_path, relay.environment)
        asked = set(proxy.destinations)
        await proxy.stop()
        dead = await examined(tmp_path, relay.environment)
    name = f"the proxy 127.0.0.1:{proxy.port}"
    assert (well.verdicts["bot"], well.verdicts["updates"], dead.verdicts["bot"]) == ("well", "well", "wrong")
    assert f"answers through {name}" in well.lines["bot"]
    assert asked == {f"127.0.0.1:{telegram.server.port}"}
    assert f"{name} could not be reached" in dead.lines["bot"]
    assert "TELEGRAM_PROXY" in dead.lines["bot"]
    assert secrets_in([dead.output.encode(), well.output.encode()], spellings(PASSWORD, USER)) == []
