"""How long an answer asks to be left alone: Retry-After, whoever answers. Pure."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
#: Only so many characters of a number are read. That is at most 30 years; what is longer may be infinite to `float`.
_LONGEST: Final = 9
_NO_DATE: Final = (ValueError, TypeError, OverflowError, IndexError)


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds, 0 or more, from seconds or an HTTP date (RFC 9110, 10.2.3); None when it asks for nothing readable.

    A date counts from the answer's own Date, by whose clock it is told; from `now` (Unix time) when there is none.
    """
    value = _header(headers, "retry-after")
    if _SECONDS.fullmatch(value):
        return float(value[:_LONGEST])
    with suppress(*_NO_DATE):
        now = _unix_time(_header(headers, "date"))
    try:
        return max(0.0, _unix_time(value) - now)
    except _NO_DATE:
        return None


def _header(headers: Mapping[str, str], wanted: str) -> str:
    return next((value for name, value in headers.items() if name.lower() == wanted), "").strip()


def _unix_time(http_date: str) -> float:
    date = parsedate_to_datetime(http_date)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
