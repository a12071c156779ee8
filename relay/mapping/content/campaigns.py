"""Where customers come from: the campaign of a deep link, and the payload of the link that carries it. Pure.

A *touch* is one arrival by a link, in Kit's own shape: `{"utm": {…}, "page": {…}}`. A payload has 64 characters of
`A-Za-z0-9_-` (https://core.telegram.org/bots/features#deep-linking), so a short touch travels inside of it, and of a
long one a code that the database resolves. Links are printed and posted: what was made once is read for ever.
"""

import binascii
import hashlib
import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

import orjson

from relay.mapping.text.text import clean

Touch = Mapping[str, Mapping[str, str]]

LONGEST_PAYLOAD: Final = 64  #: Characters.
#: Characters of a value, and of a page's address.
LONGEST_VALUE: Final = 256
LONGEST_URL: Final = 2048

#: The fields of a touch, each with a bit of its own in a payload. The order is fixed for ever.
FIELDS: Final[tuple[tuple[str, str], ...]] = (
    ("utm", "source"),
    ("utm", "medium"),
    ("utm", "campaign"),
    ("utm", "content"),
    ("utm", "term"),
    ("page", "url"),
    ("page", "title"),
)
_PACKED: Final = "u1-"
_CODED: Final = "c1-"
_CODE: Final = re.compile(r"c1-[A-Za-z0-9_-]{16}", re.ASCII)
_PAYLOAD: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_PAYLOAD}}}", re.ASCII)
_URL: Final = re.compile(r"https?://[^\s/]+\S*", re.IGNORECASE)
_ADDRESS: Final = ("page", "url")
_HTTPS: Final = "https://"
_BETWEEN: Final = "\x1f"
_CAMPAIGN: Final = ("utm", "campaign")
#: Parts of codes as people choose them ("spring-sale", "V001", "BlackFriday"): some could be decoded too, by chance.
_CHOSEN: Final = re.compile(r"[A-Z]?[a-z0-9]*|[A-Z0-9]+|(?:[A-Z][a-z0-9]{2,})+", re.ASCII)
#: From so many bytes on, that letters of other alphabets come out of it is no chance.
_CERTAIN: Final = 6
#: What people write into a link.
_WORDS: Final = re.compile(r"""(?=.*\w)[\w &=.:,;/?!%+|@#~*$'"()\[\]{}<>-]{2,}""")
_CHECK: Final = 2  #: Bytes by which our own payloads are known.


def make_touch(values: Mapping[tuple[str, str], str]) -> Touch:
    """A touch with these values, by their fields. Raises ValueError, in words, for one that no link should carry."""
    touch: dict[str, dict[str, str]] = {}
    for part, name in FIELDS:
        value = values.get((part, name), "").strip()
        if not value:
            continue
        longest = LONGEST_URL if name == "url" else LONGEST_VALUE
        if len(value) > longest:
            raise ValueError(f"{part} {name} has more than {longest} characters")
        if clean(value) != value or not value.isprintable():
            raise ValueError(f"{part} {name} has a character that cannot be printed")
        if name == "url" and not _URL.fullmatch(value):
            raise ValueError("page url is no address that begins with https:// or http://")
        touch.setdefault(part, {})[name] = value
    return touch


def pack(touch: Touch) -> str | None:
    """The payload that carries the touch itself; None when it is too long for that."""
    values = [_short(field, touch.get(field[0], {}).get(field[1], "")) for field in FIELDS]
    bits = sum(1 << index for index, value in enumerate(values) if value)
    packed = bytes([bits]) + _BETWEEN.join(filter(None, values)).encode()
    payload = _PACKED + urlsafe_b64encode(packed + _check(packed)).decode().rstrip("=")
    return payload if len(payload) <= LONGEST_PAYLOAD else None


