"""Kit's protocol without I/O: requests and answers as values, callbacks from bytes. The client only moves the bytes.

Source: https://voximplant.com/kit/docs/channels/custom. Kit documents neither statuses nor error codes, so only the
boolean `success` is believed, and a failure is sorted by what the caller does next.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal, NoReturn, TypeGuard
from urllib.parse import quote, urlencode

from relay.errors import NotAccepted, RelayError, Throttled, Unavailable
from relay.kit.events import Event
from relay.kit.reading import Misfit, client_in, read_fields, words_in
from relay.kit.signature import channel_test_form_of, form_of

LOGIN_PATH = "/api/v3/botService/login"
REFRESH_PATH = "/api/v3/botService/refreshToken"

#: The type of the sample event with which `relay check` tries the callback.
CHECK_EVENT: Final = "relay_check"

_FORM = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
_HEADER_SAFE = re.compile(r"[\x21-\x7e]{1,8192}")
_EVENT_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
#: An event's id as it stands in the bytes of JSON, and of JSON that was encoded once more. Within words a quotation
#: mark has one backslash more, so that none of them is taken for it.
_KEY = b'"event_id"'
_ID = re.compile(rb'\s*:\s*"([A-Za-z0-9_.:-]{1,128})"')
_KEY_IN_STRING = rb"\"event_id\""
_ID_IN_STRING = re.compile(rb'\s*:\s*\\"([A-Za-z0-9_.:-]{1,128})\\"')
#: Of how many ids in a body the signature is tried: the event's own is the first, unless Kit puts others before it.
_TRIED_IDS = 3
_LARGEST_TEST = 4096  #: Bytes of the request that tests a channel; Kit's has none.
_UNPRINTABLE = re.compile(r"[^\S ]|[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_RETRY_AFTER = range(1, 3600)  #: Seconds that we are willing to be told.


class TokenRefused(Unavailable):
    """Kit doesn't take the token: get another one, then try again."""


class BadSignature(RelayError):
    """The caller did not prove that it is Kit."""


