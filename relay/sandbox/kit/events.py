"""What Kit takes as an event from a channel: exactly the documented fields, of exactly their types.

https://voximplant.com/kit/docs/channels/custom. No unknown field, no null, no message without content; strings that are
empty, as in the documentation's example. Written apart from the relay's own models, so that it can find their mistakes.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from relay.sandbox.kit.refusal import Refused

Check = Callable[[object, str], None]

#: What is safe in every part of Kit; the longest id that its mobile SDK takes.
_CLIENT_ID = re.compile(r"[A-Za-z0-9@$_\-+.]{1,100}", re.ASCII)


def _must(condition: object, path: str, demand: str) -> None:
    if not condition:
        raise Refused(400, f"{path} {demand}")


def text(value: object, path: str) -> None:
    """Any string."""
    _must(isinstance(value, str), path, "must be a string")


def words(value: object, path: str) -> None:
    """A string with something in it."""
    text(value, path)
    _must(str(value).strip(), path, "must not be blank")


def client_id(value: object, path: str) -> None:
    """An id that is safe everywhere in Kit."""
    text(value, path)
    _must(_CLIENT_ID.fullmatch(str(value)), path, "must be 1-100 letters, digits or @ $ _ - + .")


def web_address(value: object, path: str) -> None:
    """An absolute URL that a browser can open."""
    text(value, path)
    try:
        parts = urlsplit(str(value))
        good = parts.scheme in ("http", "https") and parts.hostname and str(value).isascii() and " " not in str(value)
    except ValueError:
        good = False
    _must(good, path, "must be an absolute http(s) URL")


def web_address_or_nothing(value: object, path: str) -> None:
    """The documentation's own example holds an empty string where a link is unknown."""
    if value != "":
        web_address(value, path)


def degrees(most: int) -> Check:
    """A number between -most and most."""

    def check(value: object, path: str) -> None:
        good = isinstance(value, int | float) and not isinstance(value, bool) and -most <= value <= most
        _must(good, path, f"must be a number between -{most} and {most}")

    return check


@dataclass(frozen=True, slots=True)
class Shape:
    """An object: its required and its optional fields, and no others."""

    required: Mapping[str, Check]
    optional: Mapping[str, Check]

    def __call__(self, value: object, path: str) -> None:
        """Raise Refused (400) naming the first field that is wrong."""
        if not isinstance(value, dict):
            raise Refused(400, f"{path or 'the body'} must be an object")
        dot = f"{path}." if path else ""
        for name, held in value.items():
            check = self.required.get(name) or self.optional.get(name)
            if check is None:
                raise Refused(400, f"{dot}{name} is not a documented field")
            if held is None:
                raise Refused(400, f"{dot}{name} must be left out instead of null")
            check(held, f"{dot}{name}")
        for name in self.required:
            _must(name in value, f"{dot}{name}", "is required")


def _texts(names: str) -> dict[str, Check]:
    return dict.fromkeys(names.split(), text)


_FILE = Shape({"type": words, "file_name": words, "file_url": web_address}, {})
_ITEMS: dict[str, Shape] = {
    **dict.fromkeys(("photo", "video", "audio", "document"), _FILE),
    "location": Shape({"type": words, "latitude": degrees(90), "longitude": degrees(180)}, {"address": text}),
    "contact": Shape({"type": words, "name": words, "number": words}, {"avatar": web_address}),
}


def payload(value: object, path: str) -> None:
    """A list of the six documented kinds of items."""
    if not isinstance(value, list) or not value:
        raise Refused(400, f"{path} must be a non-empty array or left out")
    for number, item in enumerate(value):
        kind = item.get("type") if isinstance(item, dict) else None
        shape = _ITEMS.get(kind) if isinstance(kind, str) else None
        if shape is None:
            raise Refused(400, f"{path}[{number}].type must be one of {', '.join(_ITEMS)}")
        shape(item, f"{path}[{number}]")


def _message(value: object, path: str) -> None:
    _MESSAGE(value, path)
    if isinstance(value, dict) and not value.get("text", "").strip() and not value.get("payload"):
        raise Refused(400, f"{path} is empty: neither text nor payload")


def _event_type(value: object, path: str) -> None:
    _must(value == "send_message", path, "must be send_message")


_MESSAGE = Shape({"message_id": words}, {"text": text, "payload": payload})
_CLIENT = Shape(
    {"client_id": client_id},
    {
        **_texts("client_phone client_display_name client_email client_language"),
        "client_avatar": web_address_or_nothing,
        "utm": Shape({}, _texts("source campaign content medium term")),
        "page": Shape({}, _texts("url title")),
        "device": Shape({}, _texts("type model user_agent")),
        "location": Shape(
            {},
            {
                **_texts("country country_code region region_code city ip_address"),
                "latitude": degrees(90),
                "longitude": degrees(180),
            },
        ),
    },
)
_EVENT = Shape(
    {
        "client_data": _CLIENT,
        "event_id": words,
        "event_type": _event_type,
        "event_data": Shape({"message": _message}, {}),
    },
    {},
)


def _no_constant(name: str) -> float:
    raise ValueError(name)


def parse(body: bytes) -> object:
    """The JSON document. Raises Refused (400): NaN is not JSON, and half a surrogate pair is not text."""
    try:
        document: object = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        if b"\\ud" in body or b"\\uD" in body:
            json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Refused(400, "the body holds half a surrogate pair") from None
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON in UTF-8") from None
    return document


def client_of(document: object) -> str | None:
    """The client id in a document that nobody has checked yet."""
    data = document.get("client_data") if isinstance(document, dict) else None
    found = data.get("client_id") if isinstance(data, dict) else None
    return found if isinstance(found, str) else None


def check_event(document: object) -> dict[str, Any]:
    """The document, if it is an event that Kit takes. Raises Refused (400) naming the field that is wrong."""
    _EVENT(document, "")
    if not isinstance(document, dict):
        raise Refused(400, "the body must be an object")
    return document
