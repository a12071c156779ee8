"""What Kit calls us about: from a request's bytes to an event that somebody signed. Pure.

Source: https://voximplant.com/kit/docs/channels/custom.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import field
from typing import Any, Final, NoReturn, TypeGuard

from relay.errors import RelayError
from relay.kit.events import Event
from relay.kit.reading import Misfit, client_in, read_fields, words_in
from relay.kit.signature import channel_test_form_of, form_of
from relay.model import value

#: The type of the sample event with which `relay check` tries the callback.
CHECK_EVENT: Final = "relay_check"
_EVENT_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
#: An event's id as it stands in the bytes of JSON, and of JSON that was encoded once more. Within words a quotation
#: mark has one backslash more, so that none of them is taken for it.
_KEY = b'"event_id"'
_ID = re.compile(rb'\s*:\s*"([A-Za-z0-9_.:-]{1,128})"')
_KEY_IN_STRING = rb"\"event_id\""
_ID_IN_STRING = re.compile(rb'\s*:\s*\\"([A-Za-z0-9_.:-]{1,128})\\"')
#: A writer may escape whatever it likes. A body is looked through for that so far and no further: it takes time, and no
#: writer that we know does it to letters.
_ESCAPED_LETTER = re.compile(rb"\\u00(?!22|5[cC])([2-7][0-9a-fA-F])")
_UNESCAPED = 16_384
#: Of how many ids in a body the signature is tried: the event's own is the first, unless Kit puts others before it.
_TRIED_IDS = 3
#: What may stand around the document: white space, and the end of a C string.
_AROUND: Final = b" \t\r\n\0"
_LARGEST_TEST = 4096  #: Bytes of the request that tests a channel; Kit's has none.


class BadSignature(RelayError):
    """The caller did not prove that it is Kit."""


class BadEvent(RelayError):
    """The body is not an event that anybody could read."""


@value(frozen=True, slots=True)
class SignedEvent:
    """A callback that Kit signed."""

    event: Event
    form: str  #: The signature's form, for the log (see `relay.kit.signature.form_of`).


@value(frozen=True, slots=True)
class UnfitEvent:
    """A callback that Kit signed and that is not what its documentation says: to be kept as a dead letter."""

    event_id: str
    reason: str  #: In words, with nothing of the body.
    form: str
    client_id: str | None = None  #: Whom it is about, if that can be read.
    said: str = field(default="", repr=False)  #: Its words, if they can be read.


@value(frozen=True, slots=True)
class ChannelTest:
    """The request that Kit makes when a channel is created: to be answered 200, and nothing else."""

    signed: bool  #: Whether it carried the valid test signature; at that moment our salt may not be set yet.


Callback = SignedEvent | UnfitEvent | ChannelTest


def is_event_id(value: object) -> TypeGuard[str]:
    """Whether it can be an event's id: what else would be hashed could extend somebody's signature."""
    return isinstance(value, str) and _EVENT_ID.fullmatch(value) is not None


def read_event(authorization: bytes | None, body: bytes, *, salt: str, token: str) -> Callback:
    """What Kit calls about, once it has proven to be Kit. `authorization` is the header's raw bytes.

    Raises BadEvent or BadSignature, whose messages hold nothing of the body.
    """
    if not body.removeprefix(BOM_UTF8).strip():
        return ChannelTest(signed=channel_test_form_of(authorization, salt, token) is not None)
    for event_id in _ids_in(body):
        form = form_of(authorization, salt, token, event_id)
        if form is not None:
            return _read_proven(body, event_id, form)
    # The test signature is as good as public once sent, so it opens nothing: an event needs its own.
    if channel_test_form_of(authorization, salt, token) is None or len(body) > _LARGEST_TEST:
        raise BadSignature("the signature is missing or wrong")
    return _read_channel_test(body)


def _ids_in(body: bytes) -> Iterator[str]:
    """The first ids that stand in the bytes. Nobody's body is read as JSON before one of them is proven to be signed.

    To parse a stranger's megabyte takes a hundred times as long as to look for these.
    """
    encoded_twice = body[:16].removeprefix(BOM_UTF8).lstrip()[:1] == b'"'
    key, form = (_KEY_IN_STRING, _ID_IN_STRING) if encoded_twice else (_KEY, _ID)
    at = body.find(key)
    if at < 0:
        body = _unescaped(body[:_UNESCAPED])
        at = body.find(key)
    for _ in range(_TRIED_IDS):
        if at < 0:
            return
        end = at + len(key)
        found = form.match(body, end) if body[at - 1 : at] != b"\\" else None
        if found is not None:
            yield found[1].decode()
        at = body.find(key, end)


def _unescaped(beginning: bytes) -> bytes:
    """With plain letters instead of the escapes that JSON allows for them; quotation marks and backslashes stay."""
    return _ESCAPED_LETTER.sub(lambda found: bytes((int(found[1], 16),)), beginning)


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


def _read_event_json(body: bytes) -> Any:  # noqa: ANN401 -- whatever the caller sent
    """The document, also one that was encoded twice. Raises BadEvent."""
    raw = _read_strict_json(body)
    return _read_strict_json(raw.encode("utf-8", "replace")) if isinstance(raw, str) else raw


def _read_strict_json(body: bytes) -> Any:  # noqa: ANN401 -- whatever the caller sent
    try:
        return _STRICT.decode(body.strip(_AROUND).removeprefix(BOM_UTF8).decode())
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


# Made once: `json.loads` with arguments makes a decoder at each call.
_STRICT: Final = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
