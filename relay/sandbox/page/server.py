"""The page's server, on loopback: its files, what can be done, and a stream of everything that changes."""

import asyncio
import io
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import segno
from aiohttp import web

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.page.cast import CAST, deep_link
from relay.sandbox.page.deeds import FILE_LIMIT, FILES, Deeds
from relay.sandbox.page.desk_view import desk_entries
from relay.sandbox.page.guard import add_headers, content_policy, guard
from relay.sandbox.page.phone_view import phone_entries
from relay.sandbox.page.process import RelayProcess
from relay.sandbox.page.relay_view import relay_entries
from relay.sandbox.page.samples import NAMES, sample
from relay.sandbox.page.switches import Switches
from relay.sandbox.page.watch import Watch
from relay.sandbox.shared.content import serve
from relay.sandbox.shared.serving import Server
from relay.sandbox.telegram.server import TelegramLookAlike

STATIC: Final = Path(__file__).with_name("static")
_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
#: Seconds between two changes that are sent, at least; and without any, until a sign of life.
_BREATH: Final = 0.02
_SILENCE: Final = 15.0
#: Pages that may be open at once.
_READERS: Final = 24
_SHOWN: Final = ("image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "video/webm", "audio/")


class Page:
    """The page of one demo. `relay_url` is where the relay hands out customers' files."""

    def __init__(
        self,
        telegram: TelegramLookAlike,
        kit: KitLookAlike,
        process: RelayProcess,
        watch: Watch,
        *,
        relay_url: str,
        port: int = 0,
    ) -> None:
        self.server = Server(self.application, port=port)
        self._telegram = telegram
        self._kit = kit
        self._process = process
        self._watch = watch
        self._relay_url = relay_url
        self._switches = Switches(telegram, kit)
        self._readers = 0

    @property
    def url(self) -> str:
        """The page's address."""
        return f"{self.server.url}/"

    def application(self) -> web.Application:
        """The routes, for one start of the server."""
        application = web.Application(client_max_size=FILE_LIMIT * FILES, middlewares=[guard(lambda: self.server.port)])
        application.on_response_prepare.append(add_headers)
        application.router.add_get("/", self._index)
        application.router.add_get("/static/{name:[a-z_]+[.][a-z]+}", self._static)
        application.router.add_get("/deep-link.svg", self._deep_link)
        application.router.add_get("/samples/{name}", self._sample)
        application.router.add_get("/phone-files/{file_id}", self._phone_file)
        application.router.add_get("/events", self._events)
        application.add_routes(Deeds(self._watch, self._process, self._switches).routes())
        return application

    def entries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Everything that the page shows now, by key."""
        yield "cast", {"people": [person.card() for person in CAST], "link": deep_link(self._telegram)}
        yield from phone_entries(self._watch)
        yield from desk_entries(self._watch)
        yield from relay_entries(self._watch, self._process, self._switches)

    async def _index(self, _: web.Request) -> web.Response:
        policy = content_policy(self._relay_url, self._kit.url)
        return web.Response(
            body=(STATIC / "index.html").read_bytes(),
            content_type="text/html",
            charset="utf-8",
            headers={"Content-Security-Policy": policy},
        )

    async def _static(self, request: web.Request) -> web.Response:
        path = STATIC / request.match_info["name"]
        if path.suffix not in _TYPES or not path.is_file():
            raise web.HTTPNotFound
        return web.Response(body=path.read_bytes(), content_type=_TYPES[path.suffix], charset="utf-8")

    async def _sample(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in NAMES:
            raise web.HTTPNotFound
        found = sample(name)
        return web.Response(body=found.data, content_type=found.mime_type)

    async def _deep_link(self, _: web.Request) -> web.Response:
        """The QR code of the link."""
        drawn = io.BytesIO()
        segno.make(deep_link(self._telegram)).save(drawn, kind="svg", scale=4, border=2, light="#fff")
        return web.Response(body=drawn.getvalue(), content_type="image/svg+xml")

    async def _phone_file(self, request: web.Request) -> web.StreamResponse:
        """A file that the phone holds. Whatever is in it, nothing of it runs here."""
        file_id = request.match_info["file_id"]
        if file_id not in self._telegram.files:
            raise web.HTTPNotFound
        stored = self._telegram.files[file_id]
        head = next(stored.content.chunks(0, 64), b"")
        kind = kind_of(head)
        headers = {"Content-Security-Policy": "sandbox; default-src 'none'"}
        if not kind.startswith(_SHOWN):
            headers["Content-Disposition"] = "attachment"
        return await serve(request, stored.content, content_type=kind, headers=headers)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if self._readers >= _READERS:
            raise web.HTTPServiceUnavailable(text="too many pages are open\n")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        self._readers += 1
        try:
            await response.prepare(request)
            with suppress(ConnectionError):
                await self._tell(response)
        finally:
            self._readers -= 1
        return response

    async def _tell(self, response: web.StreamResponse) -> None:
        """Everything, and then what changes, until the reader hangs up."""
        told: dict[str, dict[str, Any]] = {}
        while True:
            revision = self._watch.revision
            now = dict(self.entries())
            changed = {key: value for key, value in now.items() if told.get(key) != value}
            gone = [key for key in told if key not in now]
            if changed or gone:
                news = json.dumps({"now": time.time(), "set": changed, "gone": gone}, separators=(",", ":"))
                await response.write(f"data: {news}\n\n".encode())
                told = now
                await asyncio.sleep(_BREATH)
            if not await self._watch.moved_on(revision, _SILENCE):
                await response.write(b": still here\n\n")


def kind_of(head: bytes) -> str:
    """The media type that a file's first bytes tell; `application/octet-stream` for all that is not shown."""
    if head[4:8] == b"ftyp":
        return "audio/mp4" if head[8:11] == b"M4A" else "video/mp4"
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12], "application/octet-stream")
    for magic, kind in (
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF8", "image/gif"),
        (b"OggS", "audio/ogg"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (b"ID3", "audio/mpeg"),
        (b"\xff\xfb", "audio/mpeg"),
    ):
        if head.startswith(magic):
            return kind
    return "application/octet-stream"
