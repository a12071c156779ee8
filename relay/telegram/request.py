"""PTB's transport, on aiohttp: one connection pool, uploads streamed from disk, errors told apart by phase.

Whoever may repeat a `sendMessage` must know whether Telegram can have seen the first one, since the Bot API has no
idempotency key. So errors before the request was sent are `NotReached`, and all later ones `TimedOut`, which here
means "outcome unknown". No error text and no log line holds a URL, because a Bot API URL holds the token.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import orjson
from multidict import CIMultiDict
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    TelegramError,
    TimedOut,
)
from telegram.request import BaseRequest, RequestData
from yarl import URL

from relay.errors import cause_of
from relay.telegram.proxy import ProxyFailed, way_of
from relay.telegram.upload import Upload

if TYPE_CHECKING:
    from telegram._utils.types import ODVInput  # BaseRequest's signature has it; PTB exports it nowhere else

#: Bytes. A full getUpdates answer (100 updates of the longest kind) stays well under it.
MAX_ANSWER: Final = 16 * 2**20
#: Seconds to wait after a 429 that does not say how long.
DEFAULT_RETRY_AFTER: Final = 5

_JSON_HEADERS: Final = CIMultiDict({"Content-Type": "application/json"})
_BEFORE_SENDING: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
_WAIT_IN_WORDS: Final = re.compile(r"too many requests: retry after (\d{1,6})", re.IGNORECASE)
_TOKEN: Final = re.compile(r"\d{3,}:[A-Za-z0-9_-]{5,}")


def _by(proxy: str) -> aiohttp.BaseConnector:
    from relay.telegram.proxy_connector import through_proxy  # noqa: PLC0415 - memory that most relays need not spend

    return through_proxy(proxy)


def open_session(proxy: str = "") -> aiohttp.ClientSession:
    """The session for everything that goes to Telegram. To be called, and later closed, in the running loop.

    `proxy` is the URL of the proxy on the way there, "" without one. The session keeps no cookies, reads no proxy
    settings from the environment, and opens as many connections as there are calls: how many those are is the callers'
    business, and a call that waits for a slot would look like a slow Telegram.
    """
    connector = _by(proxy) if proxy else aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


class NotReached(NetworkError):
    """No connection: the request was never sent."""


class TooLarge(BadRequest):
    """413: the request as a whole. In another form it would be as large."""


class FloodWait(TelegramError):
    """429. Instead of PTB's RetryAfter, which emits a DeprecationWarning each time that it is made or read."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many requests, wait {seconds} s")
        self.seconds = seconds


class AiohttpRequest(BaseRequest):
    """Carries Bot API calls over `session`, which stays the caller's to close.

    Timeouts are seconds: `connect_timeout` until the connection stands, then `read_timeout` for the whole answer. For
    uploads it is `write_timeout`, and counts from the last byte that moved. None means for ever. An answer of more
    bytes than `largest_answer` is cut.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        connect_timeout: float = 10.0,
        read_timeout: float = 30.0,
        write_timeout: float = 120.0,
        largest_answer: int = MAX_ANSWER,
    ) -> None:
        self._largest_answer = largest_answer
        self._session = session
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._write_timeout = write_timeout
        self._urls: dict[str, URL] = {}

    @property
    def read_timeout(self) -> float | None:
        """Seconds that an answer may take when the call does not say."""
        return self._read_timeout

    async def initialize(self) -> None:
        """Nothing to do: the session is open."""

    async def shutdown(self) -> None:
        """Nothing to do: the session belongs to whoever opened it."""

    async def do_request(  # noqa: PLR0913, PLR0917 - BaseRequest's signature
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: "ODVInput[float]" = BaseRequest.DEFAULT_NONE,
        write_timeout: "ODVInput[float]" = BaseRequest.DEFAULT_NONE,
        connect_timeout: "ODVInput[float]" = BaseRequest.DEFAULT_NONE,
        pool_timeout: "ODVInput[float]" = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 - the pool has no limit
    ) -> tuple[int, bytes]:
        """One call. Returns only 2xx answers; anything else leaves as the `telegram.error` that it means."""
        uploads = request_data is not None and request_data.contains_files
        connect = _seconds(connect_timeout, self._connect_timeout)
        answer = _seconds(read_timeout, self._read_timeout)
        total = None if uploads or connect is None or answer is None else connect + answer
        timeout = _limits(total, connect)
        if request_data is None or not uploads:
            return await self._ask(method, url, _json(request_data), timeout)
        upload = Upload(_seconds(write_timeout, self._write_timeout))
        return await self._upload(method, url, _form(request_data), timeout, upload)

    async def call(self, url: str, parameters: Mapping[str, object], read_timeout: float | None = None) -> Any:  # noqa: ANN401 - whatever JSON the method answers
        """One call whose parameters are plain JSON, past PTB's objects for parameters. Those of None are left out."""
        answer = self._read_timeout if read_timeout is None else read_timeout
        body = _dumped({name: value for name, value in parameters.items() if value is not None})
        timeout = _limits(self._connect_timeout + answer, self._connect_timeout)
        try:
            _, payload = await self._ask("POST", url, body, timeout)
        except TelegramError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug of the transport is no fault of the message
            raise NetworkError(f"unknown error ({type(error).__name__})") from None
        return self.parse_json_payload(payload)["result"]

    async def _ask(self, method: str, url: str, body: bytes, limits: aiohttp.ClientTimeout) -> tuple[int, bytes]:
        try:
            response = await self._session.request(
                method, self._url(url), data=body, headers=_JSON_HEADERS, timeout=limits, allow_redirects=False
            )
            return _accepted(response.status, await _read(response, self._largest_answer))
        except (aiohttp.ClientError, OSError) as error:
            raise self._failure(error) from None

    async def _upload(
        self, method: str, url: str, form: aiohttp.FormData, limits: aiohttp.ClientTimeout, upload: Upload
    ) -> tuple[int, bytes]:
        try:
            async with (
                upload.watched(),
                self._session.request(
                    method,
                    self._url(url),
                    data=form,
                    timeout=limits,
                    allow_redirects=False,
                    upload_tracker=upload.tracker,
                ) as response,
            ):
                return _accepted(response.status, await _read(response, self._largest_answer))
        except (aiohttp.ClientError, OSError) as error:
            failure = self._failure(error)
            if upload.has_ended or isinstance(failure, NotReached):
                raise failure from None
            raise NetworkError(f"the upload broke off ({type(error).__name__})") from None

    def _failure(self, error: aiohttp.ClientError | OSError) -> NotReached | TimedOut:
        """What it means that no answer came: nothing was sent, or nobody knows."""
        if isinstance(error, ProxyFailed):
            return NotReached(str(error))
        if isinstance(error, _BEFORE_SENDING):
            return NotReached(f"Telegram could not be reached{way_of(self._session)} ({cause_of(error)})")
        return TimedOut(f"the answer was lost ({type(error).__name__})")

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """The answer to a call that went well. One that cannot be read leaves the outcome unknown: TimedOut.

        PTB's own version logs the body.
        """
        answer = _object(payload)
        if "result" not in answer:
            raise TimedOut("the answer could not be read")
        return answer

    def _url(self, url: str) -> URL:
        # Parsing a URL costs more than the rest of a call, and a bot only ever uses a handful of them.
        known = self._urls.get(url)
        if known is None:
            known = self._urls[url] = URL(url, encoded=True)
        return known


