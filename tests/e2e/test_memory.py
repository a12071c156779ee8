"""Memory stays flat: files of any size pass through, they are not held."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import psutil
import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.content import Content
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import RelayProcess, relay_between

MIB: Final = 2**20
ANNA = "107804195"


@dataclass
class Peak:
    """Resident memory in bytes: before, and the most that was seen since."""

    before: int
    most: int

    @property
    def growth(self) -> float:
        """MiB."""
        return (self.most - self.before) / MIB


def resident(relay: RelayProcess) -> int:
    assert relay.process is not None
    return int(psutil.Process(relay.process.pid).memory_info().rss)


@asynccontextmanager
async def watched(relay: RelayProcess) -> AsyncIterator[Peak]:
    """The relay's memory during the block, looked at every 5 ms."""
    peak = Peak(resident(relay), 0)

    async def watch() -> None:
        while True:
            peak.most = max(peak.most, resident(relay))
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    try:
        yield peak
    finally:
        peak.most = max(peak.most, resident(relay))
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


@pytest.fixture
async def relay(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> AsyncIterator[RelayProcess]:
    """As it is installed: its log at INFO."""
    async with relay_between(telegram, kit, tmp_path, RELAY_LOG_LEVEL="INFO") as process:
        process.cold = True  # what its loading takes is its own
        await process.start()
        yield process


async def test_an_idle_relay_is_small(telegram: TelegramLookAlike, relay: RelayProcess) -> None:
    """Below 84 MiB, once it has logged in and polls."""
    await telegram.wait_for(lambda: telegram.updates.is_polled)
    await relay.ready()
    assert resident(relay) < 84 * MIB


async def test_a_customers_file_streams_through(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """20 MB, the most that Telegram hands out, opened by a quick and a slow reader: less than 15 MiB more."""
    film, small = Content.of(20 * MIB), Content.of(100_000)
    anna = telegram.customer(int(ANNA))
    anna.sends_document(small, file_name="warm-up.bin")
    anna.sends_document(film, file_name="film.bin")
    await kit.wait_for(lambda: len(kit.messages(ANNA)) == 2)
    warm_up, url = [sent.payload[0]["file_url"] for sent in kit.messages(ANNA)]
    assert await _digest_of(warm_up) == small.sha256()
    async with watched(relay) as peak:
        digests = {*await asyncio.gather(_digest_of(url), _digest_of(url, pause=0.002))}
    assert digests == {film.sha256()}
    assert peak.growth < 15


async def test_an_agents_file_streams_through(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, tmp_path: Path
) -> None:
    """45 MB, fetched and uploaded: the same bytes arrive, less than 40 MiB more, and nothing stays on disk."""
    archive = Content.of(45 * MIB)
    anna = telegram.customer(int(ANNA))
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    await _agent_sends(kit, Content.of(100_000), "warm-up.bin")
    await telegram.wait_for(lambda: len(telegram.chat(anna.id).messages) == 1)
    async with watched(relay) as peak:
        await _agent_sends(kit, archive, "archive.bin")
        await telegram.wait_for(lambda: len(telegram.chat(anna.id).messages) == 2)
    sent = [call for call in telegram.calls if call.method == "sendDocument"]
    assert sent[-1].files[0].sha256 == archive.sha256()
    assert peak.growth < 40
    await relay.settled("to_telegram")
    assert list((tmp_path / "tmp").iterdir()) == []


async def test_an_album_streams_through(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, tmp_path: Path
) -> None:
    """Four documents of 20 MB in one call: the same bytes in order, less than 40 MiB more, and none stays on disk."""
    anna = telegram.customer(int(ANNA))
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    await _agent_sends(kit, Content.of(100_000), "warm-up.bin")
    await telegram.wait_for(lambda: len(telegram.chat(anna.id).messages) == 1)
    contents = [Content.of(20 * MIB + number) for number in range(4)]
    items = [
        {"type": "document", "file_name": f"{number}.bin", "file_url": kit.host_file(content, f"{number}.bin")}
        for number, content in enumerate(contents)
    ]
    async with watched(relay) as peak:
        assert await kit.agent_says(ANNA, None, items) == 200
        await telegram.wait_for(lambda: len(telegram.chat(anna.id).messages) == 5)
    sent = telegram.calls[-1]
    assert sent.method == "sendMediaGroup"
    assert [file.sha256 for file in sent.files] == [content.sha256() for content in contents]
    assert peak.growth < 40
    await relay.settled("to_telegram")
    assert list((tmp_path / "tmp").iterdir()) == []


async def test_a_flood_leaves_no_memory_behind(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """After 1,500 messages and a warm-up of as many, memory has grown by less than 5 MiB."""
    telegram.backlog(1500, 100)
    await kit.wait_for(lambda: len(kit.events) == 1500)
    await relay.settled("to_kit")
    async with watched(relay) as peak:
        telegram.backlog(1500, 100)
        await kit.wait_for(lambda: len(kit.events) == 3000)
        await relay.settled("to_kit")
    assert (resident(relay) - peak.before) / MIB < 5


async def _digest_of(url: str, *, pause: float = 0.0) -> str:
    digest = hashlib.sha256()
    async with aiohttp.ClientSession() as browser, browser.get(url) as response:
        async for chunk in response.content.iter_chunked(64 * 1024):
            digest.update(chunk)
            await asyncio.sleep(pause)
    return digest.hexdigest()


async def _agent_sends(kit: KitLookAlike, what: Content, name: str) -> None:
    url = kit.host_file(what, name)
    assert await kit.agent_says(ANNA, None, [{"type": "document", "file_name": name, "file_url": url}]) == 200
