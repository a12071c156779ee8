"""What an agent's file is to Telegram: decided by its bytes, then by type and name, never by Kit's label alone. Pure.

The signatures are written out here because no library of magic numbers tells apart what matters: Opus from other Ogg,
moving from still WebP, an MP4 from its cousins. Sizes are bytes, sides are pixels.
"""

import struct
from typing import Final, Literal

from relay.steps import FileKind

Format = Literal["jpeg", "png", "gif", "webp", "moving_webp", "mp4", "m4a", "mp3", "opus", "other"]
Native = Literal["photo", "animation", "video", "voice", "audio", "sticker", "document"]

#: How many of a file's first bytes `native_kind` wants: a JPEG's sides stand behind its preview and colour profile.
HEAD: Final = 256 * 2**10
#: https://core.telegram.org/bots/api#sendphoto
MAX_PHOTO: Final = 10 * 2**20
MAX_PHOTO_SIDES: Final = 10_000
MAX_PHOTO_RATIO: Final = 20
#: https://core.telegram.org/stickers#static-stickers-and-emoji
MAX_STICKER: Final = 512 * 2**10
STICKER_SIDE: Final = 512

#: Major brands of ISO media files (https://mp4ra.org/registered-types/brands). Others are QuickTime, HEIF, 3GP, …
_MP4_BRANDS: Final = frozenset(
    {b"mp41", b"mp42", b"avc1", b"dash", b"MSNV", b"M4V ", b"M4VH", b"M4VP", b"mmp4", b"f4v "}
)
_M4A_BRANDS: Final = frozenset({b"M4A ", b"M4B ", b"F4A ", b"F4B "})
#: What begins like this is none of the formats that Telegram shows, whatever its name says.
_OTHERS: Final = (
    b"%PDF",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1a\x45\xdf\xa3",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\x1f\x8b",
    b"BM",
    b"{\\rtf",
)
#: Markers of a JPEG's frame header, which holds its sides: all SOFn but DHT, JPG and DAC.
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

#: For bytes that say nothing: an old MP4 that begins with its data, an MP3 with junk before its first frame. Pictures
#: are not among them, since theirs always speak.
_BY_TYPE: Final[dict[str, Format]] = {
    "video/mp4": "mp4",
    "audio/mp4": "m4a",
    "audio/m4a": "m4a",
    "audio/x-m4a": "m4a",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
_BY_SUFFIX: Final[dict[str, Format]] = {".mp4": "mp4", ".m4v": "mp4", ".m4a": "m4a", ".mp3": "mp3"}
#: How pages begin, in small letters (https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type).
_PAGE_STARTS: Final = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<title", b"<meta", b"<!-- ")
_FEW_WORDS: Final = 2048  #: Bytes.
_PAGE_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
_PAGES: Final = frozenset({"html", "htm", "xhtml", "xht", "shtml", "mht", "mhtml"})
#: Texts that may begin as a page does; also tables and letters, which many programs write as HTML under these endings.
_TEXTS: Final = frozenset(
    {"txt", "md", "csv", "tsv", "log", "xml", "svg", "js", "css", "json", "eml", "vue", "tpl", "ics", "xls", "doc"}
)
#: What never begins as XML or JSON does: a server's words about an error, sent as if they were the file.
_NO_TEXTS: Final = frozenset(
    {
        *("jpg", "jpeg", "png", "gif", "webp", "heic", "heif", "tif", "tiff", "bmp"),
        *("mp4", "mov", "webm", "mkv", "mp3", "m4a", "ogg", "oga", "opus", "wav", "flac"),
        *("pdf", "docx", "xlsx", "pptx", "odt", "ods", "zip", "rar", "7z"),
    }
)
#: The media type of each format, for a name's ending.
_TYPES: Final[dict[Format | None, str]] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "moving_webp": "image/webp",
    "mp4": "video/mp4",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
}
_NO_TYPE: Final = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/binary"})


def native_kind(label: FileKind, head: bytes, size: int, content_type: str, name: str) -> Native:  # noqa: PLR0911 - a table
    """The kind to send the file as. `label` is Kit's, `head` the file's first `HEAD` bytes.

    What was labelled a document stays one, unchanged by Telegram; only a GIF moves on its own.
    """
    found = format_of(head, content_type, name)
    if found == "gif":
        return "animation"
    if label == "document":
        return "document"
    match found:
        case "jpeg" | "png":
            return _photo_or_document(found, head, size)
        case "webp" if label == "photo":
            return _photo_or_document(found, head, size)
        case "webp":
            return _sticker_or_document(found, head, size)
        case "mp4" if label == "audio" or _media_type(content_type).startswith("audio/"):
            return "audio"  # Recorders and converters often write plain MP4 brands into an M4A.
        case "mp4":
            return "video"
        case "m4a" | "mp3":
            return "audio"
        case "opus":
            return "voice"
        case _:
            return "document"


def format_of(head: bytes, content_type: str = "", name: str = "") -> Format:
    """The format, by the first bytes; where they say nothing by the type, and without a type by the name."""
    found = _by_bytes(head)
    if found is None:
        media_type = _media_type(content_type)
        found = _BY_TYPE.get(media_type)
        if found is None and media_type in _NO_TYPE:
            _, dot, suffix = name.lower().rpartition(".")
            found = _BY_SUFFIX.get(dot + suffix)
    return found or "other"


