"""What customers send, as agents see and hear it: the real relay, over real HTTP, with real media."""

import asyncio
import gzip
import hashlib
import io
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import av
import pytest
from PIL import Image
from yarl import URL

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.content import Content, png
from relay.sandbox.telegram.server import TelegramLookAlike
from tests import media
from tests.components import needs
from tests.e2e.process import RelayProcess, relay_between
from tests.e2e.test_memory import watched
from tests.page.demo import chromium
from tests.waiting import eventually

ANNA = "107804195"
MIB: Final = 2**20
#: Makes the modules of the extra `media` look as if they were not installed.
HIDDEN: Final = "import sys\nsys.modules.update(dict.fromkeys(('av', 'PIL', 'pi_heif', 'rlottie_python')))\n"


@dataclass
class Answer:
    """What a browser got."""

    status: int
    headers: dict[str, str]
    body: bytes


async def get(url: str, method: str = "GET", **headers: str) -> Answer:
    async with (
        aiohttp.ClientSession() as browser,
        browser.request(method, URL(url, encoded=True), headers=headers) as response,
    ):
        return Answer(response.status, dict(response.headers), await response.read())


async def first_file(telegram: TelegramLookAlike, kit: KitLookAlike, fields: dict[str, Any]) -> dict[str, Any]:
    """The payload item that Kit gets of this message of Anna's."""
    seen = len(kit.messages(ANNA))
    telegram.customer(int(ANNA)).sends_raw(fields)
    await kit.wait_for(lambda: len(kit.messages(ANNA)) > seen)
    item: dict[str, Any] = kit.messages(ANNA)[seen].payload[0]
    return item


async def voice(telegram: TelegramLookAlike, kit: KitLookAlike, what: bytes) -> dict[str, Any]:
    return await first_file(telegram, kit, telegram.customer(int(ANNA)).attachment("voice", what))


async def sticker(
    telegram: TelegramLookAlike, kit: KitLookAlike, what: bytes, *, preview: bytes | None = None, **fields: bool
) -> dict[str, Any]:
    attached = telegram.customer(int(ANNA)).attachment("sticker", what)
    attached["sticker"] |= fields
    if preview is not None:
        attached["sticker"]["thumbnail"] = telegram.customer(int(ANNA)).attachment("photo", preview)["photo"][-1]
    return await first_file(telegram, kit, attached)


async def outcomes(relay: RelayProcess) -> dict[str, int]:
    names = ("made", "kept", "failed", "busy")
    counted = [int(await relay.metric("relay_media_conversions_total", outcome=name)) for name in names]
    return {name: count for name, count in zip(names, counted, strict=True) if count}


def sound(body: bytes) -> tuple[str, str, float]:
    """Container, codec, and seconds that were really decoded."""
    with av.open(io.BytesIO(body), "r") as container:
        stream = container.streams.audio[0]
        samples = [frame.samples for frame in container.decode(stream)]
        return container.format.name, stream.codec_context.name, sum(samples) / stream.codec_context.sample_rate


