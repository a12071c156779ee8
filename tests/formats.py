"""Small files of each format that matters, made here: their headers are right, their contents are next to nothing."""

import struct
from typing import Final

from relay.sandbox.shared.content import png


def jpeg(width: int = 8, height: int = 8, *, profile: int = 0) -> bytes:
    """A baseline JPEG up to its scan; `profile` bytes of colour profile stand before its sides."""

    def segment(marker: int, data: bytes) -> bytes:
        return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data

    return b"".join(
        (
            b"\xff\xd8",
            segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
            *(segment(0xE2, bytes(min(60_000, profile - at))) for at in range(0, profile, 60_000)),
            segment(0xDB, b"\0" + bytes(range(1, 65))),
            b"\xff",  # a fill byte, which may stand before any marker
            segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0"),
            segment(0xC4, b"\0" + bytes(15) + b"\x01\0"),
            segment(0xDA, b"\x01\x01\0\0\x3f\0") + b"\0\xff\xd9",
        )
    )


def gif(width: int = 8, height: int = 8) -> bytes:
    """One frame of one colour."""
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return b"GIF89a" + screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02D\x01\0;"


def webp(width: int = 512, height: int = 512, *, form: str = "VP8L", size: int = 64, moving: bool = False) -> bytes:
    """A WebP in one of its three forms, filled up to `size` bytes."""
    match form:
        case "VP8L":
            data = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14)
        case "VP8 ":
            data = b"\x30\x01\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
        case _:
            sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
            data = bytes([0x02 if moving else 0, 0, 0, 0]) + sides
    data = data.ljust(size - 20, b"\0")
    return b"RIFF" + struct.pack("<I", len(data) + 12) + b"WEBP" + form.encode() + struct.pack("<I", len(data)) + data


def iso_media(brand: bytes) -> bytes:
    """An ISO media file of a brand, with an empty movie."""

    def box(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data) + 8) + kind + data

    return (
        box(b"ftyp", brand + b"\0\0\x02\0" + brand + b"isom")
        + box(b"moov", box(b"mvhd", bytes(100)))
        + box(b"mdat", b"")
    )


def ogg(codec: bytes = b"OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\0") -> bytes:
    """The first page of an Ogg stream."""
    return b"OggS\0\x02" + bytes(20) + b"\x01" + bytes([len(codec)]) + codec


def mp3(*, tagged: bool = True) -> bytes:
    """A silent frame, 128 kbit/s at 44.1 kHz, with or without an ID3 tag before it."""
    return (b"ID3\x04" + bytes(6) if tagged else b"") + b"\xff\xfb\x90\x64" + bytes(413)


PDF: Final = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
PNG: Final = png(320, 200)
JPEG: Final = jpeg(320, 200)
GIF: Final = gif()
WEBP: Final = webp()
MP4: Final = iso_media(b"isom")
M4A: Final = iso_media(b"M4A ")
OGG: Final = ogg()
MP3: Final = mp3()