def code(touch: Touch) -> str:
    """The payload that stands for a touch in the database: the same one for the same touch."""
    digest = hashlib.sha256(orjson.dumps(touch, option=orjson.OPT_SORT_KEYS)).digest()
    return _CODED + urlsafe_b64encode(digest[:12]).decode()


def is_payload(text: str) -> bool:
    """Whether Telegram can have passed this on from a link."""
    return _PAYLOAD.fullmatch(text) is not None


def is_code(payload: str) -> bool:
    """Whether the database may know the payload."""
    return _CODE.fullmatch(payload) is not None


def unpack(payload: str) -> Touch | None:
    """The touch inside of the payload; None when we did not make it."""
    if not payload.startswith(_PACKED):
        return None
    encoded = payload.removeprefix(_PACKED)
    try:
        sealed = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        packed, check = sealed[:-_CHECK], sealed[-_CHECK:]
        words = packed[1:].decode().split(_BETWEEN)
    except (binascii.Error, UnicodeDecodeError):
        return None
    if not packed or check != _check(packed):
        return None
    fields = [field for index, field in enumerate(FIELDS) if packed[0] >> index & 1]
    values = dict(zip(fields, words, strict=False))
    if (url := values.get(_ADDRESS)) is not None and not _URL.fullmatch(url):
        values[_ADDRESS] = f"{_HTTPS}{url}"
    try:
        touch = make_touch(values)
    except ValueError:  # a link by another hand: Kit would show what is no address as one
        return None
    return touch if touch and pack(touch) == payload else None


def foreign(payload: str) -> Touch:
    """The touch of a payload that we did not make: what it says is all that is known of the campaign.

    Who needs other characters than Telegram allows writes them in base64url (aiogram does with `encode=True`): that is
    read where it gives words, and where these are a query of `utm_…`, each goes into its own field.
    """
    words = decoded(payload)
    try:
        return (make_touch(_utm(words)) if words is not None else {}) or {"utm": {"campaign": payload}}
    except ValueError:
        return {"utm": {"campaign": payload}}


def decoded(payload: str) -> str | None:
    """The words that stand in the payload in base64url; None when it is no such thing."""
    if all(_CHOSEN.fullmatch(part) for part in payload.replace("_", "-").split("-")):
        return None
    try:
        raw = urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        words = raw.decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    exact = urlsafe_b64encode(raw).decode().rstrip("=") == payload
    fits = _WORDS.fullmatch(words) and (words.isascii() or len(raw) >= _CERTAIN)
    return words.strip() if exact and fits else None


def _utm(words: str) -> dict[tuple[str, str], str]:
    """The fields of a touch in what somebody wrote into a link; what is not named so is the campaign."""
    values: dict[tuple[str, str], str] = {}
    rest = []
    for name, value in parse_qsl(words) if "=" in words else ():
        field = ("utm", name.removeprefix("utm_"))
        if name.startswith("utm_") and field in FIELDS:
            values[field] = value
        else:
            rest.append(f"{name}={value}")
    if not values:
        return {_CAMPAIGN: words}
    if rest:
        values.setdefault(_CAMPAIGN if _CAMPAIGN not in values else ("utm", "content"), "&".join(rest))
    return values


def in_words(touch: Touch) -> str:
    """What an agent reads of a touch: the campaign first, then whatever else there is."""
    utm, page = touch.get("utm", {}), touch.get("page", {})
    first = [utm.get(name, "") for name in ("campaign", "source", "medium", "content", "term")]
    return ", ".join(filter(None, (*first, page.get("title") or page.get("url", ""))))


def _short(field: tuple[str, str], value: str) -> str:
    """A page's address without its usual beginning, which `unpack` puts back; anything else as it is."""
    rest = value.removeprefix(_HTTPS)
    return value if field != _ADDRESS or _URL.fullmatch(rest) else rest


def _check(packed: bytes) -> bytes:
    return (zlib.crc32(packed) & 0xFFFF).to_bytes(_CHECK, "big")
