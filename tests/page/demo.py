"""`relay demo` as a process of its own, and a real Chromium in front of its page."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from playwright.async_api import Browser, Page, async_playwright

from tests.components import COMPONENTS
from tests.databases import new_database
from tests.starting import start
from tests.waiting import eventually

ARGUMENTS: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_PAGE: Final = re.compile(r"The page: (\S+)")

Scheme = Literal["light", "dark"]


@asynccontextmanager
async def running_demo(home: Path, *arguments: str) -> AsyncIterator[str]:
    """A demo on any free port: its page's address, once the conversation has been played."""
    new_database(home)  # a demo that keeps its database minds neither an old one nor an empty one
    said = home / "demo.log"
    with said.open("wb") as log:
        process = await start(
            ("demo", "--no-browser", "--port", "0", "--directory", str(home), *arguments),
            home=home,
            environment={"PATH": os.environ["PATH"]},
            streams=(None, log, log),
        )

    async def is_up() -> bool:
        assert process.returncode is None, said.read_text()
        return _PAGE.search(said.read_text()) is not None

    try:
        await eventually(is_up, within=90)
        yield str(_PAGE.findall(said.read_text())[0])
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 25)
    assert process.returncode == 0


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser with an empty profile."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=COMPONENTS["chromium"].find(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Visit:
    """One open page, and everything that it did which it should not."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def overhear(self) -> None:
        """Listen to the page's console, its errors and its requests."""
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self._note("error", str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname or request.url))

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")

    def forgive(self, *words: str) -> Iterator[str]:
        """The complaints that hold none of these words."""
        return (line for line in self.complaints if not any(word in line for word in words))

    async def write(self, text: str) -> None:
        """As the customer, with the keyboard."""
        await self.page.get_by_label("Message from the customer").fill(text)
        await self.page.keyboard.press("Enter")

    async def answer(self, text: str) -> None:
        """As the agent, with the keyboard."""
        await self.page.get_by_label("Answer of the agent").fill(text)
        await self.page.keyboard.press("Enter")

    async def flip(self, switch: str) -> None:
        """Turn one of the switches that break things."""
        await self.page.get_by_role("switch", name=switch).click()


#: Pages of each browser that nobody looks at.
_idle: Final[WeakKeyDictionary[Browser, list[Visit]]] = WeakKeyDictionary()


@asynccontextmanager
async def visiting(
    browser: Browser, url: str, *, width: int = 1440, height: int = 900, scheme: Scheme = "light"
) -> AsyncIterator[Visit]:
    """A page that has everything that the server had to tell at first.

    It is one that nobody looks at any more, if there is: a new one costs a second of processor time. The demo's page
    keeps nothing in the browser, so it begins anew all the same.
    """
    idle = _idle.setdefault(browser, [])
    visit = idle.pop() if idle else await _opened(browser)
    page = visit.page
    await page.set_viewport_size({"width": width, "height": height})
    await page.emulate_media(color_scheme=scheme, reduced_motion="no-preference")
    await page.mouse.move(0, 0)
    visit.complaints.clear()
    visit.hosts.clear()
    await page.goto(url)
    await page.locator("#inbox li").first.wait_for(state="attached")
    yield visit
    await page.goto("about:blank")
    idle.append(visit)


async def _opened(browser: Browser) -> Visit:
    visit = Visit(await browser.new_page(locale="en-GB", timezone_id="UTC"))
    visit.overhear()
    return visit
