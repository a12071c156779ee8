"""login and refreshToken: tokens that are given out, end by the clock, and can be revoked.

https://voximplant.com/kit/docs/channels/custom; encodings as the official client's requests show them.
"""

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from relay.sandbox.kit.refusal import Refused

ACCESS_TTL = 900.0  #: Seconds.
REFRESH_TTL = 24 * 3600.0  #: Seconds.
FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class Tokens:
    """The token desk of one channel."""

    clock: Callable[[], float]
    domain: str
    api_token: str
    channel_uuid: str
    access_ttl: float = ACCESS_TTL
    refresh_ttl: float = REFRESH_TTL
    old_pair_dies: bool = True  #: Whether a refresh ends the pair it was made from.
    logins: int = 0  #: Granted ones.
    refreshes: int = 0  #: Granted ones.
    api_token_revoked: bool = False
    issued: set[str] = field(default_factory=set)  #: Every token that was ever given out.
    _access: dict[str, float] = field(default_factory=dict)
    _refresh: dict[str, tuple[float, str]] = field(default_factory=dict)

    def login(self, query: Sequence[tuple[str, str]], content_type: str, body: bytes) -> dict[str, str]:
        """A pair for the API token. Raises Refused: 400 for the wrong shape, 401 for the wrong values."""
        given = exactly(query, {"domain", "access_token"}, "query")
        form = read_form(content_type, body, {"channel_uuid"})
        if given["domain"] != self.domain or given["access_token"] != self.api_token or self.api_token_revoked:
            raise Refused(401, "Unauthorized: wrong domain or access_token")
        if form["channel_uuid"] != self.channel_uuid:
            raise Refused(404, "Channel not found")
        self.logins += 1
        return self._pair()

    def refresh(
        self, query: Sequence[tuple[str, str]], headers: Mapping[str, str], content_type: str, body: bytes
    ) -> dict[str, str]:
        """A new pair for a refresh token. Raises Refused: 400 for the wrong shape, 401 for a token that is over."""
        exactly(query, set(), "query")
        if "Authorization" in headers:
            raise Refused(400, "refreshToken takes no Authorization header")
        given = read_form(content_type, body, {"refresh_token"})["refresh_token"]
        until, access = self._refresh.get(given, (0.0, ""))
        if self.clock() >= until or self.api_token_revoked:
            raise Refused(401, "Unauthorized: wrong or expired refresh_token")
        if self.old_pair_dies:
            del self._refresh[given]
            self._access.pop(access, None)
        self.refreshes += 1
        return self._pair()

    def check(self, authorization: str | None) -> None:
        """Let a request with this header through, or raise Refused (401)."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer" or self.clock() >= self._access.get(token, 0.0):
            raise Refused(401, "Unauthorized: wrong or expired access token")

    def revoke_access(self) -> None:
        """End every access token; refresh tokens stay good."""
        self._access.clear()

    def revoke_all(self) -> None:
        """End every access and refresh token; a login still helps."""
        self._access.clear()
        self._refresh.clear()

    def _pair(self) -> dict[str, str]:
        now = self.clock()
        access = f"eyJhbGciOiJIUzI1NiJ9.{secrets.token_urlsafe(24)}.{secrets.token_urlsafe(16)}"
        # The last characters prove that the form is percent-encoded: a bare "+" would arrive as a space.
        refresh = base64.b64encode(secrets.token_bytes(24)).decode() + "+/=="
        self._access[access] = now + self.access_ttl
        self._refresh[refresh] = (now + self.refresh_ttl, access)
        self.issued |= {access, refresh}
        return {"access_token": access, "refresh_token": refresh}


def exactly(pairs: Sequence[tuple[str, str]], names: set[str], where: str) -> dict[str, str]:
    """The pairs as a dict, if they are exactly these names, once each. Raises Refused (400) naming the others."""
    given = [name for name, _ in pairs]
    odd = set(given) ^ names
    if odd or len(given) != len(names):
        raise Refused(400, f"{where} must hold exactly {sorted(names)}; see {sorted(odd) or 'repeated names'}")
    return dict(pairs)


def read_form(content_type: str, body: bytes, names: set[str]) -> dict[str, str]:
    """A form of exactly these fields. Raises Refused (400)."""
    if content_type != FORM:
        raise Refused(400, f"the body must be {FORM}")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise Refused(400, "the body is no percent-encoded form") from None
    return exactly(pairs, names, "body")
