from pathlib import Path

import pytest

from relay.settings.loading import SettingsError, load_settings
from relay.words.catalogue import overridden, words_for
from relay.words.texts import TextsError, read_texts
from tests.settings.test_settings import NEEDED

GOOD = """
[en]
empty = "nothing at all"
customer.not_for_groups = "Only in private, {{please}}."
"customer.too_large" = "{name} is too large."
winners = { one = "one lucky one: {count}", other = "{count} lucky ones" }

[ru.noun]
voice = "голосовое"
[ru.winners]
one = "{count} счастливчик"
few = "{count} счастливчика"
many = "{count} счастливчиков"
"""
WRONG = [
    ("[en\n", "is not TOML: look at line 1, column 4."),
    ("[en]\nkey", "is not TOML: look at "),
    ('empty = "a"', "empty stands outside of a language's table"),
    ("[fr]", "[fr] is none of the languages: de, en, es, pt, ru."),
    ('[en]\nemtpy = "a"', "[en] no line is called emtpy. docs/languages.md lists them all."),
    ('[en.customer]\ntoo_big = "a"', "no line is called customer.too_big"),
    ('[en]\nlanguage.decimal_point = "·"', "no line is called language.decimal_point"),
    ("[en]\nempty = 5", "[en] empty must be a text that is not blank."),
    ('[en]\nempty = " "', "empty must be a text that is not blank."),
    ('[en]\nempty = { one = "a" }', "empty must be a text that is not blank."),
    ('[en]\nempty = "{name}"', "has a placeholder that is not its own. Those that it has: none."),
    ('[en]\ncustomer.file_link = "{link}"', "Those that it has: {name}, {url}."),
    ('[en]\nquoted = "{words.__class__}"', "not its own"),
    ('[en]\nquoted = "{words!r}"', "not its own"),
    ('[en]\nquoted = "{words:>99999999}"', "not its own"),
    ('[en]\nquoted = "{}"', "not its own"),
    ('[en]\nquoted = "{words"', "has a brace too many or too few"),
    ('[en]\nquoted = "hm"', "quoted must have all of its placeholders: words."),
    (
        '[en]\ncustomer.agent_wrote = "{name} wrote"',
        "customer.agent_wrote must have all of its placeholders: name, text.",
    ),
    ('[en]\nwinners = "{count}"', "winners needs a table with a text for each of: one, other."),
    ('[ru]\nwinners = { one = "{count}", other = "{count}" }', "for each of: one, few, many."),
    ('[en]\nwinners = { one = "{n}", other = "{count}" }', "not its own"),
]


def file(directory: Path, content: str) -> Path:
    path = directory / "texts.toml"
    path.write_text(content, encoding="utf-8")
    return path


def test_the_operator_may_change_any_line(tmp_path: Path) -> None:
    """Keys with dots as TOML's tables or in quotes; braces doubled; a customer's line without all of its values."""
    with overridden(read_texts(file(tmp_path, GOOD))):
        english, russian = words_for("en"), words_for("ru")
        assert english.say("empty") == "nothing at all"
        assert english.say("customer.not_for_groups") == "Only in private, {please}."
        assert english.say("customer.too_large", name="a.zip", megabytes=7.0) == "a.zip is too large."
        assert [english.say("winners", count=n) for n in (1, 2)] == ["one lucky one: 1", "2 lucky ones"]
        assert russian.noun("voice") == "голосовое"
        assert [russian.say("winners", count=n).split()[1] for n in (1, 2, 5)] == [
            "счастливчик",
            "счастливчика",
            "счастливчиков",
        ]


@pytest.mark.parametrize(("content", "words"), WRONG, ids=[content for content, _ in WRONG])
def test_what_is_wrong_is_one_line(tmp_path: Path, content: str, words: str) -> None:
    """It names the language and the line, and says what to do."""
    with pytest.raises(TextsError) as refused:
        read_texts(file(tmp_path, content))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_wrong_file_ends_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With one line that names the setting, as any other wrong setting; the path is not shown."""
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "binary").write_bytes(b"\xff")
    cases = [
        (file(tmp_path, '[en]\nempty = ""'), "[en] empty must be a text"),
        (tmp_path / "none", "cannot be read"),
        (tmp_path, "cannot be read"),
        (tmp_path / "binary", "not text in UTF-8"),
    ]
    for path, words in cases:
        monkeypatch.setenv("RELAY_TEXTS_FILE", str(path))
        with pytest.raises(SettingsError) as refused:
            load_settings(None)
        [line] = refused.value.lines
        assert line.startswith("RELAY_TEXTS_FILE: ")
        assert words in line
        assert str(path) not in line
    monkeypatch.setenv("RELAY_TEXTS_FILE", str(file(tmp_path, GOOD)))
    assert load_settings(None).relay_texts_file == tmp_path / "texts.toml"
