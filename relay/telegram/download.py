"""Agents' files, fetched to disk. Their URLs are hostile until proven: see `guard` for the addresses.

Everything is bounded (size, pace and idle time, redirects) and nothing is sent along: no cookies, no credentials, no
referrer. The relay's secrets live in other sessions.
"""

import asyncio
import tempfile
import threading
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote, urlsplit

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver
from aiohttp.multipart import BadContentDispositionHeader
from yarl import URL

from relay.errors import SourceRefused, SourceUnavailable, cause_of
from relay.retry_after import retry_after
from relay.telegram.guard import ForbiddenAddressError, public_socket
from relay.telegram.told_names import told_name

MAX_REDIRECTS: Final = 3
#: Some hosts refuse whoever says no name, or a library's.
USER_AGENT: Final = "telegram-kit-relay"
CHUNK: Final = 256 * 2**10
#: Seconds without a byte after which a file's server is silent.
IDLE: Final = 5.0
#: Bytes a second that a file must come at, after its first minute: bytes that move are waited for, drops are not.
SLOWEST: Final = 4 * 2**10
_PREFIX: Final = "fetch-"
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_AGAIN_LATER: Final = frozenset({408, 425, 429})
#: What an agent is told of a status; of others, the status itself.
_WHY: Final = {401: "file_sign_in", 403: "file_sign_in", 404: "file_gone", 410: "file_gone"}
#: What a URL can hold as it stands; the rest (spaces, other alphabets) goes as UTF-8, percent-encoded.
_AS_IT_STANDS: Final = "".join(map(chr, range(0x21, 0x7F)))

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file on disk, until the `fetch` that yielded it ends."""

    path: Path
    size: int  #: Bytes; never 0.
    content_type: str  #: As its server says; "" when it doesn't.
    is_public: bool = False  #: It came from public addresses only, none of them a trusted host's.
    name: str = ""  #: As its server says (Content-Disposition); "" when it doesn't.


class FileFetcher:
    """Fetches files by URLs that others chose. One for the process; `close` it.

    `trusted_hosts` are hosts or host:port pairs, in lower case, that may be asked over plain http and at private
    addresses. `timeout` (seconds) is for what comes slower than SLOWEST; `idle` for a connection and for any wait for
    its next bytes.
    """

    def __init__(
        self,
        directory: Path,
        trusted_hosts: frozenset[str] = frozenset(),
        *,
        max_bytes: int = 50 * 2**20,
        timeout: float = 60.0,
        idle: float = IDLE,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._directory = directory
        self._trusted_hosts = trusted_hosts
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._idle = idle
        self._resolver = resolver
        self._swept = False
        self._sweeping = threading.Lock()
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def close(self) -> None:
        """Close the connections. `fetch` opens them again."""
        while self._sessions:
            _, session = self._sessions.popitem()
            await session.close()

    @asynccontextmanager
    async def fetch(self, url: str, max_bytes: int | None = None) -> AsyncIterator[FetchedFile]:
        """Download to a file that only we may read, and delete it afterwards. `max_bytes` may set another limit.

        Raises SourceRefused when the URL, its host, its answer (4xx) or its size is refused; SourceUnavailable when it
        may work later. Their texts name the host at most, never path or query: those may hold a signature.
        """
        target = _parse(url)
        path = None
        try:
            try:
                with await asyncio.to_thread(self._open_file) as file:
                    path = Path(file.name)
                    download = await self._download(target, file, max_bytes or self._max_bytes)
            except OSError as error:
                raise SourceUnavailable(f"the file could not be stored ({cause_of(error)})") from None
            yield FetchedFile(path, *download)
        finally:
            if path is not None:
                await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _download(self, target: URL, file: IO[bytes], max_bytes: int) -> tuple[int, str, bool, str]:
        is_public = True
        try:
            async with asyncio.timeout(self._timeout) as patience:
                for _ in range(MAX_REDIRECTS + 1):
                    # Whoever is not trusted is asked over https and answers from a public address, or not at all.
                    is_public = is_public and not self._is_trusted(target)
                    async with self._get(target) as response:
                        if response.status not in _REDIRECTS:
                            size = await self._save(response, file, max_bytes, patience)
                            return size, response.headers.get("Content-Type", ""), is_public, _name(response)
                        target = _next_hop(target, response)
        except SourceRefused as error:
            error.file_is_public = is_public and error.why == "file_too_large"
            raise
        except TimeoutError:
            raise SourceUnavailable(f"{_host(target)} took too long to send the file") from None
        raise SourceRefused(f"{_host(target)} redirects too often")

    @asynccontextmanager
    async def _get(self, url: URL) -> AsyncIterator[aiohttp.ClientResponse]:
        trusted = self._is_trusted(url)
        if url.scheme != "https" and not (trusted and url.scheme == "http"):
            raise SourceRefused(f"{_host(url)}: files are fetched over https only", why="file_link")
        try:
            async with self._session(trusted=trusted).get(url, allow_redirects=False) as response:
                yield response
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.__cause__, ForbiddenAddressError):
                log.warning("file.refused", host=_host(url), reason="not a public address")
                raise SourceRefused(f"{_host(url)} is not on the public internet", why="file_link") from None
            raise SourceUnavailable(f"{_host(url)} could not be reached") from None
        except aiohttp.ConnectionTimeoutError:
            raise SourceUnavailable(f"{_host(url)} could not be reached") from None
        except (aiohttp.InvalidURL, ValueError):
            raise SourceRefused("the file's link is not a usable URL", why="file_link") from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise SourceUnavailable(f"{_host(url)} broke off ({type(error).__name__})") from None

    async def _save(
        self, response: aiohttp.ClientResponse, file: IO[bytes], max_bytes: int, patience: asyncio.Timeout
    ) -> int:
        host = _host(response.url)
        if response.status >= 500 or response.status in _AGAIN_LATER:
            raise SourceUnavailable(
                f"{host} answered {response.status} for the file",
                why="file_status",
                retry_after=retry_after(response.headers, now=time.time()) or 0.0,
            )
        if response.status != 200:
            why = _WHY.get(response.status, "file_status")
            raise SourceRefused(f"{host} answered {response.status} for the file", why=why)
        size = response.content_length or 0
        if size <= max_bytes:
            size, deadline = 0, patience.when() or 0.0
            async for chunk in response.content.iter_chunked(CHUNK):
                size += len(chunk)
                if size > max_bytes:
                    break
                patience.reschedule(deadline + size / SLOWEST)
                await asyncio.to_thread(file.write, chunk)
        if size > max_bytes:
            raise SourceRefused(f"the file is larger than {max_bytes // 2**20} MB", why="file_too_large")
        if not size:
            raise SourceRefused("the file is empty", why="file_empty")
        return size

    def _is_trusted(self, url: URL) -> bool:
        return not self._trusted_hosts.isdisjoint((url.host, f"{url.host_subcomponent}:{url.port}"))

    def _session(self, *, trusted: bool) -> aiohttp.ClientSession:
        # Two sessions, two pools: what a trusted host's connections may do never rubs off on another hop.
        if trusted not in self._sessions:
            self._sessions[trusted] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,
                    use_dns_cache=False,
                    resolver=self._resolver,
                    socket_factory=None if trusted else public_socket,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "identity", "User-Agent": USER_AGENT},
                timeout=aiohttp.ClientTimeout(total=None, connect=self._idle, sock_read=self._idle),
            )
        return self._sessions[trusted]

    def _open_file(self) -> IO[bytes]:
        with self._sweeping:  # whoever comes meanwhile must not have a fresh file swept away
            if not self._swept:
                self._sweep()
                self._swept = True
        # Mode 0600. It outlives its closing, because the uploads (a first and perhaps a second one) read it by name.
        return tempfile.NamedTemporaryFile(prefix=_PREFIX, dir=self._directory, delete=False)

    def _sweep(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Nobody else uses this directory, so these are left from a process that died.
        for left_behind in self._directory.glob(f"{_PREFIX}*"):
            left_behind.unlink(missing_ok=True)


def _parse(url: str) -> URL:
    try:
        return _checked(_exact(url, URL(url)))
    except ValueError:
        raise SourceRefused("the file's link is not a usable URL", why="file_link") from None


def _next_hop(url: URL, response: aiohttp.ClientResponse) -> URL:
    location = response.headers.get("Location", "")
    if not location:
        raise SourceRefused(f"{_host(url)} redirects to nowhere")
    try:
        return _checked(url.join(_exact(location, URL(location))))
    except ValueError:
        raise SourceRefused(f"{_host(url)} redirects to nowhere") from None


def _exact(written: str, read: URL) -> URL:
    """The URL with path and query byte for byte as they were written: a signature may cover them. Raises ValueError."""
    parts = urlsplit(written)
    return URL.build(
        scheme=read.scheme,
        authority=read.raw_authority,
        path=_quoted(parts.path) or ("/" if read.raw_authority else ""),
        query_string=_quoted(parts.query),
        encoded=True,
    )


def _quoted(part: str) -> str:
    return quote(part, safe=_AS_IT_STANDS, errors="surrogateescape")


def _checked(url: URL) -> URL:
    """The URL, if it can be asked. Raises ValueError too: yarl decodes a host (`https://xn--/`) as it is read."""
    if not url.absolute or not url.host:
        raise SourceRefused("the file's link is not a usable URL", why="file_link")
    if url.raw_user is not None or url.raw_password is not None:
        raise SourceRefused("the file's link holds a user name", why="file_link")
    return url.with_fragment(None)


def _name(response: aiohttp.ClientResponse) -> str:
    """The name that the answer gives its file, without folders."""
    with warnings.catch_warnings(action="ignore", category=BadContentDispositionHeader):
        told = response.content_disposition
    header = response.headers.get("Content-Disposition", "")
    return told_name(header, told.filename if told is not None else None) if header else ""


def _host(url: URL) -> str:
    return (url.raw_host or "the host")[:100]
