"""The operator's own lines: a TOML file with a table for each language, and in it a text for each key.

[en]
customer.not_for_groups = "Please write to me in private."
winners = { one = "{count} lucky one", other = "{count} lucky ones" }
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Any

from relay.words.catalogue import Template, Texts, Words, languages, shipped_words


class TextsError(Exception):
    """A file of texts that cannot be used. The message is one line that follows the setting's name."""


def read_texts(path: Path) -> Texts:
    """The texts in the file. Raises TextsError for the first thing in it that is wrong."""
    import tomllib  # noqa: PLC0415 - most relays have no such file

    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TextsError(f"names a file that cannot be read ({error.strerror}).") from None
    except tomllib.TOMLDecodeError as error:
        # Its words may show the line, and the file may be the wrong one; where it is says enough.
        place = re.search(r"\((at [^)]*)\)", str(error))
        raise TextsError(f"names a file that is not TOML: look {place[1] if place else 'at its end'}.") from None
    except ValueError:  # not UTF-8, or a path that no file can have
        raise TextsError("names a file that is not text in UTF-8.") from None
    return {language: _table(language, table) for language, table in tables.items()}


def placeholders(text: str) -> set[str]:
    """The names in braces. Raises ValueError for braces that do not match."""
    return {
        f"{name}{'!' if conversion else ''}{':' if form else ''}"  # neither of them is ours, so it is in no list
        for _, name, form, conversion in Formatter().parse(text)
        if name is not None
    }


def texts_of(template: Template) -> tuple[str, ...]:
    """The one text of a template, or that of each form."""
    return (template,) if isinstance(template, str) else tuple(template.values())


def _table(language: str, table: object) -> dict[str, Template]:
    if not isinstance(table, Mapping):
        raise TextsError(f"{language} stands outside of a language's table. Put a line like [en] before it.")
    if language not in languages():
        raise TextsError(f"[{language}] is none of the languages: {', '.join(languages())}.")
    words = shipped_words(language)
    try:
        return {key: _checked(words, key, value) for key, value in _lines(words, table)}
    except TextsError as error:
        raise TextsError(f"[{language}] {error}") from None


def _lines(words: Words, table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, object]]:
    """The keys and their values: in TOML, a dot in a name that is not quoted opens a table."""
    for name, value in table.items():
        key = f"{before}{name}"
        if isinstance(value, Mapping) and words.template(key) is None:
            yield from _lines(words, value, f"{key}.")
        else:
            yield key, value


def _checked(words: Words, key: str, value: object) -> Template:
    ours = words.template(key)
    if ours is None or key.startswith("language."):
        raise TextsError(f"no line is called {key}. docs/languages.md lists them all.")
    if isinstance(ours, str):
        return _text(key, value, ours)
    if not isinstance(value, Mapping) or value.keys() != ours.keys():
        raise TextsError(f"{key} needs a table with a text for each of: {', '.join(ours)}.")
    return {form: _text(key, value[form], ours[form]) for form in ours}


def _text(key: str, value: object, ours: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TextsError(f"{key} must be a text that is not blank.")
    known = placeholders(ours)
    try:
        used = placeholders(value)
    except ValueError:
        raise TextsError(f"{key} has a brace too many or too few. For a brace itself, write it twice.") from None
    if used - known:
        shown = ", ".join(f"{{{name}}}" for name in sorted(known)) or "none"
        raise TextsError(f"{key} has a placeholder that is not its own. Those that it has: {shown}.")
    # Nobody may lose the words of the other; what else a customer is told is the operator's affair.
    lost = known - used
    if "text" in lost or (lost and not key.startswith("customer.")):
        raise TextsError(f"{key} must have all of its placeholders: {', '.join(sorted(known))}.")
    return value
