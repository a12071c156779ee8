"""Single values out of others' JSON, read as what they were meant to be. Pure, and never raises.

Who writes JSON for us is not known: Go writes null for an empty list, PHP writes [] for an empty object and an object
for a list with gaps, JavaScript writes any number as a float, and functions put JSON into strings.
"""

import json
import math
import re
from typing import Any, Final

from relay.kit.limits import MAX_LINE, MAX_URL, mend

_MAX_ID: Final = 128  #: Characters; Kit's own allow 100.
_EXACT: Final = 2**53  #: Up to here a float holds an integer exactly.
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,20}(?:[.,][0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?")
#: White space, what cannot be seen, and brackets and quotes around a link, as it comes by copying.
_AROUND: Final = " \t\r\n\v\f\0\u00a0\u2028\u2029\u200b\u200c\u200d\u200e\u200f\u2060\ufeff<>\"'"
_YES: Final = frozenset({"true", "1", "yes", "on"})
_NO: Final = frozenset({"false", "0", "no", "off"})


def is_empty(value: object) -> bool:
    """Whether a field that holds it says nothing: null, false, and empty of any kind."""
    return value is None or value is False or value in ("", [], {}) or (isinstance(value, str) and not value.strip())


def opened(value: object) -> object:
    """JSON within a string, opened, also if it was encoded twice; anything else as it is."""
    if not isinstance(value, str):
        return value
    inner = _parsed(_parsed(value))
    return value if isinstance(inner, str) else inner


def _parsed(value: object) -> object:
    text = value.strip().removeprefix("\ufeff").lstrip() if isinstance(value, str) else ""
    if text[:1] not in {"{", "[", '"'}:
        return value
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return value


def as_object(value: object) -> dict[str, Any]:
    """An object's fields, also of one alone in a list; none for what is no object."""
    if isinstance(value, dict):
        return value
    value = opened(value)
    if isinstance(value, list) and len(value) == 1:
        value = opened(value[0])
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """A list's elements, also of one that is written as an object of objects; what is no list is one element."""
    value = opened(value)
    if is_empty(value) or isinstance(value, int | float):
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and _is_list(value):
        return list(value.values())
    return [value]


def _is_list(fields: dict[str, Any]) -> bool:
    # PHP numbers what has gaps; and an object of objects is no object with fields of its own.
    if all(name.isdecimal() for name in fields):
        return True
    held = [value for value in fields.values() if value is not None]
    return "type" not in fields and all(isinstance(value, dict | list) for value in held)


def as_words(value: object) -> str | None:
    """What a person reads; "" where nothing is said; None for what cannot be words."""
    if isinstance(value, str):
        return mend(value)
    if value is True or is_empty(value):
        return ""
    number = _number_in_words(value)
    return number or None


def as_line(value: object) -> str | None:
    """A name, number or address; None for what is none."""
    if isinstance(value, float) and not value.is_integer():
        return None
    line = value if isinstance(value, str) else _number_in_words(value)
    return mend(line)[:MAX_LINE] or None


def as_id(value: object) -> str | None:
    """An identifier, which programs that know only digits write as a number; None for what is none."""
    if not isinstance(value, str):
        value = _number_in_words(value)
        if not value.removeprefix("-").isdecimal():
            return None
    return value if 0 < len(value) <= _MAX_ID and value.isprintable() else None


def as_degrees(value: object) -> float | None:
    """Degrees, also those in a string; None for what are none."""
    number = value.strip().removesuffix("°") if isinstance(value, str) else ""
    if _NUMBER.fullmatch(number):
        value = float(number.replace(",", "."))
    if isinstance(value, bool) or not isinstance(value, int | float) or not -360 <= value <= 360:
        return None
    return float(value)


def as_link(value: object) -> str | None:
    """A link without what stands around it; None for what is none."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        return None
    link = mend(value).strip(_AROUND)
    link = f"https:{link}" if link.startswith("//") else link
    return link if 0 < len(link) <= MAX_URL else None


def as_flag(value: object) -> bool | None:
    """Yes or no, in any spelling; None for what is neither."""
    spelt = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
    if spelt in _YES:
        return True
    return False if spelt in _NO else None


def _number_in_words(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
    return str(value)
