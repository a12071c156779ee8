"""Keeps an access token fresh: renews ahead of time, one request however many wait, no storm of refused logins."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import quote

import structlog

from relay.errors import CredentialsRefused, Down, NotAccepted, Throttled, Unavailable
from relay.kit.answers import TokenRefused, Tokens, read_tokens
from relay.kit.requests import Request, refresh_request

LIFE = 15 * 60.0  #: Seconds that an access token lives (https://voximplant.com/kit/docs/channels/custom).
RENEW_AFTER = 12 * 60.0  #: Age in seconds at which it is renewed, so that no event meets a dying one.
#: Seconds for which another relay's renewal is waited for, and between two looks at it.
_TOGETHER: Final = 30.0
_LOOK: Final = 0.2
AHEAD_PAUSE = 15.0  #: Seconds until the next attempt to renew a token that still lives.
MAX_LOGIN_PAUSE = 15.0  #: Seconds between logins, at most, while Kit refuses them.
MAX_LOGIN_HOLD = 60.0  #: The same while it answers them with 429, whatever it asks for: nobody gets through meanwhile.

Answer = tuple[int, Mapping[str, str], bytes]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pair:
    """Tokens, and how old they are."""

    tokens: Tokens
    age: float  #: Seconds.


class SharedPair(Protocol):
    """The pair that several relays have in common: one of them renews it, and the others take what it got."""

    async def read(self) -> Pair | None:
        """The pair, if there is one."""

    async def begin(self) -> bool:
        """Whether this relay may renew it now: nobody else does until `end`."""

    async def end(self, new: Pair | None) -> None:
        """Let others renew it again; None: it stays what it was."""


class _RenewedElsewhereError(Unavailable):
    """Another relay renews the shared pair just now."""


class TokenKeeper:
    """The tokens of one channel. `call` makes one request; it raises Unavailable or Uncertain when there is no answer.

    `login` is the request that always works, as long as the API token does; `api_token` is masked in errors.
    Where several relays have the pair in common, it is `shared`, and what that raises leaves every method.
    """

    def __init__(
        self,
        call: Callable[[Request], Awaitable[Answer]],
        login: Request,
        *,
        api_token: str,
        now: Callable[[], float] = time.monotonic,
        shared: SharedPair | None = None,
    ) -> None:
        self._call = call
        self._login = login
        self._login_secrets = (api_token, quote(api_token, safe=""))
        self._now = now
        self._shared = shared
        self._lock = asyncio.Lock()
        self._tokens: Tokens | None = None
        self._refresh_token: str | None = None
        self._issued_at = 0.0
        self._renew_at = 0.0
        self._attempts = 0  #: Finished ones, so that those who waited for one share its outcome.
        self._failure: Unavailable | None = None
        self._login_pause = 0.0
        self._no_login_before = 0.0
        self._login_failure: Unavailable | None = None

    def age(self) -> float | None:
        """Seconds since the access token was issued; None without one."""
        return None if self._tokens is None else self._now() - self._issued_at

    def fresh(self) -> Tokens | None:
        """The tokens, if they need no renewal yet."""
        return self._tokens if self._now() < self._renew_at else None

    async def renew(self, refused: Tokens | None = None) -> Tokens:
        """Tokens that are fresh and not the `refused` ones. Raises Unavailable or Throttled."""
        attempts_seen = self._attempts
        async with self._lock:
            tokens = self.fresh()
            if tokens is not None and tokens is not refused:
                return tokens
            if self._failure is not None and self._attempts != attempts_seen:
                raise _again(self._failure)
            if self._tokens is refused:
                self._tokens = None
            return await self._attempt(refused)

    async def login(self) -> None:
        """Get new tokens by the API token, whatever we have; or those that are shared, which the API token has opened.

        Raises Unavailable or Throttled.
        """
        async with self._lock:
            self._tokens = self._refresh_token = None
            await self._attempt()

    async def check(self) -> None:
        """Get new tokens in both ways. Raises Unavailable or Throttled unless Kit gives them in each."""
        async with self._lock, self._renewing():
            if self._refresh_token is not None and await self._refreshed() is None:
                raise Unavailable("Kit refused the refresh token")
            self._tokens = self._refresh_token = None
            await self._renewed()

    async def _attempt(self, refused: Tokens | None = None) -> Tokens:
        """Take what another relay got, or renew."""
        if (tokens := await self._taken(refused)) is not None:
            return tokens
        try:
            async with self._renewing(0.0 if self._lives else _TOGETHER):
                return await self._taken(refused) or await self._renewed()
        except _RenewedElsewhereError:
            if self._tokens is None or not self._lives:
                raise
            self._renew_at = self._now() + _LOOK  # it is good for minutes yet
            return self._tokens

    @property
    def _lives(self) -> bool:
        return self._tokens is not None and self._now() - self._issued_at < LIFE

    async def _taken(self, refused: Tokens | None) -> Tokens | None:
        """The shared tokens, unless they need renewal, or are the `refused` ones: then their refresh token is ours."""
        pair = None if self._shared is None else await self._shared.read()
        if pair is None:
            return None
        if pair.age < RENEW_AFTER and (refused is None or pair.tokens.access != refused.access):
            return self._keep(pair.tokens, pair.age)
        self._refresh_token = pair.tokens.refresh
        return None

    @asynccontextmanager
    async def _renewing(self, patience: float = _TOGETHER) -> AsyncIterator[None]:
        """Nobody else renews the shared pair meanwhile. Raises _RenewedElsewhereError if somebody does for longer."""
        if self._shared is None:
            yield
            return
        until = self._now() + patience
        while not await self._shared.begin():
            if self._now() >= until:
                raise _RenewedElsewhereError("another relay renews the token, and has not come to an end")
            await asyncio.sleep(_LOOK)
        before = self._tokens
        try:
            yield
        finally:
            tokens = self._tokens
            new = None if tokens is None or tokens is before else Pair(tokens, self._now() - self._issued_at)
            await self._shared.end(new)

    async def _renewed(self) -> Tokens:
        try:
            tokens = await self._refreshed() or await self._logged_in()
        except Unavailable as error:
            self._attempts += 1
            self._failure = error
            if self._tokens is None or not self._lives:
                raise
            log.warning("kit.renewal_postponed", reason=str(error))
            self._renew_at = self._now() + AHEAD_PAUSE
            return self._tokens
        return self._keep(tokens)

    def _keep(self, tokens: Tokens, age: float = 0.0) -> Tokens:
        self._attempts += 1
        self._failure = None
        self._tokens, self._refresh_token = tokens, tokens.refresh
        self._issued_at = self._now() - age
        self._renew_at = self._issued_at + RENEW_AFTER
        return tokens

    async def _refreshed(self) -> Tokens | None:
        # A refresh token is tried once: if anything goes wrong, the next renewal is a login, which needs no history.
        refresh_token, self._refresh_token = self._refresh_token, None
        if refresh_token is None:
            return None
        try:
            return await self._ask(refresh_request(refresh_token), (refresh_token,))
        except (TokenRefused, NotAccepted) as error:
            log.info("kit.refresh_refused", reason=str(error))
            return None

    async def _logged_in(self) -> Tokens:
        remaining = self._no_login_before - self._now()
        if self._login_failure is not None and remaining > 0:
            raise _again(self._login_failure, retry_after=remaining)
        try:
            tokens = await self._ask(self._login, self._login_secrets)
        except Throttled as error:
            self._bar_logins(error, min(error.retry_after, MAX_LOGIN_HOLD))
            raise
        except (TokenRefused, NotAccepted) as error:
            self._login_pause = min(max(1.0, 2 * self._login_pause), MAX_LOGIN_PAUSE)
            refusal = CredentialsRefused(
                "Kit refused the login: check KIT_API_TOKEN, KIT_DOMAIN and KIT_CHANNEL_UUID, and that the relay's "
                f"address is on the account's API whitelist ({error})"
            )
            self._bar_logins(refusal, self._login_pause)
            raise refusal from None
        self._login_pause, self._login_failure = 0.0, None
        return tokens

    def _bar_logins(self, failure: Unavailable, seconds: float) -> None:
        self._login_failure = failure
        self._no_login_before = self._now() + seconds

    async def _ask(self, request: Request, secrets: tuple[str, ...]) -> Tokens:
        try:
            status, headers, body = await self._call(request)
            return read_tokens(status, headers, body, now=time.time(), secrets=secrets)
        except TokenRefused:
            raise
        except Throttled as error:
            raise _again(error) from None
        except Unavailable as error:
            # Without a token nobody gets through. A login whose answer was lost has had no effect that matters.
            raise Down(str(error)) from None


def _again(failure: Unavailable, *, retry_after: float | None = None) -> Unavailable:
    """The same failure for another caller: one exception raised twice would grow two tracebacks."""
    if isinstance(failure, Throttled):
        return Throttled(
            str(failure), retry_after=failure.retry_after if retry_after is None else retry_after, of_all=True
        )
    if isinstance(failure, CredentialsRefused):
        return CredentialsRefused(str(failure))
    return Down(str(failure)) if isinstance(failure, Down) else Unavailable(str(failure))
