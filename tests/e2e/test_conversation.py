"""A customer and an agent talk, as they would: words and files in both directions, links that a browser opens."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.content import Content, png
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import InnerRelay, relay_inside

ANNA = "107804195"


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.usefixtures("inner")
async def test_words_arrive_in_both_directions(telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
    """What the customer writes stands in Kit under their name, and the agent's answer in their chat, word for word."""
    anna = telegram.customer(int(ANNA), first_name="Anna", last_name="Weber", language_code="de")
    anna.writes("Grüß Gott! 👩‍👩‍👧‍👦 <b>1 & 2</b>\n\t包裹 📦")
    await kit.wait_for(lambda: kit.messages(ANNA))
    assert await kit.agent_says(ANNA, "Здравствуйте, Anna! *no* _markup_ <i>here</i>") == 200
    await telegram.wait_for(lambda: telegram.chat(anna.id).texts)
    [sent] = kit.messages(ANNA)
    assert sent.text == "Grüß Gott! 👩‍👩‍👧‍👦 <b>1 & 2</b>\n\t包裹 📦"
    assert sent.client_data == {"client_id": ANNA, "client_display_name": "Anna Weber", "client_language": "de"}
    assert telegram.chat(anna.id).texts == ["Здравствуйте, Anna! *no* _markup_ <i>here</i>"]


async def test_a_customers_files_open_in_the_agents_browser(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay, browser: aiohttp.ClientSession
) -> None:
    """A photo and a document reach Kit as links that give the same bytes, under the customer's own file name."""
    photo, paper = png(640, 480), Content.of(3_000_000)
    anna = telegram.customer(int(ANNA))
    anna.sends_photo(photo, caption="Look at this")
    anna.sends_document(paper, caption="and this", file_name="Счёт №7 (июль).pdf", mime_type="application/pdf")
    await kit.wait_for(lambda: len(kit.messages(ANNA)) == 2)
    first, second = kit.messages(ANNA)
    seen = []
    for sent in (first, second):
        [item] = sent.payload
        assert item["file_url"].startswith(f"{inner.url}/media/")
        async with browser.get(item["file_url"]) as response:
            seen.append((response.status, response.content_type, hashlib.sha256(await response.read()).hexdigest()))
            assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert [sent.text for sent in (first, second)] == ["Look at this", "and this"]
    assert [sent.payload[0]["type"] for sent in (first, second)] == ["photo", "document"]
    assert second.payload[0]["file_name"] == "Счёт №7 (июль).pdf"
    assert seen == [
        (200, "image/jpeg", hashlib.sha256(photo).hexdigest()),
        (200, "application/pdf", paper.sha256()),
    ]


@pytest.mark.usefixtures("inner")
async def test_a_media_link_serves_what_browsers_and_players_ask(
    telegram: TelegramLookAlike, kit: KitLookAlike, browser: aiohttp.ClientSession
) -> None:
    """HEAD tells type and size, Range gives the part, a part beyond the end 416, a guessed link 404."""
    video = Content.of(500_000)
    telegram.customer(int(ANNA)).sends_video(video)
    await kit.wait_for(lambda: kit.messages(ANNA))
    url = kit.messages(ANNA)[0].payload[0]["file_url"]
    async with browser.head(url) as head:
        assert (head.status, head.content_type, head.content_length) == (200, "video/mp4", video.size)
    async with browser.get(url, headers={"Range": "bytes=1000-1999"}) as part:
        assert (part.status, part.headers["Content-Range"]) == (206, f"bytes 1000-1999/{video.size}")
        assert await part.read() == video.read()[1000:2000]
    async with browser.get(url, headers={"Range": "bytes=-7"}) as tail:
        assert (tail.status, await tail.read()) == (206, video.read()[-7:])
    async with browser.get(url, headers={"Range": "bytes=500000-"}) as beyond:
        assert beyond.status == 416
    wrong = url.replace(url.split("/media/")[1][:6], "AAAAAA")
    async with browser.get(wrong) as guessed:
        assert guessed.status == 404
    telegram.files.expire_links()
    async with browser.get(url) as later:
        assert (later.status, await later.read()) == (200, video.read())


async def test_an_agents_files_arrive_as_files(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """The agent's photo and document reach the customer with the same bytes, names and words, as their kinds."""
    label, terms = png(320, 200), Content.of(2_000_000)
    anna = telegram.customer(int(ANNA))
    async with relay_inside(telegram, kit, tmp_path):
        anna.writes("hello")
        await kit.wait_for(lambda: kit.messages(ANNA))
        url = kit.host_file(label, "label.png", "image/png")
        await kit.agent_says(ANNA, "The label", [{"type": "photo", "file_name": "label.png", "file_url": url}])
        url = kit.host_file(terms, "terms.pdf", "application/pdf")
        item = {"type": "document", "file_name": "Terms & Conditions, été.pdf", "file_url": url}
        await kit.agent_says(ANNA, "and the terms", [item])
        await telegram.wait_for(lambda: len(telegram.chat(anna.id).messages) == 2)
    photo, document = [call for call in telegram.calls if call.method.startswith("send")]
    assert (photo.method, photo.params["caption"], photo.files[0].sha256) == (
        "sendPhoto",
        "The label",
        hashlib.sha256(label).hexdigest(),
    )
    assert (document.method, document.params["caption"], document.files[0].sha256) == (
        "sendDocument",
        "and the terms",
        terms.sha256(),
    )
    assert document.files[0].file_name == "Terms & Conditions, été.pdf"
    assert list((tmp_path / "tmp").iterdir()) == [], "a fetched file was left behind"


@pytest.mark.usefixtures("inner")
async def test_one_of_many_readers_hangs_up_and_the_others_read_on(
    telegram: TelegramLookAlike, kit: KitLookAlike, browser: aiohttp.ClientSession
) -> None:
    """Twenty browsers open one link at once, half of them leave in the middle: the other half get every byte."""
    film = Content.of(2_000_000)
    telegram.customer(int(ANNA)).sends_document(film, file_name="film.bin")
    await kit.wait_for(lambda: kit.messages(ANNA))
    url = kit.messages(ANNA)[0].payload[0]["file_url"]

    async def reads(*, to_the_end: bool) -> str | None:
        async with browser.get(url) as response:
            if to_the_end:
                return hashlib.sha256(await response.read()).hexdigest()
            await response.content.readexactly(10_000)
            response.close()
            return None

    read = await asyncio.gather(*(reads(to_the_end=number % 2 == 0) for number in range(20)))
    assert [digest for digest in read if digest] == [film.sha256()] * 10
