"""One conversion for each file, whoever opens it and whoever leaves; what fails is told, and harms nobody else."""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
import pytest
from prometheus_client import CollectorRegistry, Counter

from relay.errors import Unavailable
from relay.media.conversion.cache import Cache
from relay.media.conversion.converter import Converter, Limits
from relay.media.conversion.forms import available
from relay.model import LARGEST_CONVERTED
from tests import media
from tests.waiting import eventually

OGG: Final = "audio/ogg"
TGS: Final = "application/x-tgsticker"
VOICE: Final = media.voice(1.0)


@dataclass
class Source:
    """A file at Telegram that counts how often it is fetched, and can be made to wait or to fail."""

    content: bytes = VOICE
    size: int = 0  #: Bytes, if there are more than `content`.
    error: Exception | None = None
    fetched: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def fetch(self) -> AsyncIterator[AsyncIterator[bytes]]:
        self.fetched += 1
        await self.go.wait()
        if self.error is not None:
            raise self.error
        yield self._chunks()

    async def _chunks(self) -> AsyncIterator[bytes]:
        yield self.content
        for _ in range(len(self.content), self.size, 2**20):
            yield bytes(2**20)


@dataclass
class Desk:
    """A converter, and what it counted."""

    converter: Converter
    cache: Cache
    outcomes: Counter

    async def bytes_of(self, source: Source, file_id: str = "f", source_type: str = OGG) -> int | None:
        """The size of the converted file; None when there is none."""
        async with self.converter.open(file_id, source_type, source.fetch) as path:
            return None if path is None else path.stat().st_size

    def counted(self) -> dict[str, int]:
        [family] = self.outcomes.collect()
        return {
            sample.labels["outcome"]: int(sample.value) for sample in family.samples if sample.name.endswith("_total")
        }


@pytest.fixture
def limits() -> Limits:
    """The usual ones, unless a test wants others."""
    return Limits()


@pytest.fixture
async def desk(tmp_path: Path, limits: Limits) -> AsyncIterator[Desk]:
    outcomes = Counter("outcomes", "", ("outcome",), registry=CollectorRegistry())
    cache = Cache(tmp_path / "cache", 2**30)
    converter = Converter(cache, available(), outcomes, limits)
    yield Desk(converter, cache, outcomes)
    await converter.close()


async def test_who_leaves_takes_nothing_along(desk: Desk) -> None:
    """The first of three goes away in the middle; the others get the file, fetched and made once."""
    source = Source()
    openers = [asyncio.create_task(desk.bytes_of(source)) for _ in range(3)]
    await asyncio.sleep(0)
    openers[0].cancel()
    source.go.set()
    first, *others = await asyncio.gather(*openers, return_exceptions=True)
    assert isinstance(first, asyncio.CancelledError)
    assert others[0] == others[1] == desk.cache.total > 0
    assert source.fetched == 1
    assert desk.counted() == {"made": 1}


