"""A file's own bytes say what it is to Telegram."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.media.kinds import HEAD, MAX_PHOTO, MAX_STICKER, Format, Native, format_of, is_page, native_kind, sides
from relay.sandbox.shared.content import png
from relay.steps import FileKind
from tests.formats import GIF, JPEG, M4A, MP3, MP4, OGG, PDF, PNG, WEBP, iso_media, jpeg, mp3, ogg, webp

LABELS: list[FileKind] = ["photo", "video", "audio", "document"]


def kind_of(
    content: bytes, *, label: FileKind = "photo", size: int = 0, content_type: str = "", name: str = ""
) -> Native:
    return native_kind(label, content[:HEAD], size or len(content), content_type, name)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (PNG, "png"),
        (JPEG, "jpeg"),
        (GIF, "gif"),
        (WEBP, "webp"),
        (webp(form="VP8 "), "webp"),
        (webp(form="VP8X"), "webp"),
        (webp(form="VP8X", moving=True), "moving_webp"),
        (MP4, "mp4"),
        *((iso_media(brand), "mp4") for brand in (b"mp42", b"iso5", b"avc1", b"M4V ", b"dash")),
        (M4A, "m4a"),
        *((iso_media(brand), "other") for brand in (b"qt  ", b"heic", b"avif", b"3gp4", b"crx ")),
        (OGG, "opus"),
        (ogg(b"\x01vorbis" + bytes(23)), "other"),
        (MP3, "mp3"),
        (mp3(tagged=False), "mp3"),
        (b"\xff\xf3\x90\x64", "mp3"),
        (b"\xff\xf1\x50\x80", "other"),  # AAC
        ("text".encode("utf-16"), "other"),
        (b"\xff\xff\xff\xff", "other"),
        (PDF, "other"),
        (b"", "other"),
    ],
)
def test_formats_are_known_by_their_first_bytes(content: bytes, found: Format) -> None:
    """Each format by its signature, and its relatives told apart from it."""
    assert format_of(content) == found


@pytest.mark.parametrize(
    ("content", "native"),
    [
        (PNG, "photo"),
        (JPEG, "photo"),
        (GIF, "animation"),
        (WEBP, "sticker"),
        (MP4, "video"),
        (M4A, "audio"),
        (MP3, "audio"),
        (OGG, "voice"),
        (PDF, "document"),
    ],
)
@pytest.mark.parametrize("label", LABELS)
def test_the_bytes_outweigh_the_label(content: bytes, native: Native, label: FileKind) -> None:
    """But a document stays one, except for a GIF; a WebP called photo is one, an MP4 called audio too."""
    if label == "document" and native != "animation":
        native = "document"
    if label == "photo" and native == "sticker":
        native = "photo"
    if label == "audio" and native == "video":
        native = "audio"
    assert kind_of(content, label=label) == native
    # A type and a name that lie change nothing.
    assert kind_of(content, label=label, content_type="image/jpeg", name="a.exe") == native


@pytest.mark.parametrize(
    ("content_type", "name", "native"),
    [
        ("video/mp4", "x", "video"),
        ("Audio/MPEG; rate=1", "x.bin", "audio"),
        ("", "A.MP3", "audio"),
        ("application/octet-stream", "a.b.m4a", "audio"),
        ("text/html", "a.mp3", "document"),
        ("image/jpeg", "a.jpg", "document"),
        ("", "mp4", "document"),
    ],
)
def test_bytes_that_say_nothing_leave_it_to_type_and_name(content_type: str, name: str, native: Native) -> None:
    """The type counts first, the name only without one; a picture that doesn't begin like one is a document."""
    assert kind_of(b"\0\0junk", content_type=content_type, name=name) == native


@pytest.mark.parametrize(
    ("width", "height", "native"),
    [
        (5000, 5000, "photo"),
        (5000, 5001, "document"),
        (20, 400, "photo"),
        (20, 401, "document"),
        (401, 20, "document"),
        (0, 30, "document"),
    ],
)
def test_photos_that_telegram_would_refuse_are_documents(width: int, height: int, native: Native) -> None:
    """Sides of more than 10,000 together or a ratio over 20, wherever a JPEG hides them; or more than 10 MB."""
    header = png(1, 1)
    header = header[:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + header[24:]
    for content in (header, jpeg(width, height), jpeg(width, height, profile=180_000)):
        assert kind_of(content) == native
        assert kind_of(content, size=MAX_PHOTO) == native
        assert kind_of(content, size=MAX_PHOTO + 1) == "document"


@pytest.mark.parametrize("form", ["VP8L", "VP8 ", "VP8X"])
def test_a_webp_is_a_sticker_only_if_it_fits(form: str) -> None:
    """One side of 512, the other not longer, at most 512 KB, still; else a document. What is called a photo is none."""
    assert kind_of(webp(512, 300, form=form), label="photo") == "photo"
    assert kind_of(webp(9000, 3000, form=form), label="photo") == "document"
    assert kind_of(webp(512, 300, form=form), label="any") == "sticker"
    assert kind_of(webp(1, 512, form=form), label="any") == "sticker"
    assert kind_of(webp(511, 511, form=form), label="any") == "document"
    assert kind_of(webp(512, 513, form=form), label="any") == "document"
    assert kind_of(webp(form=form), size=MAX_STICKER, label="any") == "sticker"
    assert kind_of(webp(form=form), size=MAX_STICKER + 1, label="any") == "document"
    assert kind_of(webp(form="VP8X", moving=True), label="any") == "document"


@given(
    start=st.sampled_from([b"", PNG, JPEG, jpeg(profile=9), WEBP, webp(form="VP8X"), MP4, OGG, MP3]),
    length=st.integers(0, 64),
    rest=st.binary(max_size=40),
    label=st.sampled_from(LABELS),
)
def test_any_bytes_have_a_kind(start: bytes, length: int, rest: bytes, label: FileKind) -> None:
    """Files that are cut short or broken are judged too, never a crash or an endless search."""
    content = start[:length] + rest
    assert kind_of(content, label=label)
    sides(format_of(content), content)


@pytest.mark.parametrize(
    ("name", "head", "content_type", "is_one"),
    [
        ("a.jpg", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "application/xml", True),
        ("a.pdf", b' {"error": "log in"}', "application/pdf", True),
        ("report.docx", b"\xef\xbb\xbf<Error/>", "", True),
        ("a.pdf", b"%PDF-1.7 <", "text/html", False),
        ("a.json", b'{"error": 5}', "application/json", False),
        ("drawing.svg", b"<svg>", "image/svg+xml", False),
        ("export.xls", b"<html><table>", "application/vnd.ms-excel", False),
        ("export.xls", b"<html>Sign in", "text/html", True),
        ("no ending", b'{"a": 1}', "application/json", False),
        ("a.pdf", b"Access denied\n", "text/plain", True),
        ("a.jpg", "Файл не найден".encode(), "image/jpeg", True),
        ("a.jpg", b'[{"error":"x"}]', "application/json", True),
        ("a.pdf", "<html>Sign in".encode("utf-16"), "application/pdf", True),
        ("a.pdf", b"\x01\x02 a scanner's own", "application/pdf", False),
        ("a.rtf", b"{\\rtf1 hi}", "text/html", False),
        ("a.txt", b"Access denied", "text/plain", False),
    ],
)
def test_a_servers_words_are_not_the_file(name: str, head: bytes, content_type: str, *, is_one: bool) -> None:
    """XML or JSON under a name that promises neither is an error's; what may be such a text is sent as it is."""
    assert is_page(name, head, content_type) is is_one
