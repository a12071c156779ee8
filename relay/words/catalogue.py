"""The lines in each language: gettext's compiled catalogues, read once, with the operator's own texts before them.

Keys are symbols, not English sentences: an English line can change without a change in any other language. A key's
first part tells who reads the line: `customer.…` the customer, `language.…` nobody (facts about the language), every
other the agent. In the catalogues that is the message's context.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from gettext import GNUTranslations
from pathlib import Path
from typing import Final

#: A line before values are put in; of a line in the plural, one for each of the language's forms, by the form's name.
Template = str | Mapping[str, str]
#: The operator's own templates: by language, by key.
Texts = Mapping[str, Mapping[str, Template]]

ENGLISH: Final = "en"
LOCALES: Final = Path(__file__).parent / "locales"
LONGEST_CODE: Final = 35  #: Characters of a language code; https://www.rfc-editor.org/rfc/rfc5646#section-4.4.1

_PLURAL_FORM: Final = "language.plural_form"
_DECIMAL_POINT: Final = "language.decimal_point"
#: So far one must count to meet each plural form of a language at least once.
_FAR: Final = 200


@dataclass(frozen=True, slots=True)
class Words:
    """One language."""

    language: str
    catalogue: GNUTranslations = field(repr=False)
    texts: Mapping[str, Template] = field(default_factory=dict, repr=False)  #: They win over the catalogue.

    def say(self, key: str, /, **values: object) -> str:
        """The line with values in it; one in the plural goes by `count`.

        Values are shown as they are, but for fractions: these get one decimal, as the language writes it. Raises
        KeyError for a key that is none, or a value that is missing.
        """
        line = self._line(key, values.get("count"))
        if line is None:
            raise KeyError(key)
        return line.format_map({name: self._shown(value) for name, value in values.items()})

    def noun(self, kind: str) -> str:
        """What people call a kind of content; for one that nobody has named, Telegram's own name in plain words."""
        return self._line(f"noun.{kind}") or kind.replace("_", " ")

    def template(self, key: str) -> Template | None:
        """The line before values are put in; None when there is none of this key."""
        if key in self.texts:
            return self.texts[key]
        if self._find(key, 1) is None:
            return self._find(key)
        return {form: self._find(key, count) or "" for form, count in self.forms.items()}

    @property
    def forms(self) -> dict[str, int]:
        """The language's plural forms, by the names that Unicode gives them, each with a number that takes it."""
        found: dict[str, int] = {}
        for count in (*range(1, _FAR), 0):
            found.setdefault(self._form(count), count)
        return found

    def _line(self, key: str, count: object = None) -> str | None:
        template = self.texts.get(key)
        if isinstance(template, Mapping):
            return template[self._form(count)]
        # Lines that count need not be in the plural: "5 ⭐".
        return template or (None if count is None else self._find(key, count)) or self._find(key)

    def _find(self, key: str, count: object = None) -> str | None:
        context = _context(key)  # gettext answers with the key itself when it has nothing
        if isinstance(count, int):
            text = self.catalogue.npgettext(context, key, key, count)
        else:
            text = self.catalogue.pgettext(context, key)
        return None if text == key else text

    def _form(self, count: object) -> str:
        return self._find(_PLURAL_FORM, count) or ""

    def _shown(self, value: object) -> str:
        if isinstance(value, float):
            return f"{value:.1f}".replace(".", self._find(_DECIMAL_POINT) or ".")
        return str(value)


@cache
def languages() -> tuple[str, ...]:
    """The codes of the languages that there are."""
    return tuple(sorted(path.parts[-3] for path in LOCALES.glob("*/LC_MESSAGES/relay.mo")))


def words_for(code: str | None) -> Words:
    """The words of the language that is nearest to a code, such as Telegram's `pt-br`: that very one, `pt`, English."""
    language = (code or "")[:LONGEST_CODE].lower().replace("_", "-")
    while language and language not in languages():
        language = language.rpartition("-")[0]
    language = language or ENGLISH
    return _overridden.get(language) or shipped_words(language)


@cache
def shipped_words(language: str) -> Words:
    """The words of one of `languages()`, without the operator's."""
    with (LOCALES / language / "LC_MESSAGES" / "relay.mo").open("rb") as file:
        catalogue = GNUTranslations(file)
    if language != ENGLISH:
        catalogue.add_fallback(shipped_words(ENGLISH).catalogue)
    return Words(language, catalogue)


#: Languages in which the operator has changed lines.
_overridden: dict[str, Words] = {}


@contextmanager
def overridden(texts: Texts) -> Iterator[None]:
    """The operator's texts are what `words_for` gives, for the whole process, until the block ends."""
    before = dict(_overridden)
    for language, lines in texts.items():
        _overridden[language] = Words(language, shipped_words(language).catalogue, lines)
    try:
        yield
    finally:
        _overridden.clear()
        _overridden.update(before)


def _context(key: str) -> str:
    first = key.partition(".")[0]
    return first if first in {"customer", "language"} else "agent"
