"""Rich text without its formatting: https://core.telegram.org/bots/api#richtext. Pure.

A rich text is a string, a list of rich texts, or an object: its words stand under `text`, or under the name of what it
is. Buttons are read in the same way: a label, and what it opens.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from relay.mapping.text.language import say
from relay.mapping.text.people import shown_name
from relay.mapping.text.text import clean

DEEPEST: Final = 32  #: Levels; deeper down nobody writes.

#: Where the words of an inline object stand, the first that is there.
LABELS: Final = ("text", "alternative_text", "expression", "button")
#: What an inline object points at.
TARGETS: Final = ("url", "email_address", "phone_number")
_OPENED: Final = ("web_app", "login_url", "copy_text")


def inline(value: object, depth: int = 0) -> str:
    """The rich text as it reads, in one piece; "" if it is none. A hidden link stands behind its label."""
    if depth > DEEPEST:
        return ""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list | tuple):
        return "".join(inline(part, depth + 1) for part in value)
    if not isinstance(value, dict):
        return ""
    label = next(filter(None, (inline(value.get(name), depth + 1) for name in LABELS)), "")
    targets = ", ".join(target for target in _targets(value, label) if not _is_said(target, label))
    if not label.strip():
        return targets
    return say("link", label=label, target=targets) if targets else label


def _targets(value: Mapping[str, object], label: str) -> Iterator[str]:
    """What is behind the label."""
    for name in TARGETS:
        if target := clean(value.get(name)).strip():
            yield target
    for name in _OPENED:
        opened = value.get(name)
        if isinstance(opened, dict):
            yield from filter(None, (clean(opened.get(field)).strip() for field in ("url", "text")))
    user = value.get("user")
    if isinstance(user, dict):
        name = shown_name(user.get("first_name"), user.get("last_name"))
        if name and label.strip().casefold() not in name.casefold():
            yield name


def _is_said(target: str, label: str) -> bool:
    """Whether the label says the target itself, however it is written."""
    said = _letters(label)
    return bool(said) and said in {_letters(target), _letters(target.partition("://")[2])}


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
