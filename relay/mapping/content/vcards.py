"""What a business card holds beside the name and the number that Telegram takes out of it, in words. Pure.

vCard 2.1, 3.0 and 4.0 (https://www.rfc-editor.org/rfc/rfc6350), as phones write them; what does not fit is left out.
"""

import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from relay.mapping.text.people import one_line
from relay.mapping.text.text import clean

#: Characters of a card that are looked at. Telegram's have 2048 bytes.
_LONGEST: Final = 20_000
#: Properties that say something to people, and in which order.
_PROPERTIES: Final = (
    "FN",
    "N",
    "NICKNAME",
    "ORG",
    "TITLE",
    "ROLE",
    "TEL",
    "EMAIL",
    "ADR",
    "URL",
    "IMPP",
    "BDAY",
    "NOTE",
)
#: Their values are lists or structures: name; company and department; the parts of an address.
_STRUCTURED: Final = frozenset({"N", "ORG", "ADR"})
#: Parameters that say what a number or an address is for.
_USES: Final = re.compile(r"home|work|cell|mobile|fax|pager|main|iphone|other", re.IGNORECASE)
_FOLD: Final = re.compile(r"\r?\n[ \t]")
_SOFT_BREAK: Final = re.compile(r"=\r?\n")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Property:
    name: str
    value: str
    use: str


def read_vcard(raw: object) -> list[str]:
    """What stands in the card, one thing a line, each only once; nothing for what is no card."""
    text = clean(raw)[:_LONGEST]
    if "BEGIN:VCARD" not in text.upper():
        return []
    found = sorted(_properties(text), key=lambda each: _PROPERTIES.index(each.name))
    if any(each.name == "FN" for each in found):  # it says the same in the order in which it is read
        found = [each for each in found if each.name != "N"]
    return list(dict.fromkeys(filter(None, map(_line, found))))


def _properties(text: str) -> Iterator[_Property]:
    for line in _lines(text):
        head, colon, value = line.partition(":")
        name, *parameters = head.split(";")
        name = name.rpartition(".")[2].strip().upper()  # Apple numbers them: item1.TEL
        if not colon or name not in _PROPERTIES:
            continue
        told = ";".join(parameters).upper()
        if "QUOTED-PRINTABLE" in told:
            value = quopri.decodestring(value.encode()).decode("utf-8", "replace")
        elif "ENCODING=B" in told:
            continue  # a picture, perhaps
        use = ", ".join(dict.fromkeys(each.lower() for each in _USES.findall(told)))
        yield _Property(name, _read(name, value), use)


def _lines(text: str) -> list[str]:
    """The lines, those that were folded in one piece again."""
    if "QUOTED-PRINTABLE" in text.upper():
        text = _SOFT_BREAK.sub("", text)
    return _FOLD.sub("", text).splitlines()


def _read(name: str, value: str) -> str:
    parts = re.split(r"(?<!\\);", value) if name in _STRUCTURED else [value]
    if name == "N":  # the family's name stands first
        parts = [*parts[1:3], *parts[:1]]
    fit = [" ".join(_unescaped(part).split()) for part in parts]
    return (" " if name == "N" else ", ").join(filter(None, fit))


def _unescaped(value: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def _line(each: _Property) -> str:
    value = each.value.removeprefix("tel:").removeprefix("mailto:") if each.name in {"TEL", "EMAIL"} else each.value
    shown = one_line(value)
    return f"{shown} ({each.use})" if shown and each.use else shown
