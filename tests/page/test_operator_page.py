"""The operator's page on the internal port: what it tells, what it never tells, and how it looks in a real Chromium."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from playwright.async_api import Browser, expect

from relay.errors import Unavailable
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.web.operator.page import OperatorPage
from tests.components import needs
from tests.e2e.inside import InnerRelay, relay_inside
from tests.page.axe import WIDTHS, everybody_can_read_it_in_the_dark, everybody_can_use
from tests.page.demo import Visit
from tests.page.pictures import keep

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE = 90_000  # milliseconds


@asynccontextmanager
async def troubled_relay(home: Path) -> AsyncIterator[tuple[InnerRelay, TelegramLookAlike, KitLookAlike]]:
    """A relay in which an answer to Anna has died, and Ben's words wait because Kit is down."""
    async with (
        TelegramLookAlike(limits=False) as telegram,
        KitLookAlike() as kit,
        relay_inside(telegram, kit, home) as relay,
    ):
        anna = telegram.customer(last_name="Weber")
        ben = telegram.customer(5002, first_name="Ben", last_name="Brown")
        anna.writes("a customer's words")
        await kit.wait_for(lambda: kit.texts(anna.id))
        anna.blocks_bot(announced=False)
        await kit.agent_says(anna.id, "an agent's words")
        await relay.shows("relay_dead_letters", 1)
        await relay.settled("to_kit")
        kit.faults.down = True
        ben.writes("words that wait")
        await relay.shows("relay_waiting", 1, direction="to_kit")
        await relay.unready("kit")
        yield relay, telegram, kit


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def troubled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[InnerRelay]:
    """One such relay, for those who only look."""
    async with troubled_relay(tmp_path_factory.mktemp("troubled")) as (relay, _, _):
        yield relay


@asynccontextmanager
async def looking(browser: Browser, url: str, *, width: int = 1280) -> AsyncIterator[Visit]:
    """The page, once it has an answer of the relay."""
    context = await browser.new_context(viewport={"width": width, "height": 800}, locale="en-GB")
    try:
        visit = Visit(await context.new_page())
        visit.overhear()
        await visit.page.goto(url)
        await visit.page.locator(".channel .figures").first.wait_for()
        yield visit
    finally:
        await context.close()


async def test_it_tells_who_waits_and_what_died_without_words_or_names(troubled: InnerRelay) -> None:
    """By number, client and reason; nobody's words and nobody's name."""
    status, told = await troubled.get("/overview")
    [channel] = json.loads(told)["channels"]
    [lane], [dead] = channel["lanes"], channel["dead_letters"]
    assert status == 200
    assert (lane["direction"], lane["waiting"], channel["lanes_in_all"]) == ("to_kit", 1, 1)
    assert (dead["direction"], dead["id"] > 0) == ("to_telegram", True)
    assert "blocked" in dead["reason"]
    assert not re.search("words|Anna|Weber|Ben|Brown", told)


async def test_its_files_may_do_nothing_but_ask_the_relay(troubled: InnerRelay) -> None:
    """A strict policy, no script or style in the markup, nothing that another site may load, and no way to change."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{troubled.admin_port}") as session:
        for path, kind in (
            ("/", "text/html"),
            ("/operator/page.js", "text/javascript"),
            ("/operator/drawing.js", "text/javascript"),
            ("/operator/page.css", "text/css"),
            ("/overview", "application/json"),
        ):
            async with session.get(path) as response:
                assert (response.status, response.content_type) == (200, kind)
                assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
                assert "unsafe" not in response.headers["Content-Security-Policy"]
                assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            async with session.post(path) as response:
                assert response.status == 405
        async with session.get("/") as response:
            assert not re.search(r"<script(?! type=\"module\" src=)|<style| style=| on[a-z]+=", await response.text())
        for path in ("/operator/index.html", "/operator/..%2fpage.py", "/operator/none"):
            async with session.get(path) as response:
                assert response.status == 404
        async with session.get("/", headers={"Host": "evil.example.com"}) as response:
            assert response.status == 421
    assert (await troubled.get("/overview", admin=False))[0] == 404


async def test_many_who_look_cost_as_much_as_one() -> None:
    """Twenty questions at once are one look at the database, and the next question within a second is none."""
    looks = 0

    async def look() -> dict[str, int]:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)
        return {"looks": looks}

    page = OperatorPage(look)
    answers = await asyncio.gather(*(page.newest() for _ in range(20)))
    assert answers == [b'{"looks":1}'] * 20


async def test_a_database_that_does_not_answer_is_said() -> None:
    """503 with the reason: the page has words for it, and goes on asking."""

    async def look() -> dict[str, int]:
        raise Unavailable("the disk is full")

    app = web.Application()
    OperatorPage(look).add_to(app)
    async with TestClient(TestServer(app)) as client, client.get("/overview") as response:
        assert (response.status, await response.json()) == (503, {"error": "the disk is full"})


@needs("chromium")
async def test_it_shows_what_needs_a_person(browser: Browser, troubled: InnerRelay) -> None:
    """Kit is down, who waits and why, what died and its number; nothing of another host, and no error."""
    async with looking(browser, f"http://127.0.0.1:{troubled.admin_port}/") as visit:
        page = visit.page
        await expect(page.locator("#state")).to_have_text("1 thing needs a person")
        await expect(page.locator("#calls-list .unwell")).to_contain_text("Kit")
        await expect(page.locator(".lanes .rows li")).to_contain_text(re.compile(r"customer \d+ to Kit.*1 waits for"))
        await expect(page.locator(".dead .rows li")).to_contain_text(re.compile(r"no\. \d+, customer \d+, to Telegram"))
        await expect(page.locator(".dead .why")).to_contain_text("blocked")
        assert visit.hosts == {"127.0.0.1"}
        assert visit.complaints == []
        keep(await page.screenshot(full_page=True), "operator")


@needs("chromium")
async def test_everybody_can_use_it_at_every_width(browser: Browser, troubled: InnerRelay) -> None:
    """Axe finds nothing, and nothing leaves the window, from a small phone to a large screen, by day and by night."""
    async with looking(browser, f"http://127.0.0.1:{troubled.admin_port}/") as visit:
        for width in WIDTHS:
            await visit.page.set_viewport_size({"width": width, "height": 800})
            await everybody_can_use(visit.page)
        await everybody_can_read_it_in_the_dark(visit.page)


@needs("chromium")
async def test_it_is_live_and_says_when_the_relay_is_gone(browser: Browser, tmp_path: Path) -> None:
    """Without a click: it turns well when Kit is back, and says so when nobody answers any more."""
    async with AsyncExitStack() as running:
        relay, telegram, kit = await running.enter_async_context(troubled_relay(tmp_path))
        async with looking(browser, f"http://127.0.0.1:{relay.admin_port}/") as visit:
            page = visit.page
            kit.faults.down = False
            await expect(page.locator("#state")).to_have_text("It works; 1 dead letter to look at", timeout=90_000)
            await expect(page.locator(".lanes .none")).to_have_text("None.")
            await expect(page.locator("#calls")).to_be_hidden()
            for number in range(40):
                telegram.customer(6000 + number, first_name="Cleo").writes("hello")
            await expect(page.locator(".way").first.locator("dd").first).to_have_text("42", timeout=PATIENCE)
            await running.aclose()
            await expect(page.locator("#state")).to_contain_text("does not answer", timeout=PATIENCE)
            await expect(page.locator("#asof")).to_contain_text("Figures from")
            assert [*visit.forgive("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")] == []
