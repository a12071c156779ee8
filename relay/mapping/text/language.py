"""The words of the relay's own: those that an agent reads, in the agents' language, and those for the customer. Pure.

The readers below do not carry the language along: whoever maps an update says once in which one it speaks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from relay.mapping.text.text import clean
from relay.words.catalogue import ENGLISH, Words, words_for

_LONGEST_NOUN = 64  #: Characters.

_spoken: ContextVar[Words | None] = ContextVar("_spoken", default=None)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Within the block, this module speaks the language; outside of all such blocks it speaks English."""
    token = _spoken.set(words_for(language))
    try:
        yield
    finally:
        _spoken.reset(token)


def noun(kind: str) -> str:
    """What people call a kind of content; for one that nobody has named, Telegram's own name in plain words."""
    return clean(_words().noun(kind)).strip()[:_LONGEST_NOUN]


def say(key: str, /, **values: object) -> str:
    """A line of the catalogue, with values in it. Values are shown as they are."""
    return _words().say(key, **values)


def heading(kind: str, words: str = "") -> str:
    """The kind of the content in square brackets, and its words if it has some: `[poll] Tea?`."""
    return say("heading", kind=noun(kind), words=words).strip()


def to_customer(language: str, key: str, /, **values: object) -> str:
    """A line that the customer reads, in the language that Telegram says is theirs, or the nearest one to it."""
    return words_for(language).say(key, **values)


def _words() -> Words:
    return _spoken.get() or words_for(ENGLISH)
