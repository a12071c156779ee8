import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.words.catalogue import Texts, languages, overridden, words_for

PLURALS = [
    ("en", 1, "1 winner"),
    ("en", 0, "0 winners"),
    ("ru", 1, "1 победитель"),
    ("ru", 3, "3 победителя"),
    ("ru", 5, "5 победителей"),
    ("ru", 11, "11 победителей"),
    ("ru", 21, "21 победитель"),
    ("ru", 112, "112 победителей"),
    ("es", 2, "2 ganadores"),
    ("pt", 0, "0 ganhador"),
    ("pt", 2, "2 ganhadores"),
    ("de", 2, "2 Gewinner"),
]
NEAREST = [
    ("ru", "ru"),
    ("RU", "ru"),
    ("pt-br", "pt"),
    ("pt_BR", "pt"),
    ("de-AT-1996", "de"),
    ("en-GB", "en"),
    ("uk", "en"),
    ("zh-hans", "en"),
    ("", "en"),
    (None, "en"),
    ("../ru", "en"),
    ("-", "en"),
]


@pytest.mark.parametrize(("language", "count", "line"), PLURALS)
def test_a_number_takes_its_form(language: str, count: int, line: str) -> None:
    """Plurals go by the rules of the language."""
    assert words_for(language).say("winners", count=count) == line


@pytest.mark.parametrize(("code", "language"), NEAREST)
def test_the_nearest_language_speaks(code: str | None, language: str) -> None:
    """A region is served by its language, whatever nobody knows by English."""
    assert words_for(code).language == language


@given(st.text(max_size=60))
def test_any_code_whatever_gets_words(code: str) -> None:
    """What Telegram says of a customer's language is not to be relied on."""
    assert words_for(code).language in languages()


@pytest.mark.parametrize(
    ("language", "size"), [("en", "700.5 MB"), ("ru", "700,5 МБ"), ("es", "700,5"), ("pt", "700,5"), ("de", "700,5 MB")]
)
def test_fractions_are_written_as_the_language_does(language: str, size: str) -> None:
    """One decimal, behind the language's own mark."""
    assert size in words_for(language).say("customer.too_large", name="a.zip", megabytes=700.46)


@given(st.sampled_from(["en", "ru", "es", "pt", "de"]), st.text())
def test_values_are_shown_as_they_are(language: str, value: str) -> None:
    """Nothing in a value is taken for a placeholder, a format or a line."""
    assert words_for(language).say("quoted", words=value) == f"❝{value}❞"


def test_a_kind_that_nobody_has_named_is_named_by_telegrams_word() -> None:
    """In plain words, so that content which is newer than the relay has a name."""
    assert words_for("ru").noun("voice") == "голосовое сообщение"
    assert words_for("ru").noun("holo_gram") == "holo gram"


@pytest.mark.parametrize("key", ["no_such_line", "customer.no_such_line", ""])
def test_a_key_that_is_none_is_an_error(key: str) -> None:
    """Rather than shown to a customer."""
    with pytest.raises(KeyError):
        words_for("de").say(key)


def test_a_value_that_is_missing_is_an_error() -> None:
    """The same."""
    with pytest.raises(KeyError):
        words_for("de").say("quoted")


def test_the_operators_lines_win_while_they_hold() -> None:
    """A line of the operator's own stands before the catalogue's, in its language only; forms are chosen by number."""
    texts: Texts = {"ru": {"empty": "тишина", "winners": {"one": "{count} a", "few": "{count} b", "many": "{count} c"}}}
    with overridden(texts):
        words = words_for("ru-RU")
        assert [words.say("empty"), words.say("quoted", words="a")] == ["тишина", "❝a❞"]
        assert [words.say("winners", count=count) for count in (1, 2, 5)] == ["1 a", "2 b", "5 c"]
        assert words_for("de").say("empty") == "leere Nachricht"
        assert words.template("empty") == "тишина"
    assert words_for("ru").say("empty") == "пустое сообщение"
