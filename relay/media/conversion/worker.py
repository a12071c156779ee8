"""Conversions: each is the work of a child process that has nothing to lose.

The source is a stranger's and may be made to break whoever reads it. So each type has a forced format: FFmpeg would
otherwise guess, and some formats name other files and addresses to read. Exit status 0: the result is complete and on
disk.
"""

import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from relay.media.confinement.limits import Limits
from relay.media.conversion.forms import HEIF, longest, work_seconds
from relay.media.conversion.layers import check_layers
from relay.media.decoders import load_ffmpeg, load_heif, load_lottie, load_pillow
from relay.media.work import Work

if TYPE_CHECKING:
    from av import VideoFrame
    from PIL.Image import Image

#: A sticker takes 300 MiB of address space, most of it libraries.
_MEMORY: Final = 512 * 2**20
_WRITES: Final = 64 * 2**20

_RATE: Final = 48_000  #: Samples a second, Opus's own.
_BITS: Final = 64_000  #: A second.

_SIDE: Final = 256  #: Pixels; Telegram's own clients show stickers so large.
_SMOOTH: Final = 30  #: Frames a second.
_MOST_FRAMES: Final = 300
_MOST_SECONDS: Final = 10  #: Telegram allows three.
_MOST_PIXELS: Final = 1024  #: Of a side.
_MOST_PHOTO: Final = 50_000_000  #: Pixels; the largest photo of an iPhone has 48 million.
_QUALITY: Final = 88  #: Of a JPEG.
_MOST_JSON: Final = 8 * 2**20  #: Bytes of an unpacked sticker; Telegram allows 64 KB packed.


class UnfitError(Exception):
    """The source is not what its type says, or more than Telegram allows."""


def work(source_type: str) -> Work:
    """To convert a file of this type."""
    load, convert = CONVERSIONS[source_type]
    return Work(load, partial(_run, convert), partial(_limits, source_type))


def _limits(source_type: str, size: int) -> Limits:
    return Limits(_MEMORY, _WRITES, work_seconds(source_type, size), longest(source_type, size))


def _run(convert: Callable[[BinaryIO, Path], None], source: BinaryIO, target: Path) -> int:
    convert(source, target)
    with target.open("rb") as written:
        os.fsync(written.fileno())
        return 0 if os.fstat(written.fileno()).st_size else 1


def _load_lottie() -> None:
    load_lottie()
    load_pillow()


def _load_photo() -> None:
    load_heif()
    load_pillow()


def _load_film() -> None:
    load_ffmpeg()
    load_pillow()


def voice(source: BinaryIO, target: Path) -> None:
    """Ogg with Opus to AAC in m4a, playable from its first bytes."""
    import av  # noqa: PLC0415 - loaded before

    samples = 0
    with (
        av.open(source, "r", format="ogg") as heard,
        av.open(str(target), "w", format="ipod", options={"movflags": "+faststart"}) as said,
    ):
        stream = heard.streams.audio[0]
        if stream.codec_context.name not in {"opus", "libopus"}:
            raise UnfitError("not Opus")
        out = said.add_stream("aac", rate=_RATE, layout="mono")
        out.bit_rate = _BITS
        for frame in heard.decode(stream):
            frame.pts = None  # the encoder counts samples: a stream may begin at any time
            samples += frame.samples
            said.mux(out.encode(frame))
        said.mux(out.encode(None))
    if not samples:
        raise UnfitError("no sound")


def animated_sticker(source: BinaryIO, target: Path) -> None:
    """Compressed Lottie to animated WebP."""
    from rlottie_python.rlottie_wrapper import LottieAnimation  # noqa: PLC0415 - loaded before

    unpacker = zlib.decompressobj(wbits=31)
    drawing = json.loads(unpacker.decompress(source.read(), _MOST_JSON))
    assets = drawing.get("assets", [])
    if unpacker.unconsumed_tail or any("p" in asset for asset in assets):
        raise UnfitError("too large, or with pictures from elsewhere, which Telegram does not allow")
    check_layers(drawing)
    # Written anew: what was looked at is what is drawn, also where a key stood twice.
    text = json.dumps(drawing)
    if r"\u0000" in text:
        raise UnfitError("a name that rlottie would read in part")
    with LottieAnimation.from_data(text) as animation:
        total, seconds = animation.lottie_animation_get_totalframe(), animation.lottie_animation_get_duration()
        if total < 1 or not 0 < seconds <= _MOST_SECONDS:
            raise UnfitError("too long")
        count = min(_MOST_FRAMES, total, max(1, round(seconds * _SMOOTH)))
        pictures = (
            animation.render_pillow_frame(frame_num=total * index // count, width=_SIDE, height=_SIDE)
            for index in range(count)
        )
        _write(pictures, seconds / count, target)


def video_sticker(source: BinaryIO, target: Path) -> None:
    """A VP9 film with transparency to animated WebP. FFmpeg's own decoder ignores transparency; libvpx does not."""
    import av  # noqa: PLC0415 - loaded before

    with av.open(source, "r", format="matroska") as film:
        stream = film.streams.video[0]
        context = stream.codec_context
        if context.name != "vp9" or max(context.width, context.height) > _MOST_PIXELS:
            raise UnfitError("not VP9, or too large")
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        decoder.thread_count = 1
        frames = (frame for packet in film.demux(stream) for frame in decoder.decode(packet if packet.size else None))
        rate = float(stream.average_rate or _SMOOTH)
        _write(_pictures(frames), 1 / min(max(rate, 1.0), 60.0), target)


def photo(source: BinaryIO, target: Path) -> None:
    """The first picture of a HEIC file to JPEG, upright, in its own colours; no place, device or time is written on."""
    import pi_heif  # noqa: PLC0415 - loaded before

    file = pi_heif.open_heif(source, convert_hdr_to_8bit=True)
    width, height = file.size
    if width * height > _MOST_PHOTO:
        raise UnfitError("too large")
    colours = file.info.get("icc_profile")
    picture = file.to_pillow()
    opaque = picture if picture.mode == "RGB" else picture.convert("RGB")
    opaque.save(target, "JPEG", quality=_QUALITY, icc_profile=colours)


def _pictures(frames: "Iterable[VideoFrame]") -> "Iterator[Image]":
    from PIL import Image  # noqa: PLC0415 - loaded before

    for number, frame in enumerate(frames):
        if number >= _MOST_FRAMES or max(frame.width, frame.height) > _MOST_PIXELS:
            raise UnfitError("too long, or too large")
        scale = _SIDE / max(frame.width, frame.height)
        width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        plane = frame.reformat(width=width, height=height, format="rgba").planes[0]
        yield Image.frombuffer("RGBA", (width, height), bytes(plane), "raw", "RGBA", plane.line_size, 1)


def _write(pictures: "Iterable[Image]", seconds: float, target: Path) -> None:
    """Pictures that each show for so many seconds, over and over."""
    first, *others = pictures
    first.save(
        target, "WEBP", save_all=True, append_images=others, duration=max(1, round(seconds * 1000)), loop=0, method=2
    )


#: What each takes, and how it goes.
CONVERSIONS: Final[dict[str, tuple[Callable[[], None], Callable[[BinaryIO, Path], None]]]] = {
    "audio/ogg": (load_ffmpeg, voice),
    "application/x-tgsticker": (_load_lottie, animated_sticker),
    "video/webm": (_load_film, video_sticker),
    **dict.fromkeys(HEIF, (_load_photo, photo)),
}
