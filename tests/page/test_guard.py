"""Who may talk to the page's server, and what it lets a browser do."""

import re
from pathlib import Path

import aiohttp
import pytest

from relay.sandbox.page.cast import CAST
from relay.sandbox.page.server import STATIC, Page
from relay.sandbox.telegram.server import TelegramLookAlike

ANNA = CAST[0].id
FILES = sorted(STATIC.iterdir())


async def ask(page: Page, path: str, *, method: str = "POST", **headers: str) -> int:
    body = '{"text": "hello"}' if method == "POST" else None
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, page.server.url + path, data=body, headers=headers) as answer,
    ):
        return answer.status


async def test_only_the_page_itself_changes_anything(page: Page, telegram: TelegramLookAlike) -> None:
    """A request of another site, of another server on this machine, or of nobody in particular does nothing."""
    deed = f"/do/phone/{ANNA}/text"
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", f"https://127.0.0.1:{page.server.port}"):
        assert await ask(page, deed, Origin=origin) == 403
    assert await ask(page, deed) == 403
    assert telegram.chats.get(ANNA) is None
    assert await ask(page, deed, Origin=page.server.url) == 200
    assert len(telegram.chat(ANNA).conversation) == 1


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost"])
async def test_a_rebound_name_is_answered_with_nothing(page: Page, host: str) -> None:
    """A site that makes its own name point to this machine cannot read the page."""
    for path in ("/", "/events", "/static/main.js"):
        assert await ask(page, path, method="GET", Host=host) == 403


async def test_other_sites_may_open_the_page_but_load_nothing_of_it(page: Page) -> None:
    """Fetch metadata says who asks; another port of this machine is another site."""
    assert await ask(page, "/", method="GET", **{"Sec-Fetch-Site": "cross-site"}) == 200
    for site in ("cross-site", "same-site"):
        assert await ask(page, "/events", method="GET", **{"Sec-Fetch-Site": site}) == 403
        assert await ask(page, "/samples/parcel.jpg", method="GET", **{"Sec-Fetch-Site": site}) == 403


async def test_the_page_allows_no_foreign_code(page: Page) -> None:
    """Its policy has no inline script, no eval, no frame, no form, and names no other host than this machine."""
    async with aiohttp.ClientSession() as session, session.get(page.url) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    hosts = re.findall(r"https?://([^:/; ]+)", policy)
    assert hosts
    assert set(hosts) == {"127.0.0.1"}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_no_file_of_the_page_reads_words_as_markup_or_asks_the_outside(file: Path) -> None:
    """What people write goes in as text; there is no inline script or style, and no address of another host."""
    text = file.read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text)
    assert not [url for url in re.findall(r"https?://[\w.]+", text) if url != "http://www.w3.org"]
    if file.suffix == ".html":
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"\xff\xd8\xff\xe0 picture", "image/jpeg"),
        (b"<html><script>alert(1)</script>", None),
        (b"<svg onload='alert(1)'>", None),
        (b"", None),
    ],
)
async def test_a_file_on_the_phone_never_runs(
    page: Page, telegram: TelegramLookAlike, content: bytes, shown: str | None
) -> None:
    """What a file is, its first bytes say; what is no picture, sound or film is for saving, and all is sandboxed."""
    update = telegram.customer(ANNA).sends("document", content, file_name="photo.html", mime_type="text/html")
    file_id = update["message"]["document"]["file_id"]
    async with aiohttp.ClientSession() as session, session.get(f"{page.server.url}/phone-files/{file_id}") as answer:
        assert answer.content_type == (shown or "application/octet-stream")
        assert ("attachment" in answer.headers.get("Content-Disposition", "")) is (shown is None)
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert await answer.read() == content


async def test_nonsense_is_refused_in_words(page: Page) -> None:
    """Unknown customers, clients, messages, switches and samples are answered 400 or 404, and never 500."""
    for path, status in (
        ("/do/phone/1/text", 404),
        (f"/do/phone/{ANNA}/edit", 404),
        (f"/do/phone/{ANNA}/press", 404),
        (f"/do/phone/{ANNA}/sample", 400),
        ("/do/desk/nobody/say", 404),
        ("/do/switch", 400),
        ("/do/nothing", 404),
        ("/static/../server.py", 404),
    ):
        assert await ask(page, path, Origin=page.server.url) == status, path
    assert await ask(page, "/phone-files/none", method="GET") == 404
