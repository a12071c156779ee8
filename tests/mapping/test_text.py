"""Counting, rendering and cutting text as Telegram counts it."""

import time

import pytest
import regex  # type: ignore[import-untyped]  # see relay/mapping/text/text.py
from hypothesis import example, given
from hypothesis import strategies as st
from telegram import MessageEntity, User

from relay.mapping.text.text import clean, join, render, shorten, split, units

FAMILY = "👨‍👩‍👧‍👦"  #: One grapheme cluster of 11 UTF-16 units.

ANY_TEXT = st.text(st.characters(exclude_categories=[]))
LUMPS = st.lists(
    st.sampled_from(
        [
            "word",
            "a",
            " ",
            "  ",
            "\n",
            "\n\n",
            "\r\n",
            "\t",
            ". ",
            "! ",
            "。",
            FAMILY,
            "🇩🇪",
            "e\u0301",
            " \u0301",
            "ж",
            "\u0600",
        ]
    )
    | st.text(max_size=3),
    max_size=60,
).map("".join)


@pytest.mark.parametrize(("text", "length"), [("", 0), ("abc", 3), ("жук", 3), ("👋", 2), (FAMILY, 11), ("\ud83d", 1)])
def test_length_is_counted_in_utf16_units(text: str, length: int) -> None:
    """An emoji counts twice, as it does for Telegram."""
    assert units(text) == length


@pytest.mark.parametrize(
    ("raw", "text"),
    [("a\0b", "ab"), ("a\ud83db", "a\ufffdb"), ("\udc00", "\ufffd"), (FAMILY, FAMILY), (None, ""), (5, ""), ("", "")],
)
def test_cleaned_text_fits_everywhere(raw: object, text: str) -> None:
    """NUL goes, a lone surrogate is replaced, what is no text becomes none."""
    assert clean(raw) == text


@given(raw=ANY_TEXT)
def test_clean_text_is_utf8_and_otherwise_the_same(raw: str) -> None:
    """Cleaning never fails and changes nothing but what cannot be stored."""
    text = clean(raw)
    assert "\0" not in text.encode().decode()
    if "\ufffd" not in text:
        assert text == raw.replace("\0", "")


def entity(kind: str, offset: int, length: int, url: str | None = None) -> MessageEntity:
    return MessageEntity(kind, offset, length, url=url)


def mention(offset: int, length: int) -> MessageEntity:
    return MessageEntity("text_mention", offset, length, user=User(5, "Ben", is_bot=False, last_name="Ott"))


@pytest.mark.parametrize(
    ("text", "entities", "rendered"),
    [
        ("plain bold", [entity("bold", 6, 4)], "plain bold"),
        ("see here", [entity("text_link", 4, 4, "https://a.example/")], "see here (https://a.example/)"),
        ("👋 here!", [entity("text_link", 3, 4, "https://a.example/")], "👋 here (https://a.example/)!"),
        ("a.example", [entity("text_link", 0, 9, "https://a.example/")], "a.example"),
        ("https://a.example", [entity("text_link", 0, 17, "https://a.example/")], "https://a.example"),
        ("link \nx", [entity("text_link", 0, 6, "tg://user?id=1")], "link (tg://user?id=1) \nx"),
        ("one\ntwo", [entity("blockquote", 0, 7)], "> one\n> two"),
        ("he said\none\ntwo\nwell", [entity("expandable_blockquote", 8, 7)], "he said\n> one\n> two\nwell"),
        ("he said one well", [entity("blockquote", 8, 3)], "he said \n> one\n well"),
        ("one\ntwo\nx", [entity("blockquote", 0, 4), entity("blockquote", 4, 4)], "> one\n> two\nx"),
        ("😀\n😀", [entity("blockquote", 0, 5), entity("text_link", 3, 2, "u:1")], "> 😀\n> 😀 (u:1)"),
        ("short", [entity("text_link", 3, 400, "u:1")], "short (u:1)"),
        ("short", [entity("text_link", 90, 4, "u:1"), entity("blockquote", -9, 3)], "short"),
        ("short", [entity("text_link", 0, 5, None)], "short"),
        ("ask Ben ok", [mention(4, 3)], "ask Ben ok"),
        ("ask him ok", [mention(4, 3)], "ask him (Ben Ott) ok"),
        ("ask 😀 ok", [mention(4, 3)], "ask 😀 (Ben Ott) ok"),
        ("a b", [MessageEntity("text_mention", 0, 1)], "a b"),
        ("😀 x()\nhush", [entity("custom_emoji", 0, 2), entity("pre", 3, 3), entity("spoiler", 7, 4)], "😀 x()\nhush"),
    ],
)
def test_text_reads_as_it_looked(text: str, entities: list[MessageEntity], rendered: str) -> None:
    """Hidden links and names stand behind their label, quoted lines behind a mark, and the rest is untouched."""
    assert render(text, entities) == rendered