class BadEvent(RelayError):
    """The body is not an event that anybody could read."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to Kit's host. Its path and headers hold secrets, so they never stand in its repr."""

    method: Literal["POST"]
    path_and_query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login or a refresh gives."""

    access: str = field(repr=False)  #: Lives 15 minutes.
    refresh: str | None = field(repr=False)  #: Lives 24 hours.


@dataclass(frozen=True, slots=True)
class SignedEvent:
    """A callback that Kit signed."""

    event: Event
    form: str  #: The signature's form, for the log (see `relay.kit.signature.form_of`).


@dataclass(frozen=True, slots=True)
class UnfitEvent:
    """A callback that Kit signed and that is not what its documentation says: to be kept as a dead letter."""

    event_id: str
    reason: str  #: In words, with nothing of the body.
    form: str
    client_id: str | None = None  #: Whom it is about, if that can be read.
    said: str = field(default="", repr=False)  #: Its words, if they can be read.


@dataclass(frozen=True, slots=True)
class ChannelTest:
    """The request that Kit makes when a channel is created: to be answered 200, and nothing else."""

    signed: bool  #: Whether it carried the valid test signature; at that moment our salt may not be set yet.


Callback = SignedEvent | UnfitEvent | ChannelTest


def login_request(domain: str, api_token: str, channel_uuid: str) -> Request:
    """The request for a new pair of tokens."""
    query = urlencode({"domain": domain, "access_token": api_token}, quote_via=quote, safe="")
    return Request("POST", f"{LOGIN_PATH}?{query}", _FORM, _form(channel_uuid=channel_uuid))


def refresh_request(refresh_token: str) -> Request:
    """The request that changes a refresh token into a new pair."""
    return Request("POST", REFRESH_PATH, _FORM, _form(refresh_token=refresh_token))


def send_path(channel_uuid: str) -> str:
    """Where events go."""
    return "/" + quote(channel_uuid, safe="")


def send_headers(access_token: str) -> dict[str, str]:
    """What stands in the head of each event; good as long as the token."""
    return {
        "Accept": "application/json",
        "Authorization": f"Bearer {access_token}",
        "Content-Type": "application/json",
    }


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
    _raise_if_it_passes(status, code, said, headers, now)
    if is_refusal:
        raise NotAccepted(f"Kit refused it ({said})")
    # A proxy's page, a load balancer's or a firewall's: of the message it says nothing.
    raise Unavailable(f"this answer is not Kit's: look at what stands between the relay and Kit ({said})")


def is_event_id(value: object) -> TypeGuard[str]:
    """Whether it can be an event's id: what else would be hashed could extend somebody's signature."""
    return isinstance(value, str) and _EVENT_ID.fullmatch(value) is not None


def read_event(authorization: bytes | None, body: bytes, *, salt: str, token: str) -> Callback:
    """What Kit calls about, once it has proven to be Kit. `authorization` is the header's raw bytes.

    Raises BadEvent or BadSignature, whose messages hold nothing of the body.
    """
    test_form = channel_test_form_of(authorization, salt, token)
    if not body.removeprefix(BOM_UTF8).strip():
        return ChannelTest(signed=test_form is not None)
    for event_id in _ids_in(body):
        form = form_of(authorization, salt, token, event_id)
        if form is not None:
            return _read_proven(body, event_id, form)
    # The test signature is as good as public once sent, so it opens nothing: an event needs its own.
    if test_form is None or len(body) > _LARGEST_TEST:
        raise BadSignature("the signature is missing or wrong")
    return _read_channel_test(body)


def _ids_in(body: bytes) -> Iterator[str]:
    """The first ids that stand in the bytes. Nobody's body is read as JSON before one of them is proven to be signed.

    To parse a stranger's megabyte takes a hundred times as long as to look for these.
    """
    encoded_twice = body[:16].removeprefix(BOM_UTF8).lstrip()[:1] == b'"'
    key, form = (_KEY_IN_STRING, _ID_IN_STRING) if encoded_twice else (_KEY, _ID)
    at = body.find(key)
    for _ in range(_TRIED_IDS):
        if at < 0:
            return
        end = at + len(key)
        found = form.match(body, end) if body[at - 1 : at] != b"\\" else None
        if found is not None:
            yield found[1].decode()
        at = body.find(key, end)


def _read_proven(body: bytes, event_id: str, form: str) -> SignedEvent | UnfitEvent:
    raw = _read_event_json(body)
    if not isinstance(raw, dict):
        raise BadEvent("the body is not a JSON object")
    if raw.get("event_id") != event_id:
        raise BadSignature("the signature is that of another id in the body")
    return _read_signed(raw, event_id, form)


def _read_channel_test(body: bytes) -> ChannelTest:
    raw = _read_event_json(body)
    # PHP writes an empty object as a list.
    if raw == [] or (isinstance(raw, dict) and raw.get("event_id") is None and raw.get("event_type") is None):
        return ChannelTest(signed=True)
    raise BadSignature("it is no test of a channel, and an event needs its own signature")


def reread_event(body: bytes, event_id: str) -> SignedEvent | UnfitEvent:
    """An event that was stored after its signature had held. Raises BadEvent if that cannot be."""
    raw = _read_event_json(body)
    if not isinstance(raw, dict):
        raise BadEvent("the body is not a JSON object")
    return _read_signed(raw, event_id, "stored")


def _read_signed(raw: dict[str, Any], event_id: str, form: str) -> SignedEvent | UnfitEvent:
    """What Kit said, which must not be lost, whatever it is: it was acknowledged once it is kept."""
    try:
        return SignedEvent(read_fields(raw, event_id), form)
    except Misfit as misfit:
        return UnfitEvent(event_id, str(misfit), form, client_in(raw), words_in(raw))


def _form(**fields: str) -> bytes:
    return urlencode(fields, quote_via=quote, safe="").encode()


def _token(result: object, name: str) -> str | None:
    value = result.get(name) if isinstance(result, dict) else None
    # A token goes into a header: anything else than printable ASCII could break out of it.
    return value if isinstance(value, str) and _HEADER_SAFE.fullmatch(value) else None


def _read_json(body: bytes) -> Any:  # noqa: ANN401 -- whatever Kit answered
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
    """Seconds to wait, from seconds or an HTTP date (RFC 9110, 10.2.3); 5 when it cannot be read."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    try:
        seconds = float(value) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) else _unix_time(value) - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return 5.0
    return float(min(max(seconds, _RETRY_AFTER.start), _RETRY_AFTER.stop))


def _unix_time(http_date: str) -> float:
    date = parsedate_to_datetime(http_date)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _read_event_json(body: bytes) -> Any:  # noqa: ANN401 -- whatever the caller sent
    """The document, also one that was encoded twice. Raises BadEvent."""
    raw = _read_strict_json(body)
    return _read_strict_json(raw.encode("utf-8", "replace")) if isinstance(raw, str) else raw


def _read_strict_json(body: bytes) -> Any:  # noqa: ANN401 -- whatever the caller sent
    try:
        return json.loads(
            body.decode("utf-8-sig"), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        raise BadEvent("the body is not JSON as RFC 8259 has it") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers of one body may each believe another of two equal keys; so nobody gets to choose.
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("duplicate key")
    return unique


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")
