"""Names that strangers chose are made safe to show, to save and to quote."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mapping.text.file_names import MAX_NAME, file_name, mime_type, renamed, with_ending
from relay.media.types import ending_of, type_of

#: The flag: a black one, and the letters of its region as tags.
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
#: Bidirectional classes of what turns the reading direction of a whole stretch.
TURNING = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Rechnung Nº 5 (März).pdf", "Rechnung Nº 5 (März).pdf"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("C:\\temp\\a.txt", "a.txt"),
        ("Report on C:\\a.pdf", "Report on C:_a.pdf"),
        ("C:\\fakepath\\", "fallback"),
        ("\\\\server\\share\\a.txt", "a.txt"),
        ("AC\\DC.mp3", "AC_DC.mp3"),
        (".env", ".env"),
        ("\U0001fae8\U0001fae9.pdf", "\U0001fae8\U0001fae9.pdf"),  # one of them is younger than Python 3.11
        (f"{ENGLAND}.png", f"{ENGLAND}.png"),
        ("\u05d0\u200f!.pdf", "\u05d0\u200f!.pdf"),
        ("\ue000.pdf", "\ue000.pdf"),
        ("\u200b\u200f", "fallback"),
        (".", "fallback"),
        ("..", "fallback"),
        ("a\ud83d.pdf", "a\ufffd.pdf"),
        ("a\r\nSet-Cookie: b.txt", "aSet-Cookie: b.txt"),
        ("\u202egpj.exe", "gpj.exe"),
        ("\u2066x\u2069.pdf", "x.pdf"),
        ("می\u200cشد.pdf", "می\u200cشد.pdf"),
        ("  a.txt  ", "a.txt"),
        ("", "fallback"),
        ("...", "fallback"),
        ("//", "fallback"),
        ("\u202e", "fallback"),
        (None, "fallback"),
        (5, "fallback"),
        ("x" * 200 + ".pdf", "x" * 116 + ".pdf"),
        ("x" * 200, "x" * 120),
        ("x." + "y" * 200, ("x." + "y" * 200)[:120]),
    ],
)
def test_names_are_made_safe(raw: object, name: str) -> None:
    """No path, no control or override character, at most 120 characters with the extension kept."""
    assert file_name(raw, "fallback") == name


@given(raw=st.text(st.characters(exclude_categories=[]), max_size=300))
def test_any_name_becomes_a_safe_one(raw: str) -> None:
    """Whatever stands in the name, the result is short, printable and no path."""
    name = file_name(raw, "fallback")
    assert 0 < len(name) <= MAX_NAME
    assert not set("/\\\0\r\n") & set(name)
    assert name.strip(".")
    assert not {unicodedata.category(character) for character in name} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(character) for character in name} & TURNING
    assert name.encode()
    assert file_name(name, "fallback") == name


@pytest.mark.parametrize(
    ("raw", "media_type"),
    [
        ("image/PNG", "image/png"),
        ("application/vnd.ms-excel", "application/vnd.ms-excel"),
        ("text/html\r\nX: y", "x/y"),
        ("text/html; charset=utf-8", "x/y"),
        ("nonsense", "x/y"),
        ("", "x/y"),
        (None, "x/y"),
    ],
)
def test_media_types_can_stand_in_a_header(raw: object, media_type: str) -> None:
    """What is no bare type/subtype is replaced."""
    assert mime_type(raw, None, "x/y") == media_type


@pytest.mark.parametrize(
    ("raw", "name", "media_type"),
    [
        (None, "scan.jpg", "image/jpeg"),
        ("application/octet-stream", "IMG_0001.HEIC", "image/heic"),
        ("", "a.b.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("image/png", "scan.jpg", "image/png"),
        (None, "page.html", "text/html"),
        (None, "README", "x/y"),
        (None, "a.unheard", "x/y"),
        (None, 5, "x/y"),
    ],
)
def test_a_file_without_a_type_has_that_of_its_ending(raw: object, name: object, media_type: str) -> None:
    """What Telegram says goes first; "some bytes" says nothing."""
    assert mime_type(raw, name, "x/y") == media_type


@pytest.mark.parametrize(
    ("name", "media_type", "whole"),
    [
        ("Rechnung", "application/pdf", "Rechnung.pdf"),
        ("Rechnung.pdf", "application/msword", "Rechnung.pdf"),
        ("v1.2", "application/pdf", "v1.2"),
        ("x", "application/x-unheard", "x"),
        ("x" * 120, "application/pdf", "x" * 112 + ".pdf"),
    ],
)
def test_a_name_without_an_ending_gets_that_of_its_type(name: str, media_type: str, whole: str) -> None:
    """So that the agent's computer knows what opens it."""
    assert with_ending(name, media_type) == whole


@pytest.mark.parametrize(("name", "new"), [("a.oga", "a.m4a"), ("a", "a.m4a"), (".env", ".env.m4a")])
def test_a_converted_file_has_another_extension(name: str, new: str) -> None:
    """The rest of its name stays."""
    assert renamed(name, "audio/mp4") == new


def test_usual_types_have_their_ending() -> None:
    """A known type gives its ending, an unknown one none; and the other way round."""
    assert (ending_of("audio/ogg"), ending_of("application/x-unheard"), ending_of("")) == (".ogg", "", "")
    assert (type_of("a.OGG"), type_of("a.unheard"), type_of("ogg"), type_of("")) == ("audio/ogg", "", "", "")
