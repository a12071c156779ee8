"""Hands events to Kit over HTTP. Decides nothing about retries, except the one that a refused token needs."""

import time
from collections.abc import Callable, Mapping
from typing import Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from relay.errors import Down, NotAccepted, Unavailable, Uncertain, cause_of
from relay.kit.answers import TokenRefused, Tokens, read_answer
from relay.kit.requests import Request, login_request, send_headers, send_path
from relay.kit.tokens import Answer, SharedPair, TokenKeeper

#: Seconds in which a probe must have a connection.
PROBE_CONNECT: Final = 3.0
ANSWER_LIMIT: Final = 64 * 1024  #: Bytes that are read of an answer; Kit's own stay below 1 KiB.
# Kit's answers are too short to gain by compression, and what is not compressed cannot be a bomb.
_COMMON_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "telegram-kit-relay"}


class KitClient:
    """Sends events to one Kit channel, through a session that it doesn't own (and that must keep no cookies).

    `now` gives monotonic seconds. `timeout` bounds one request, a login or refresh takes a third of it at most; so a
    `send` ends within 2 2/3 timeouts.
    """

    def __init__(  # noqa: PLR0913 -- what stands in the channel's form in Kit, value by value
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        domain: str,
        api_token: str,
        channel_uuid: str,
        *,
        now: Callable[[], float] = time.monotonic,
        timeout: float = 30.0,
        shared: SharedPair | None = None,
    ) -> None:
        self._session = session
        self._api_token = api_token
        self._base_url = base_url.rstrip("/")
        self._send_url = URL(self._base_url + send_path(channel_uuid), encoded=True)
        self._send_timeout = aiohttp.ClientTimeout(total=timeout, connect=timeout / 3)
        self._token_timeout = aiohttp.ClientTimeout(total=timeout / 3)
        self._keeper = TokenKeeper(
            self._call, login_request(domain, api_token, channel_uuid), api_token=api_token, now=now, shared=shared
        )
        self._headers: Mapping[str, str] = CIMultiDict()
        self._headers_of: Tokens | None = None
        self._last_error: str | None = None

    @property
    def last_error(self) -> str | None:
        """Why the last send or login failed; None when it succeeded."""
        return self._last_error

    def token_age(self) -> float | None:
        """Seconds since the access token was issued; None without one."""
        return self._keeper.age()

    async def login(self) -> None:
        """Get new tokens by the API token, whatever we have. Raises Unavailable or Throttled, with words for people."""
        try:
            await self._keeper.login()
        except Unavailable as error:
            self._last_error = str(error)
            raise
        self._last_error = None

    async def check_login(self) -> None:
        """Have Kit say that it knows us: by the refresh token and by the API token. Raises Unavailable or Throttled."""
        await self._keeper.check()

    async def probe(self, seconds: float) -> None:
        """Find out whether anybody answers there: nothing is said to them, and no token is shown.

        On a connection of its own, since a kept one may have died in silence. Raises Down if nobody is reached, and
        Uncertain if nobody answers in so many seconds.
        """
        limits = aiohttp.ClientTimeout(total=seconds, connect=PROBE_CONNECT)
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
            await self._exchange(session, "GET", self._send_url, _COMMON_HEADERS, None, limits)

    async def send(self, body: str | bytes) -> None:
        """Hand over one event, a `SendEvent` as JSON; return once Kit has taken it.

        Raises Unavailable, Throttled, Uncertain or NotAccepted.
        """
        try:
            await self._send(body.encode() if isinstance(body, str) else body)
        except (Unavailable, NotAccepted) as error:
            self._last_error = str(error)
            raise
        self._last_error = None

    async def _send(self, body: bytes) -> None:
        tokens = self._keeper.fresh() or await self._keeper.renew()
        try:
            return await self._post_event(tokens, body)
        except TokenRefused:
            tokens = await self._keeper.renew(refused=tokens)
        try:
            return await self._post_event(tokens, body)
        except TokenRefused as error:
            hint = "check the API token, and that the relay's address is on the account's IP whitelist in Kit"
            raise Unavailable(f"{error}, and a new one too: {hint}") from None

    async def _post_event(self, tokens: Tokens, body: bytes) -> None:
        if tokens is not self._headers_of:
            self._headers = CIMultiDict({**_COMMON_HEADERS, **send_headers(tokens.access)})
            self._headers_of = tokens
        status, headers, answer = await self._exchange(
            self._session, "POST", self._send_url, self._headers, body, self._send_timeout
        )
        read_answer(status, headers, answer, now=time.time(), secrets=(tokens.access, self._api_token))

    async def _call(self, request: Request) -> Answer:
        url = URL(self._base_url + request.path_and_query, encoded=True)
        headers = {**_COMMON_HEADERS, **request.headers}
        return await self._exchange(self._session, request.method, url, headers, request.body, self._token_timeout)

    @staticmethod
    async def _exchange(
        session: aiohttp.ClientSession,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: bytes | None,
        limits: aiohttp.ClientTimeout,
    ) -> Answer:
        """One request. Raises Down if it surely was not sent, Uncertain if its answer was lost."""
        try:
            response = await session.request(
                method, url, data=body, headers=headers, timeout=limits, allow_redirects=False
            )
            return response.status, response.headers, await read_body(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise Down(f"no connection to Kit ({cause_of(error)})") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            # aiohttp's own texts may quote the URL, and a login's URL holds the API token.
            raise Uncertain(f"Kit's answer was lost ({type(error).__name__})") from None


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """An answer's body, of a longer one the first `ANSWER_LIMIT` bytes. Afterwards its connection is let go."""
    content, data = response.content, b""
    try:
        while not content.at_eof() and len(data) <= ANSWER_LIMIT:
            data += await content.readany()
    finally:
        if not content.is_eof():
            response.close()
    return data[:ANSWER_LIMIT]