def _seconds(timeout: "ODVInput[float]", default: float) -> float | None:
    # What is neither a number nor None is PTB's mark for "not given".
    return timeout if timeout is None or isinstance(timeout, int | float) else default


# There are a handful of kinds, and to make one costs as much as to write its call's JSON.
@cache
def _limits(total: float | None, connect: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total, connect=connect)


def _json(request_data: RequestData | None) -> bytes:
    return json.dumps(request_data.parameters).encode() if request_data else b"{}"


def _form(request_data: RequestData) -> aiohttp.FormData:
    # Telegram reads names as they stand: it knows neither percent-encoding nor filename*.
    form = aiohttp.FormData(quote_fields=False)
    for name, value in request_data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, content_type) in request_data.multipart_data.items():
        form.add_field(name, content, filename=filename, content_type=content_type)
    return form


async def _read(response: aiohttp.ClientResponse, largest: int) -> bytes:
    """The answer's body. Afterwards its connection is let go."""
    content = response.content
    chunks: list[bytes] = []
    try:
        while not content.at_eof():
            chunks.append(await content.readany())
            if content.total_bytes > largest:
                raise aiohttp.ClientPayloadError
    finally:
        if not content.is_eof():
            response.close()
    return b"".join(chunks)


def _object(payload: bytes) -> dict[str, Any]:
    try:
        answer = _loaded(payload)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


# What orjson is too strict for, lone surrogates above all, is still an answer: the slow way reads and writes it.
def _loaded(payload: bytes) -> Any:  # noqa: ANN401 - whatever JSON came
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return json.loads(payload)


def _dumped(parameters: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(parameters)
    except TypeError:
        return json.dumps(parameters).encode()


def _accepted(status: int, payload: bytes) -> tuple[int, bytes]:
    """The answer, if Telegram has done what it was asked to; else raise what it means."""
    if 200 <= status < 300:
        return status, payload
    raise _refusal(status, payload)


def _refusal(status: int, payload: bytes) -> TelegramError:
    """What an answer other than 2xx means. https://core.telegram.org/bots/api#making-requests."""
    answer = _object(payload)
    parameters = answer.get("parameters")
    if not isinstance(parameters, dict):
        parameters = {}
    words = _words(answer.get("description"), status)
    moved_to, wait = parameters.get("migrate_to_chat_id"), parameters.get("retry_after")
    if isinstance(moved_to, int):
        return ChatMigrated(moved_to)
    told = _WAIT_IN_WORDS.search(words)
    if told is not None and not isinstance(wait, int):
        wait = int(told[1])  # older local servers say it within another error's words
    if status == 429 or told is not None:
        return FloodWait(min(max(wait, 1), 3600) if isinstance(wait, int) else DEFAULT_RETRY_AFTER)
    if status == 413:
        return TooLarge(words)
    if status == 504:
        return TimedOut(words)  # The gateway gave up on a request that it had passed on.
    meaning: dict[int, type[TelegramError]] = {
        400: BadRequest,
        401: InvalidToken,
        403: Forbidden,
        404: InvalidToken,
        409: Conflict,
    }
    # Without Telegram's own JSON it is a proxy or a captive portal that speaks, and what it says is not final.
    return meaning.get(status, NetworkError)(words) if answer.get("ok") is False else NetworkError(words)


def _words(description: object, status: int) -> str:
    if isinstance(description, str):
        printable = "".join(character for character in description if character.isprintable())
        return _TOKEN.sub("<token>", printable)[:200]
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"