async def test_an_outage_is_no_verdict(desk: Desk) -> None:
    """While the source cannot be had everybody is told so; afterwards it is converted."""
    source = Source(error=Unavailable("Telegram is away"))
    source.go.set()
    for _ in range(2):
        told = await asyncio.gather(*(desk.bytes_of(source) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in told] == [Unavailable] * 3
    assert source.fetched == 2
    source.error = None
    assert await desk.bytes_of(source)
    assert list(desk.cache.work.iterdir()) == []


@pytest.mark.parametrize("source", [Source(b"nonsense"), Source(size=LARGEST_CONVERTED + 2**20)])
async def test_what_is_unfit_is_remembered(desk: Desk, source: Source) -> None:
    """Nonsense and what is too large cost one attempt, not one for each opening, and leave nothing on disk."""
    source.go.set()
    assert [await desk.bytes_of(source) for _ in range(3)] == [None] * 3
    assert (source.fetched, desk.counted(), desk.cache.total) == (1, {"failed": 1}, 0)
    assert list(desk.cache.work.iterdir()) == []


@pytest.mark.parametrize("limits", [Limits(most=2)])
async def test_how_many_are_under_way_is_bounded(desk: Desk) -> None:
    """Beyond that the original must do for now; later the same file is converted."""
    held, late = Source(), Source()
    late.go.set()
    waiting = [asyncio.create_task(desk.bytes_of(held, f"held {number}")) for number in range(2)]
    await asyncio.sleep(0)
    assert await desk.bytes_of(late) is None
    assert desk.counted() == {"busy": 1}
    held.go.set()
    assert all(await asyncio.gather(*waiting))
    assert await desk.bytes_of(late)


@pytest.mark.parametrize("limits", [Limits(patience=0.0)])
async def test_who_waits_too_long_for_a_turn_gets_the_original(desk: Desk) -> None:
    """It is nobody's fault, so the next opening tries again."""
    source = Source()
    source.go.set()
    async with desk.converter._lines["audio/mp4"].place:
        assert await desk.bytes_of(source) is None
    assert desk.counted() == {"busy": 1}
    desk.converter = Converter(desk.cache, available(), desk.outcomes, Limits(patience=30.0))
    assert await desk.bytes_of(source)


@pytest.mark.parametrize("limits", [Limits(most=1)])
async def test_stickers_hold_up_no_voice_and_no_other_channel(desk: Desk) -> None:
    """With as many stickers under way as may be, a voice message is converted, and so is another channel's sticker."""
    held, spoken, drawn = Source(), Source(), Source(media.animated_sticker(6))
    flood = asyncio.create_task(desk.bytes_of(held, "flood", TGS))
    await asyncio.sleep(0)
    spoken.go.set()
    drawn.go.set()
    assert await desk.bytes_of(drawn, "drawn", TGS) is None
    assert await desk.bytes_of(spoken, "spoken")
    other = Desk(Converter(desk.cache, available(), desk.outcomes), desk.cache, desk.outcomes)
    assert await other.bytes_of(drawn, "drawn", TGS)
    assert desk.counted() == {"busy": 1, "made": 2}
    assert not flood.done()
    flood.cancel()


async def test_a_full_disk_is_not_the_files_fault(desk: Desk) -> None:
    """The original does meanwhile, and once there is room the file is converted."""
    source = Source()
    source.go.set()
    work = desk.cache.work
    work.rmdir()
    work.touch()  # now nothing can be made there, not even by root
    assert await desk.bytes_of(source) is None
    assert desk.counted() == {"busy": 1}
    work.unlink()
    assert await desk.bytes_of(source)


async def test_the_cache_may_be_deleted_while_the_relay_runs(desk: Desk) -> None:
    """All of it: what is opened next is made again."""
    source = Source()
    source.go.set()
    assert await desk.bytes_of(source)
    shutil.rmtree(desk.cache.directory)
    assert await desk.bytes_of(source)
    assert desk.counted() == {"made": 2}


@pytest.mark.parametrize("limits", [Limits(longest=lambda *_: 0.02)])
async def test_a_conversion_that_takes_too_long_is_ended(desk: Desk) -> None:
    """Its process is gone when the opener is told that there is nothing, and no opening starts another."""
    source = Source()
    source.go.set()
    assert [await desk.bytes_of(source) for _ in range(3)] == [None] * 3
    assert (source.fetched, desk.counted()) == (1, {"failed": 1})
    assert workers() == []


async def test_conversions_take_none_of_the_loops_own_threads(desk: Desk) -> None:
    """Names are looked up in those; neither waits for the other."""
    source, busy = Source(), threading.Event()
    source.go.set()
    with ThreadPoolExecutor(1) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        taken = asyncio.create_task(asyncio.to_thread(busy.wait))
        try:
            async with asyncio.timeout(90):
                assert await desk.bytes_of(source)
        finally:
            busy.set()
            await taken


async def test_closing_ends_what_is_under_way(desk: Desk) -> None:
    """No process and no half file is left when the relay stops in the middle."""
    source = Source(media.voice(300.0))
    source.go.set()
    opening = asyncio.create_task(desk.bytes_of(source))

    async def is_running() -> bool:
        return bool(workers())

    await eventually(is_running)
    await desk.converter.close()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert workers() == []
    assert list(desk.cache.work.iterdir()) == []


def workers() -> list[psutil.Process]:
    """The processes of conversions that run."""
    children = psutil.Process().children()
    return [each for each in children if "relay.media.conversion.worker" in each.cmdline()]