async def test_a_voice_message_plays_everywhere(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, tmp_path: Path
) -> None:
    """AAC in m4a of the same length, named and typed so from the start.

    It is made once however many open it, and kept through a restart, readable by nobody else.
    """
    item = await voice(telegram, kit, media.voice(3.3))
    assert item["type"] == "audio"
    assert item["file_name"].startswith("voice 20")
    assert item["file_name"].endswith(".m4a")
    answers = await asyncio.gather(*(get(item["file_url"]) for _ in range(20)))
    first = answers[0]
    assert {(each.status, each.body) for each in answers} == {(200, first.body)}
    assert first.headers["Content-Type"] == "audio/mp4"
    assert first.headers["Content-Disposition"].startswith("inline;")
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert int(first.headers["Content-Length"]) == len(first.body)
    container, codec, seconds = sound(first.body)
    assert "m4a" in container
    assert codec == "aac"
    assert seconds == pytest.approx(3.3, abs=0.1)
    assert (await outcomes(relay)).keys() <= {"made", "kept"}
    assert (await outcomes(relay))["made"] == 1
    await relay.stop()
    await relay.start()
    told = await get(item["file_url"], "HEAD")
    assert (told.status, told.headers["Content-Length"]) == (200, str(len(first.body)))
    part = await get(item["file_url"], Range="bytes=100-199")
    assert (part.status, part.body) == (206, first.body[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(first.body)}"
    assert (await get(item["file_url"], Range=f"bytes={len(first.body)}-")).status == 416
    assert await outcomes(relay) == {"kept": 3}
    cache = tmp_path / "media-cache"
    [kept] = [path for path in cache.iterdir() if path.is_file()]
    assert (stat.S_IMODE(kept.stat().st_mode), stat.S_IMODE(cache.stat().st_mode)) == (0o600, 0o700)
    assert await relay.metric("relay_media_cache_bytes") == len(first.body)


async def test_stickers_move(telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess) -> None:
    """Lottie and transparent films alike become animated WebP, transparent where the sticker is."""
    drawn = await sticker(telegram, kit, media.animated_sticker(60), preview=png(), is_animated=True)
    filmed = await sticker(telegram, kit, media.video_sticker(20), is_video=True)
    for item, frames, milliseconds in ((drawn, 30, 1000), (filmed, 20, 667)):
        assert item["type"] == "photo"
        assert item["file_name"].endswith(".webp")
        answer = await get(item["file_url"])
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/webp")
        with Image.open(io.BytesIO(answer.body)) as picture:
            assert (picture.format, getattr(picture, "n_frames", 1), picture.size) == ("WEBP", frames, (256, 256))
            assert picture.convert("RGBA").getpixel((250, 250)) == (0, 0, 0, 0)
            shown = 0
            for number in range(frames):
                picture.seek(number)
                picture.load()
                shown += picture.info["duration"]
            assert shown == pytest.approx(milliseconds, abs=20)
    assert await outcomes(relay) == {"made": 2}


@needs("chromium")
@pytest.mark.usefixtures("relay")
async def test_a_browser_plays_and_shows_them(telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
    """In another site's page, as Kit's desk is one: the voice is heard to its end, the stickers are pictures.

    So is a photo that an iPhone made: HEIC, sent as a file, stands upright, in every browser.
    """
    anna = telegram.customer(int(ANNA))
    items = {
        "said": await voice(telegram, kit, media.voice(1.5)),
        "drawn": await sticker(telegram, kit, media.animated_sticker(60), is_animated=True),
        "filmed": await sticker(telegram, kit, media.video_sticker(20), is_video=True),
        "taken": await first_file(telegram, kit, anna.attachment("document", media.HEIC, file_name="IMG_1.HEIC")),
    }
    assert (items["taken"]["type"], items["taken"]["file_name"]) == ("photo", "IMG_1.jpg")
    said, drawn, filmed, taken = (item["file_url"] for item in items.values())
    async with chromium() as browser:
        page = await browser.new_page()
        await page.set_content(f"<audio id=said muted src='{said}'></audio><img src='{drawn}'><img src='{filmed}'>")
        await page.wait_for_function("[...document.images].every(each => each.complete && each.naturalWidth === 256)")
        await page.set_content(f"<audio id=said muted src='{said}'></audio><img src='{taken}'>")
        await page.wait_for_function("document.images[0].complete && document.images[0].naturalHeight === 96")
        await page.evaluate("said.play()")
        await page.wait_for_function("said.ended")
        assert await page.evaluate("said.currentTime") == pytest.approx(1.5, abs=0.1)


async def test_without_the_extra_originals_and_previews_are_handed_out(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """The same relay without the parts says Ogg and serves Ogg, and shows an animated sticker by its preview."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sitecustomize.py").write_text(HIDDEN)
    said, still, film = media.voice(1.0), png(64, 64), media.video_sticker(5)
    async with relay_between(telegram, kit, tmp_path) as relay:
        relay.environment["PYTHONPATH"] = str(tmp_path / "hidden")
        await relay.start()
        item = await voice(telegram, kit, said)
        answer = await get(item["file_url"])
        assert item["file_name"].endswith(".ogg")
        assert (answer.headers["Content-Type"], answer.body) == ("audio/ogg", said)
        item = await sticker(telegram, kit, media.animated_sticker(), preview=still, is_animated=True)
        assert (item["type"], (await get(item["file_url"])).body) == ("photo", still)
        item = await sticker(telegram, kit, film, is_video=True)
        answer = await get(item["file_url"])
        assert (item["type"], answer.headers["Content-Type"], answer.body) == ("video", "video/webm", film)
        assert await outcomes(relay) == {}


BOMB: Final = gzip.compress(bytes(64 * MIB))
#: What FFmpeg would take for a list of other files to read.
STICKERS: Final = Path(__file__).parents[1] / "samples" / "stickers"
PLAYLIST: Final = b"ffconcat version 1.0\nfile /etc/passwd\n"


async def test_hostile_media_harm_nobody(telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess) -> None:
    """What cannot be converted is served as it came, under its true type and name, and not to be kept by browsers.

    It is not tried again, and the relay goes on; also when its reader dies of it.
    """
    good = media.voice(1.0)
    for what in (b"", b"OggS" + bytes(2000), good[:200] + bytes(5000), PLAYLIST, png(), media.video_sticker(3)):
        item = await voice(telegram, kit, what)
        for _ in range(2):
            answer = await get(item["file_url"])
            assert (answer.status, answer.body) == (200, what)
            assert answer.headers["Content-Type"] == "audio/ogg"
            assert answer.headers["Cache-Control"] == "no-store"
            assert ".ogg" in answer.headers["Content-Disposition"]
    still = png(32, 32)
    elsewhere = media.animated_sticker(assets=[{"id": "0", "w": 9, "h": 9, "u": "/etc/", "p": "passwd"}])
    deadly = [gzip.compress(sample.read_bytes()) for sample in sorted(STICKERS.iterdir())]
    for what in (BOMB, b"{}", gzip.compress(b"[" * 100_000), media.animated_sticker(60 * 3600), elsewhere, *deadly):
        item = await sticker(telegram, kit, what, preview=still, is_animated=True)
        answer = await get(item["file_url"])
        assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "image/webp", still)
    for what in (b"", good, media.video_sticker(3, side=2048)):
        item = await sticker(telegram, kit, what, is_video=True)
        answer = await get(item["file_url"])
        assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "video/webm", what)
    anna = telegram.customer(int(ANNA))
    for what in (b"", media.HEIC[:600] + bytes(600), png()):
        item = await first_file(telegram, kit, anna.attachment("document", what, file_name="a.heic"))
        answer = await get(item["file_url"])
        assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "image/heic", what)
    assert await outcomes(relay) == {"failed": 19}
    assert sound((await get((await voice(telegram, kit, good))["file_url"])).body)[1] == "aac"


async def test_the_cache_stays_within_its_limit(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """What was opened longest ago goes first; the limit holds after a restart too, and with 0 nothing stays."""

    def sizes() -> list[int]:
        return [path.stat().st_size for path in (tmp_path / "media-cache").iterdir() if path.is_file()]

    async with relay_between(telegram, kit, tmp_path, RELAY_MEDIA_CACHE_MB="1") as relay:
        await relay.start()
        said = [media.voice(60.0 + number) for number in range(3)]
        items = [await voice(telegram, kit, what) for what in said]
        for opened in (0, 1, 0, 2):
            assert (await get(items[opened]["file_url"])).status == 200
        assert sum(sizes()) <= MIB
        assert await outcomes(relay) == {"made": 3, "kept": 1}
        assert (await get(items[0]["file_url"])).status == 200
        assert await outcomes(relay) == {"made": 3, "kept": 2}
        await relay.stop()
        relay.environment["RELAY_MEDIA_CACHE_MB"] = "0"
        await relay.start()
        assert sizes() == []
        assert sound((await get(items[0]["file_url"])).body)[2] == pytest.approx(60.0, abs=0.1)
        assert sizes() == []


async def test_a_local_servers_files_stream_from_its_disk(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """300 MB, whole and by parts, with less than 40 MiB more; what the server has tidied up is fetched by it anew.

    Its paths, which hold the token, are in no link, header or log line.
    """
    shared = tmp_path / "shared"
    telegram.run_locally(shared)
    film = Content.of(300 * MIB)
    local = {"TELEGRAM_LOCAL_API": "true", "TELEGRAM_LOCAL_FILES": str(shared)}
    async with relay_between(telegram, kit, tmp_path, **local) as relay:
        await relay.start()
        anna = telegram.customer(int(ANNA))
        item = await first_file(telegram, kit, anna.attachment("document", Content.of(100_000), file_name="a.bin"))
        await get(item["file_url"])
        item = await first_file(telegram, kit, anna.attachment("document", film, file_name="film.bin"))
        url, digest = item["file_url"], film.sha256()
        await get(url, "HEAD")
        async with watched(relay) as peak:
            assert await digest_of(url) == digest
        assert peak.growth < 40
        part = await get(url, Range=f"bytes={200 * MIB}-{200 * MIB + 999}")
        assert (part.status, part.body) == (206, b"".join(film.chunks(200 * MIB, 200 * MIB + 1000)))
        for path in shared.rglob("file_*"):
            path.unlink()
        again = await get(url, Range="bytes=5-9")
        assert (again.status, again.body) == (206, bytes(range(5, 10)))
        said = await voice(telegram, kit, media.voice(1.0))
        heard = await get(said["file_url"])
        assert sound(heard.body)[1] == "aac"
        assert telegram.token not in f"{url} {part.headers} {heard.headers} {relay.log}"
        assert str(shared) not in relay.log.partition("relay.settings")[2].partition("\n")[2]


async def test_slow_readers_of_one_link_harm_no_other(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Forty of them hold six streams; whoever opens another link meanwhile gets it at once."""
    anna = telegram.customer(int(ANNA))
    slow = await first_file(telegram, kit, anna.attachment("document", Content.of(19 * MIB), file_name="film.bin"))
    other = await first_file(telegram, kit, anna.attachment("document", b"%PDF-", file_name="a.pdf"))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as browsers:
        readers = [asyncio.create_task(opened(browsers, slow["file_url"])) for _ in range(40)]

        async def six_are_served() -> bool:
            return await relay.metric("relay_media_streams") == 6

        await eventually(six_are_served)
        async with asyncio.timeout(8):  # nobody who waits for a stream
            assert (await get(other["file_url"])).body == b"%PDF-"
        assert await relay.metric("relay_media_streams") == 6
        for reader in readers:
            reader.cancel()
        for answer in await asyncio.gather(*readers, return_exceptions=True):
            if isinstance(answer, aiohttp.ClientResponse):
                answer.close()  # else its connection is complained of in whatever test comes next

    async def none_is_left() -> bool:
        return await relay.metric("relay_media_streams") == 0

    await eventually(none_is_left)


async def opened(browsers: aiohttp.ClientSession, url: str) -> aiohttp.ClientResponse:
    """An answer of which nobody reads more than its head."""
    return await browsers.get(URL(url, encoded=True))


async def digest_of(url: str) -> str:
    digest = hashlib.sha256()
    async with aiohttp.ClientSession() as browser, browser.get(URL(url, encoded=True)) as response:
        async for chunk in response.content.iter_chunked(64 * 1024):
            digest.update(chunk)
    return digest.hexdigest()
