"""What a server calls the file that it sends (Content-Disposition), however it writes that. Pure.

RFC 6266 and RFC 5987 first; then what servers write all the same: spaces without quotes, names encoded as in mail
(RFC 2047) or as in links, Latin-1.
"""

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from typing import Final
from urllib.parse import unquote

_MAIL: Final = re.compile(r"=\?[\w-]{1,40}\?[bBqQ]\?[^?]{0,2048}\?=", re.ASCII)
_PERCENT: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_LONGEST: Final = 4096  #: Characters of a header that is read.


def told_name(header: str, parsed: str | None = None) -> str:
    """The file's name without folders; "" if the header tells none. `parsed` is what a strict reader found."""
    name = (parsed or _read(_from_latin(header[:_LONGEST]))).strip()
    if len(name) > 1 and name[0] == name[-1] == "'":
        name = name[1:-1]
    name = _from_link(_from_mail(_from_latin(name)))
    return name.replace("\\", "/").rpartition("/")[2].strip()


def _read(header: str) -> str:
    message = Message()
    # One that names no disposition names the file first.
    message["Content-Disposition"] = header if ";" in header.partition("=")[0] else f"attachment; {header}"
    try:
        return message.get_filename("")
    except (ValueError, LookupError, TypeError):  # the last for a name in parts that is also there as a whole
        return ""


def _from_latin(name: str) -> str:
    """Bytes that were no UTF-8, as what they are in most of Europe."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return name


def _from_mail(name: str) -> str:
    if not _MAIL.search(name):
        return name
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, ValueError, LookupError):
        return name


def _from_link(name: str) -> str:
    if not _PERCENT.search(name):
        return name
    try:
        return unquote(name, errors="strict")
    except UnicodeDecodeError:
        return name