@given(
    text=ANY_TEXT,
    places=st.lists(
        st.tuples(
            st.sampled_from(["text_link", "text_mention", "blockquote", "bold", "new_kind"]),
            st.integers(-9, 99),
            st.integers(-9, 99),
        ),
        max_size=6,
    ),
)
def test_no_entity_damages_the_text(text: str, places: list[tuple[str, int, int]]) -> None:
    """Entities at impossible places raise nothing, and every character of the text survives in its order."""
    rendered = iter(render(text, [entity(kind, offset, length, "u:1") for kind, offset, length in places]))
    assert all(character in rendered for character in text)


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("", 9, ""),
        ("  one\n\n two ", 9, "one two"),
        ("one two three", 13, "one two three"),
        ("one two three", 12, "one two…"),
        ("one two three", 8, "one two…"),
        ("abcdefghijkl", 8, "abcdefg…"),
        ("a bcdefghijkl", 8, "a bcdef…"),
        (FAMILY * 3, 3, FAMILY * 3),
        (FAMILY * 4, 3, FAMILY * 2 + "…"),
    ],
)
def test_an_excerpt_is_one_line_that_ends_at_a_word(text: str, limit: int, short: str) -> None:
    """White space is folded; the cut falls at a word in the second half, else between two characters."""
    assert shorten(text, limit) == short


@given(text=ANY_TEXT | LUMPS, limit=st.integers(2, 90))
@example(text="a" + "\u0301" * 5000, limit=80)
def test_an_excerpt_is_short_whatever_the_text(text: str, limit: int) -> None:
    """Never more characters than the limit, never a line break, and never cut inside a grapheme cluster."""
    short = shorten(text, limit)
    folded = " ".join(text.split())
    assert len(regex.findall(r"\X", short)) <= limit
    assert len(short) <= 16 * limit + 1
    assert "\n" not in short
    if short != folded:
        assert short.endswith("…")
        assert folded.startswith(short[:-1])


@pytest.mark.parametrize(
    ("parts", "joined"), [((), ""), (("a", "", None, 5, " b\0 "), "a, b"), (("\ud83d", " "), "\ufffd")]
)
def test_only_words_are_joined(parts: tuple[object, ...], joined: str) -> None:
    """What is blank or no text leaves no separator behind."""
    assert join(", ", *parts) == joined


def check_parts(text: str, limit: int, parts: list[str]) -> None:
    """Each part fits and says something; between the parts only white space is lost."""
    at = 0
    for part in parts:
        assert units(part) <= limit
        assert part.strip()
        while not text.startswith(part, at):
            assert text[at].isspace()
            at += 1
        at += len(part)
    assert not text[at:].strip()


@given(text=LUMPS, limit=st.integers(2, 40))
@example(text=" " * 50, limit=5)
@example(text=FAMILY * 3, limit=4)
@example(text="a" + " " * 50 + "b", limit=5)
def test_parts_lose_only_white_space(text: str, limit: int) -> None:
    """Whatever the text, its parts are within the limit, not blank, and hold all its words."""
    check_parts(text, limit, split(text, limit))


@given(text=LUMPS, limit=st.integers(11, 40))
def test_no_grapheme_is_cut(text: str, limit: int) -> None:
    """A cut falls between what people see as characters, unless one alone is longer than the limit."""
    clusters = regex.findall(r"\X", text)
    if any(units(cluster) > limit for cluster in clusters):
        return
    edges, at = {0}, 0
    for cluster in clusters:
        at += len(cluster)
        edges.add(at)
    at = 0
    parts = split(text, limit)
    for part in parts:
        while not text.startswith(part, at) or at not in edges:
            at += 1
        at += len(part)
        assert at in edges or len(parts) == 1


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("", 9, []),
        ("  \n ", 9, []),
        ("fits as it is ", 21, ["fits as it is "]),
        ("first part, one.\n\nSecond paragraph", 21, ["first part, one.", "Second paragraph"]),
        ("first part, one\nsecond line, two.", 21, ["first part, one", "second line, two."]),
        ("One two three. Four five six", 21, ["One two three.", "Four five six"]),
        ("one two three four five six", 21, ["one two three four", "five six"]),
        ("Really?! «Yes, it is.» And then", 26, ["Really?! «Yes, it is.»", "And then"]),
        ("short https://example.com/averylongone", 26, ["short", "https://example.com/averyl", "ongone"]),
        ("x" * 30, 22, ["x" * 22, "x" * 8]),
        ("一二三四五六七八九十一二三四五。六七八九十", 18, ["一二三四五六七八九十一二三四五。", "六七八九十"]),
    ],
)
def test_cuts_fall_where_a_reader_would_pause(text: str, limit: int, parts: list[str]) -> None:
    """At a paragraph, else a line, else a sentence, else a word, else anywhere."""
    assert split(text, limit) == parts


@pytest.mark.parametrize(
    "unit", ["Ein langer Satz mit 😀 und Umlauten äöü. ", "\U0001f1e9\U0001f1ea", "e\u0301\u0327", "👩‍🚀"]
)
def test_a_book_is_cut_in_reasonable_time(unit: str) -> None:
    """The longest text that Kit may send us takes a fraction of a second, whatever it is made of."""
    text = (unit * 100_000)[:100_000]
    began = time.process_time()
    parts = split(text, 4096)
    check_parts(text, 4096, parts)
    assert time.process_time() - began < 5
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")
