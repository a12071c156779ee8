"""What people and chats are called, and how they are reached. They choose it themselves, so it is cleaned. Pure."""

import re
import unicodedata
from typing import Final

from relay.mapping.text.language import say
from relay.mapping.text.text import clean, is_visible

LONGEST: Final = 256  #: Characters.

# Controls, and the overrides, embeddings and isolates that turn what stands behind them. Line breaks are white space.
_DROPPED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
#: Marks on one letter: no language needs more, and a heap of them hides the lines above and below.
_MOST_MARKS: Final = 4
#: A language as the web names it, https://www.rfc-editor.org/rfc/rfc5646: "de", "pt-br", "zh-hans".
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_PUNCTUATION: Final = str.maketrans("", "", "+-()./ \u00a0\u2010\u2011\u2013")
_DIGITS: Final = range(5, 16)  #: Of a number in international form, https://www.itu.int/rec/T-REC-E.164.


def one_line(part: object) -> str:
    """What people wrote, in one line, without what deceives the eye; "" if nothing of it can be seen."""
    if not isinstance(part, str):
        return ""
    if part.isascii() and part.isprintable():
        return " ".join(part.split())  # most names: nothing in them deceives, and all but the spaces can be seen
    line = _DROPPED.sub("", " ".join(clean(part).split())).strip()
    return _without_heaps(line) if any(map(is_visible, line)) else ""


def _without_heaps(line: str) -> str:
    if line.isascii():
        return line
    kept, marks = [], 0
    for character in line:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def name_of(somebody: object) -> str:
    """What a person or a chat is called: name or title, else `@username`, else in words that it has none; "" of None.

    Telegram gives deleted accounts an empty name, and tells of all others a first name or a title.
    """
    if somebody is None:
        return ""
    given = [getattr(somebody, field, None) for field in ("first_name", "last_name", "title", "username")]
    first, last, title, username = given
    name = shown_name(first, last) or shown_name(title) or handle(username)
    if name or all(each is None for each in given):
        return name
    return say("nameless" if any(given) else "deleted_account")


def shown_name(*parts: object) -> str:
    """The parts of a name in one line, as far as they can be seen; "" for what cannot be."""
    return " ".join(filter(None, map(one_line, parts)))[:LONGEST].rstrip()


def handle(username: object) -> str:
    """`@username`; "" without one."""
    fit = one_line(username)
    return f"@{fit}" if fit else ""


def phone_number(raw: object) -> str:
    """A number that Telegram vouches for, always in one form: + and digits. What is none stays as it is."""
    text = clean(raw).strip()
    digits = "".join(str(unicodedata.digit(character)) for character in text if character.isdigit())
    digits = digits.removeprefix("00")  # how a + is dialled
    rest = text.translate(_PUNCTUATION)
    return f"+{digits}" if len(digits) in _DIGITS and rest.isdigit() else text


def language_of(raw: object) -> str:
    """What Telegram says that a customer speaks; "" if it is no language."""
    text = clean(raw).strip()
    return text if _LANGUAGE.fullmatch(text) else ""