def is_page(label_name: str, head: bytes, content_type: str) -> bool:
    """Whether a page (to sign in at, or of an error) came in place of something whose name promises no page.

    Bytes decide before the type: many a script sends its PDF as text/html.
    """
    suffix = label_name.lower().rpartition(".")[2]
    if suffix in _PAGES or not _is_text(head):
        return False
    media_type = _media_type(content_type)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    if suffix in _NO_TEXTS and start.startswith((b"<", b"{")):
        return True
    if suffix in _NO_TEXTS and media_type not in _NO_TYPE and _is_words(head):
        return True
    if suffix in _TEXTS:
        return media_type in _PAGE_TYPES and start.startswith(b"<")
    return media_type in _PAGE_TYPES or start.startswith(_PAGE_STARTS)


def _is_text(head: bytes) -> bool:
    if _by_bytes(head) is not None:
        return False
    return b"\x00" not in head[:1024] or _is_words(head)  # words in UTF-16 hold zeros


def _is_words(head: bytes) -> bool:
    """Whether it is but a few words, such as a server's `Access denied`."""
    if not 0 < len(head) <= _FEW_WORDS:
        return False
    try:
        words = head.decode("utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except ValueError:
        return False
    return "".join(words.split()).isprintable()


def type_by_bytes(head: bytes, content_type: str) -> str:
    """The media type: as the bytes say, else as the server does; "" when neither says anything."""
    found = _by_bytes(head)
    if found in _TYPES:
        return _TYPES[found]
    if head.startswith(b"%PDF"):
        return "application/pdf"
    media_type = _media_type(content_type)
    return "" if media_type in _NO_TYPE else media_type


def sides(found: Format, head: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, JPEG or still WebP; None when they don't stand in `head`."""
    try:
        match found:
            case "png":
                width, height = struct.unpack_from(">II", head, 16)
                return width, height
            case "jpeg":
                return _jpeg_sides(head)
            case "webp":
                return _webp_sides(head)
            case _:
                return None
    except (struct.error, IndexError):
        return None


def _by_bytes(head: bytes) -> Format | None:  # noqa: PLR0911 - a table: one format, one line
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "moving_webp" if _moves(head) else "webp"
    if head.startswith(b"OggS"):
        return "opus" if b"OpusHead" in head[:64] else "other"
    if head[4:8] == b"ftyp":
        return _by_brand(head[8:12])
    if head.startswith(b"ID3") or _is_mp3_frame(head[:4]):
        return "mp3"
    return "other" if head.startswith(_OTHERS) else None


def _moves(webp: bytes) -> bool:
    """By a flag of its extended form: https://developers.google.com/speed/webp/docs/riff_container."""
    return webp[12:16] == b"VP8X" and len(webp) > 20 and bool(webp[20] & 0x02)


def _by_brand(brand: bytes) -> Format:
    if brand in _M4A_BRANDS:
        return "m4a"
    return "mp4" if brand in _MP4_BRANDS or brand.startswith(b"iso") else "other"


def _is_mp3_frame(start: bytes) -> bool:
    """Sync, layer III, and neither the forbidden bit rate nor the reserved versions and sample rates."""
    return (
        len(start) == 4
        and start[0] == 0xFF
        and start[1] & 0xE6 == 0xE2
        and start[1] & 0x18 != 0x08
        and start[2] & 0xF0 != 0xF0
        and start[2] & 0x0C != 0x0C
    )


def _jpeg_sides(head: bytes) -> tuple[int, int]:
    """Raises IndexError or struct.error when the frame header lies beyond `head`."""
    at = 2
    while True:
        if head[at] != 0xFF:
            raise IndexError
        marker = head[at + 1]
        if marker == 0xFF:  # fill bytes before a marker
            at += 1
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        else:
            at += 2 + struct.unpack_from(">H", head, at + 2)[0]


def _webp_sides(head: bytes) -> tuple[int, int]:
    """https://developers.google.com/speed/webp/docs/riff_container. Raises IndexError or struct.error."""
    match head[12:16]:
        case b"VP8X":
            low, high = struct.unpack_from("<HB", head, 24), struct.unpack_from("<HB", head, 27)
            return 1 + low[0] + (low[1] << 16), 1 + high[0] + (high[1] << 16)
        case b"VP8L":
            bits = struct.unpack_from("<I", head, 21)[0]
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", head, 26)
            return width & 0x3FFF, height & 0x3FFF
        case _:
            raise IndexError


def _photo_or_document(found: Format, head: bytes, size: int) -> Native:
    return "photo" if size <= MAX_PHOTO and _fits_photo(sides(found, head)) else "document"


def _sticker_or_document(found: Format, head: bytes, size: int) -> Native:
    return "sticker" if size <= MAX_STICKER and _fits_sticker(sides(found, head)) else "document"


def _fits_photo(found: tuple[int, int] | None) -> bool:
    """Unknown sides are worth a try: Telegram says no if they don't fit."""
    if found is None:
        return True
    short, long = sorted(found)
    return short + long <= MAX_PHOTO_SIDES and long <= MAX_PHOTO_RATIO * max(1, short)


def _fits_sticker(found: tuple[int, int] | None) -> bool:
    return found is not None and max(found) == STICKER_SIDE


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
