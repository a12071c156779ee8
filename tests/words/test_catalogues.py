"""Each line is there in each language, whole, and nothing else is."""

import ast
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages import Message
from babel.messages.plurals import get_plural
from hatchling.builders.wheel import WheelBuilder

from relay.mapping.content.kinds import KINDS
from relay.settings.schema import Settings
from relay.words.catalogue import ENGLISH, languages, shipped_words
from relay.words.texts import placeholders
from tests.words.catalogues import LANGUAGES, PAGE, compiled, messages, page, read_catalogue, source, texts

ROOT = Path(__file__).parents[2]
LINES = messages(ENGLISH)
#: What Telegram has already and python-telegram-bot has not: such kinds come as raw fields.
RAW_KINDS = {"rich_message"}


def trees() -> Iterator[tuple[Path, ast.Module]]:
    """The relay's code, but for the catalogues' own and the look-alikes', which say nothing to anybody."""
    for path in sorted((ROOT / "relay").rglob("*.py")):
        if not {"words", "sandbox"} & set(path.relative_to(ROOT).parts):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def constants(node: ast.expr) -> list[str]:
    """The texts that an argument can be."""
    if isinstance(node, ast.IfExp):
        return constants(node.body) + constants(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def said() -> Iterator[tuple[str, str, set[str] | None]]:
    """Where a line is said by its name, its key, and the names of its values; None when they are not spelt out."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if function not in {"say", "heading", "noun"}:
                continue
            names = {keyword.arg for keyword in node.keywords if keyword.arg}
            spelt_out = len(names) == len(node.keywords) and function == "say"
            for text in constants(node.args[0]):
                key = text if function == "say" else f"noun.{text}"
                yield f"{path}:{node.lineno}", key, names if spelt_out else None


def mentioned() -> set[str]:
    """Every text in the code that may be a key, or, ending in a dot, the first part of one that is put together."""
    nodes = (node for _, tree in trees() for node in ast.walk(tree))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def key_placeholders(message: Message) -> list[set[str]]:
    return [placeholders(text) for text in texts(message)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_line_is_in_each_language(language: str) -> None:
    """The same keys for the same readers, none blank, none unsure, none left over from an earlier time."""
    translated = messages(language)
    assert [(key, line.context) for key, line in translated.items()] == [
        (key, line.context) for key, line in LINES.items()
    ]
    assert not read_catalogue(language).obsolete
    for key, line in translated.items():
        assert all(text.strip() for text in texts(line)), key
        assert not line.fuzzy, key
        assert line.string != key, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_line_has_its_placeholders(language: str) -> None:
    """A translation fills in what English does, by name and nothing more; so does each form of a plural."""
    for key, line in messages(language).items():
        [wanted] = {frozenset(each) for each in key_placeholders(LINES[key])}
        assert all(found == wanted for found in key_placeholders(line)), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_line_has_the_forms_of_its_language(language: str) -> None:
    """As many forms as Unicode's rules give the language (for whole numbers), chosen as they say, with their names."""
    catalogue = read_catalogue(language)
    for key, line in messages(language).items():
        if line.pluralizable:
            assert len(texts(line)) == catalogue.num_plurals, key
            assert LINES[key].pluralizable, key
    locale = catalogue.locale
    assert locale is not None
    words = shipped_words(language)
    for count in [*range(1000), 1234, 5011, 10_021]:
        form = words.say("language.plural_form", count=count)
        rule = locale.plural_form(count)
        assert form == rule or (rule == "many" and form == "other"), count  # of a million French and Spanish say "de"
    assert set(words.forms) <= {"zero", "one", "two", "few", "many", "other"}
    assert get_plural(language).num_plurals >= len(words.forms)


@pytest.mark.parametrize("language", LANGUAGES)
def test_readers_are_told_from_keys(language: str) -> None:
    """A line's context, which tells its translator who reads it, goes by the first part of its key."""
    for key, line in messages(language).items():
        first = key.partition(".")[0]
        assert line.context == (first if first in {"customer", "language"} else "agent"), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_what_its_source_says(language: str) -> None:
    """`make words` was run; and the two say the same by gettext's own reading."""
    assert source(language, "mo").read_bytes() == compiled(language)
    with source(language, "mo").open("rb") as file:
        catalogue = GNUTranslations(file)
    for key, line in messages(language).items():
        assert catalogue.pgettext(line.context or "", key) in texts(line)


def test_the_languages_are_named_where_one_chooses() -> None:
    """The setting's line in docs/settings.md names exactly the languages that there are."""
    description = Settings.model_fields["relay_agent_language"].description or ""
    assert description.endswith(f": {', '.join(LANGUAGES[:-1])} or {LANGUAGES[-1]}.")
    assert languages() == tuple(LANGUAGES)


def test_the_page_lists_the_lines() -> None:
    """docs/languages.md is what `make words` writes today."""
    old = PAGE.read_text(encoding="utf-8")
    assert page(old) == old
    assert all(f"`{language}`" in old for language in LANGUAGES)


def test_the_wheel_has_the_catalogues() -> None:
    """What is installed speaks as the checkout does."""
    paths = {Path(file.distribution_path) for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {source(language, "mo").relative_to(ROOT) for language in LANGUAGES} <= paths


def test_the_code_says_only_lines_that_there_are() -> None:
    """Each key in the code is in the catalogue and gets exactly the values that its text has."""
    for where, key, names in said():
        assert key in LINES, f"{where}: {key}"
        if names is not None:
            assert names == placeholders(texts(LINES[key])[0]), f"{where}: {key}"


def test_each_line_is_said_somewhere() -> None:
    """No line outlives the code that said it."""
    known = mentioned()
    kinds = {f"noun.{kind}" for kind in {*KINDS, *RAW_KINDS, *known}}
    parts = tuple(text for text in known if text.endswith(".") and any(key.startswith(text) for key in LINES))
    used = {key for key in LINES if key in known or key in kinds or key.startswith(("language.", *parts))}
    assert LINES.keys() == used


def test_each_kind_of_message_has_a_noun() -> None:
    """Whatever python-telegram-bot can name is named in people's words, briefly."""
    assert {f"noun.{kind}" for kind in {*KINDS, *RAW_KINDS}} <= LINES.keys()
    for language in LANGUAGES:
        nouns = (line for key, line in messages(language).items() if key.startswith("noun."))
        assert all(len(text) <= 64 for line in nouns for text in texts(line))
