"""The words in raw fields that python-telegram-bot doesn't know, because Telegram is ahead of it. Pure.

Rich messages (https://core.telegram.org/bots/api#richmessage) came so: a rich text is a string, a list of rich texts,
or an object whose `text` is one; blocks hold texts and other blocks.
"""

from collections.abc import Iterator
from typing import Final

from relay.mapping.text.language import say
from relay.mapping.text.text import clean

#: Keys under which words stand, in any object of the Bot API.
_WORDS: Final = frozenset(
    {"text", "caption", "title", "summary", "credit", "expression", "question", "description", "explanation"}
)
_DEEPEST: Final = 32  #: Levels; deeper down nobody writes.
_LONGEST: Final = 50_000  #: Characters.


def texts_within(raw: object) -> str:
    """Every text in the structure, in its order, one a line; "" if there is none."""
    lines = (clean(text).strip() for text in _texts(raw, 0))
    return "\n".join(filter(None, lines))[:_LONGEST]


def _texts(node: object, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(node, dict):
        for key, value in node.items():
            if key in _WORDS and (text := _inline(value, depth + 1)):
                yield text
            else:
                yield from _texts(value, depth + 1)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _texts(value, depth + 1)


def _inline(value: object, depth: int) -> str:
    """A rich text without its formatting."""
    if depth > _DEEPEST:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return "".join(_inline(part, depth + 1) for part in value)
    if isinstance(value, dict):
        text = " ".join(filter(None, (_inline(value[key], depth + 1) for key in value if key in _WORDS)))
        url = clean(value.get("url"))
        return say("link", label=text, target=url) if url and text and text != url else text
    return ""
