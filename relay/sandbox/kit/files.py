"""Agents' files: what Kit hosts for them, at a good server or at one that drips, lies, redirects or stalls."""

import asyncio
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from relay.sandbox.shared.content import Content, serve
from relay.sandbox.shared.faults import cut


@dataclass(slots=True)
class HostedFile:
    """A file under its own URL, and how its server behaves; all of it may be changed at any moment."""

    content: Content
    name: str
    content_type: str
    status: int = 200  #: Another status is answered without the file.
    retry_after: int | None = None  #: Seconds that an answer without the file asks for.
    redirect_to: str | None = None  #: Answer 302 to this location.
    claimed_length: int | None = None  #: The Content-Length that is sent, true or not.
    drip: tuple[int, float] | None = None  #: So many bytes at a time, with so many seconds between.
    stalls_after: int | None = None  #: Send so many bytes, then nothing more, and keep the connection open.
    fetches: int = 0  #: How often it was asked for.

    @property
    def is_plain(self) -> bool:
        """Whether the server behaves."""
        return self.claimed_length is None and self.drip is None and self.stalls_after is None


class FileHost:
    """The files of one look-alike, by path."""

    def __init__(self) -> None:
        self._files: dict[str, HostedFile] = {}

    def host(self, file: HostedFile) -> str:
        """Keep a file and give the path it is served at."""
        number = f"{len(self._files) + 1:04d}"
        self._files[number] = file
        return f"/files/{number}/{quote(file.name, safe='')}"

    def at(self, url: str) -> HostedFile:
        """The file behind a URL or path that `host` gave out. Raises KeyError."""
        return self._files[url.partition("/files/")[2].partition("/")[0]]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Serve a file, as well or as badly as its switches say."""
        file = self._files.get(request.match_info["number"])
        if file is None:
            return web.Response(status=404)
        file.fetches += 1
        if file.redirect_to is not None:
            return web.Response(status=302, headers={"Location": file.redirect_to})
        if file.status != 200:
            asked = {} if file.retry_after is None else {"Retry-After": str(file.retry_after)}
            return web.Response(status=file.status, headers=asked)
        if file.is_plain:
            return await serve(request, file.content, content_type=file.content_type)
        return await _misbehave(request, file)


async def _misbehave(request: web.Request, file: HostedFile) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": file.content_type})
    response.content_length = file.content.size if file.claimed_length is None else file.claimed_length
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    for chunk in file.content.chunks(0, file.stalls_after):
        await _send(response, chunk, file.drip)
    if file.stalls_after is not None:
        await asyncio.Event().wait()  # until the client hangs up, which cancels this
    if response.content_length > file.content.size:
        return cut(request)  # the rest that was promised never comes
    return response


async def _send(response: web.StreamResponse, chunk: bytes, drip: tuple[int, float] | None) -> None:
    if drip is None:
        await response.write(chunk)
        return
    amount, pause = drip
    for start in range(0, len(chunk), amount):
        await response.write(chunk[start : start + amount])
        await asyncio.sleep(pause)
