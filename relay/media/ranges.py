"""Arithmetic of HTTP ranges, without I/O. https://www.rfc-editor.org/rfc/rfc9110#section-14."""

import re
from dataclasses import dataclass
from typing import Final

_ONE_RANGE: Final = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.ASCII | re.IGNORECASE)
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.ASCII)


class UnsatisfiableError(ValueError):
    """The range lies outside the file: 416."""

    def __init__(self, size: int) -> None:
        super().__init__("no byte of the range lies in the file")
        self.size = size  #: Bytes.


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a file: from byte `first` to byte `last`, both included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


def asked_span(header: str | None, size: int) -> Span | None:
    """The part of a file of `size` bytes that a Range header asks for.

    None means the whole file: no header, several ranges, or something that is no byte range; a server may ignore those.
    Raises UnsatisfiableError for one well-formed range without a byte in the file.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None:
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        span = Span(max(0, size - int(last)), size - 1)
    else:
        span = Span(int(first), min(int(last), size - 1) if last else size - 1)
        if last and int(last) < int(first):
            return None
    if span.first >= size:
        raise UnsatisfiableError(size)
    return span


def told_span(header: str) -> tuple[Span, int | None] | None:
    """What a Content-Range header says: the part, and the whole file's size if known. None when it says nothing."""
    match = _CONTENT_RANGE.fullmatch(header)
    if match is None:
        return None
    first, last, size = match.groups()
    return Span(int(first), int(last)), None if size == "*" else int(size)
