"""What Kit answers, sorted by what the caller does next. Pure.

Source: https://voximplant.com/kit/docs/channels/custom. Kit documents neither statuses nor error codes, so only the
boolean `success` is believed, and only in Kit's own JSON.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from relay.errors import NotAccepted, Throttled, Unavailable
from relay.retry_after import retry_after

_HEADER_SAFE = re.compile(r"[\x21-\x7e]{1,8192}")
_UNPRINTABLE = re.compile(r"[^\S ]|[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_RETRY_AFTER = range(1, 3600)  #: Seconds that we are willing to be told.


class TokenRefused(Unavailable):
    """Kit doesn't take the token: get another one, then try again."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login or a refresh gives."""

    access: str = field(repr=False)  #: Lives 15 minutes.
    refresh: str | None = field(repr=False)  #: Lives 24 hours.


def read_tokens(
    status: int, headers: Mapping[str, str], body: bytes, *, now: float, secrets: Iterable[str] = ()
) -> Tokens:
    """The tokens in an answer to login or refresh. Raises like `read_answer`."""
    read_answer(status, headers, body, now=now, secrets=secrets)
    result = json.loads(body).get("result")
    access, refresh = (_token(result, name) for name in ("access_token", "refresh_token"))
    if access is None:
        raise Unavailable("Kit's answer to the login holds no usable token")
    return Tokens(access, refresh)


def read_answer(
    status: int, headers: Mapping[str, str], body: bytes, *, now: float, secrets: Iterable[str] = ()
) -> None:
    """Return if Kit took the request; else raise by what to do next. `now` is Unix time, for a Retry-After date.

    Raises TokenRefused, Throttled, Unavailable or NotAccepted. Only Kit's own JSON, `success: false`, refuses a
    message: whatever else comes is an outage. `secrets` are masked in what is quoted from Kit.
    """
    answer = _read_json(body)
    success = answer.get("success") if isinstance(answer, dict) else None
    if 200 <= status < 300 and success is True:
        return
    is_refusal = success is False
    error, code = _error_of(answer, secrets) if is_refusal else ("", None)
    said = f"HTTP {status}" + (f", code {code}" if code is not None else "") + (f": {error}" if error else "")
    if status in {401, 403} and not is_refusal and _is_page(headers, body):
        raise Unavailable(
            f"a page that is not Kit's, status {status}: look at the firewall or proxy between the relay and Kit"
        )
    _raise_if_it_passes(status, code, said, headers, now)
    if is_refusal:
        raise NotAccepted(f"Kit refused it ({said})")
    # A proxy's page, a load balancer's or a firewall's: of the message it says nothing.
    raise Unavailable(f"this answer is not Kit's: look at what stands between the relay and Kit ({said})")


def _token(result: object, name: str) -> str | None:
    value = result.get(name) if isinstance(result, dict) else None
    # A token goes into a header: anything else than printable ASCII could break out of it.
    return value if isinstance(value, str) and _HEADER_SAFE.fullmatch(value) else None


def _is_page(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether it is made for people: Kit answers in JSON, or with nothing."""
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    return kind.lower().startswith("text/html") or body.lstrip()[:1] == b"<"


def _read_json(body: bytes) -> Any:  # noqa: ANN401 -- whatever Kit answered
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _read_loose_json(body)


def _read_loose_json(body: bytes) -> Any:  # noqa: ANN401 -- what only Python's reader takes may be an answer all the same
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _error_of(answer: dict[str, Any], secrets: Iterable[str]) -> tuple[str, int | None]:
    """Kit's words about a failure, on one line and without our secrets, and its code."""
    result = answer.get("result")
    if not isinstance(result, dict):
        return "", None
    error, code = result.get("error"), result.get("code")
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 10:
        code = int(code)
    text = error if isinstance(error, str) else ""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = " ".join(_UNPRINTABLE.sub(" ", text).split())[:200]
    return text, code if isinstance(code, int) and not isinstance(code, bool) and abs(code) < 10**9 else None


def _raise_if_it_passes(status: int, code: int | None, said: str, headers: Mapping[str, str], now: float) -> None:
    """Raise for what says nothing about the message, whoever answers so."""
    either = {status, code}
    if either & {401, 403}:
        raise TokenRefused(f"Kit refused the token ({said})")
    if 429 in either:
        raise Throttled(f"Kit asks for patience ({said})", retry_after=_retry_after(headers, now))
    if status in {404, 405, 410}:
        # The settings name the wrong host or channel.
        raise Unavailable(f"Kit doesn't know this address: check its URL and the channel's UUID ({said})")
    if either & {408, 425} or status >= 500 or (code is not None and 500 <= code < 600):
        raise Unavailable(f"Kit cannot take it now ({said})")


def _retry_after(headers: Mapping[str, str], now: float) -> float:
    """Seconds to wait, within reason; 5 when the answer does not say how long."""
    asked = retry_after(headers, now=now)
    return 5.0 if asked is None else float(min(max(asked, _RETRY_AFTER.start), _RETRY_AFTER.stop))
