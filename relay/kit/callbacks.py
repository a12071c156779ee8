"""What Kit calls us about: from a request's bytes to an event that somebody signed. Pure.

Source: https://voximplant.com/kit/docs/channels/custom.
"""

import json
import re
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, TypeGuard

from relay.errors import RelayError
from relay.kit.events import Event
from relay.kit.reading import Misfit, client_in, read_fields, words_in
from relay.kit.signature import channel_test_form_of, form_of

#: The type of the sample event with which `relay check` tries the callback.
CHECK_EVENT: Final = "relay_check"
_EVENT_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class BadSignature(RelayError):
    """The caller did not prove that it is Kit."""


class BadEvent(RelayError):
    """The body is not an event that anybody could read."""


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
    raw = _read_event_json(body)
    # PHP writes an empty object as a list.
    if raw == [] and test_form:
        return ChannelTest(signed=True)
    if not isinstance(raw, dict):
        raise BadEvent("the body is not a JSON object")
    event_id, event_type = raw.get("event_id"), raw.get("event_type")
    if event_id is None:
        # The test signature is as good as public once sent, so it opens nothing: an event needs its own.
        if test_form and event_type is None:
            return ChannelTest(signed=True)
        raise BadSignature("the body has no event id, and it is no signed channel test")
    if not is_event_id(event_id):
        raise BadEvent("the event id is not 1 to 128 characters of A-Z a-z 0-9 _ . : -")
    form = form_of(authorization, salt, token, event_id)
    if form is None:
        raise BadSignature("the signature is missing or wrong")
    return _read_signed(raw, event_id, form)


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
