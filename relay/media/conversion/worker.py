"""`python -m relay.conversion.worker TYPE SOURCE TARGET`: one conversion, in a process that has nothing to lose.

The source is a stranger's and may be made to break whoever reads it. So this process has no secrets and no connections,
limits of its own on time, memory and file size that hold even if the relay dies, and a forced format for each type:
FFmpeg would otherwise guess, and some formats name other files and addresses to read. Exit status 0: the target is
complete and on disk.
"""

import json
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from relay.media.confinement import confine
from relay.media.conversion.forms import longest
from relay.media.conversion.layers import check_layers

if TYPE_CHECKING:
    from av import VideoFrame
    from PIL.Image import Image

#: A sticker takes 300 MiB of address space, most of it libraries.
LIMITS: Final = {"memory": 512 * 2**20, "writes": 64 * 2**20}

_RATE: Final = 48_000  #: Samples a second, Opus's own.
_BITS: Final = 64_000  #: A second.

_SIDE: Final = 256  #: Pixels; Telegram's own clients show stickers so large.
_SMOOTH: Final = 30  #: Frames a second.
_MOST_FRAMES: Final = 300
_MOST_SECONDS: Final = 10  #: Telegram allows three.
_MOST_PIXELS: Final = 1024  #: Of a side.
_MOST_JSON: Final = 8 * 2**20  #: Bytes of an unpacked sticker; Telegram allows 64 KB packed.


class UnfitError(Exception):
    """The source is not what its type says, or more than Telegram allows."""


def main(arguments: list[str]) -> int:
    """Convert one file."""
    source_type, source, target = arguments
    confine(**LIMITS, seconds=longest(source_type))
    CONVERSIONS[source_type](Path(source), Path(target))
    with Path(target).open("rb") as written:
        os.fsync(written.fileno())
        return 0 if os.fstat(written.fileno()).st_size else 1


def voice(source: Path, target: Path) -> None:
    """Ogg with Opus to AAC in m4a, playable from its first bytes."""
    import av  # noqa: PLC0415 - after the limits are set

    samples = 0
    with (
        source.open("rb") as raw,
        av.open(raw, "r", format="ogg") as heard,
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


def animated_sticker(source: Path, target: Path) -> None:
    """Compressed Lottie to animated WebP."""
    from rlottie_python.rlottie_wrapper import LottieAnimation  # noqa: PLC0415 - after the limits are set

    unpacker = zlib.decompressobj(wbits=31)
    drawing = json.loads(unpacker.decompress(source.read_bytes(), _MOST_JSON))
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


def video_sticker(source: Path, target: Path) -> None:
    """A VP9 film with transparency to animated WebP. FFmpeg's own decoder ignores transparency; libvpx does not."""
    import av  # noqa: PLC0415 - after the limits are set

    with source.open("rb") as raw, av.open(raw, "r", format="matroska") as film:
        stream = film.streams.video[0]
        context = stream.codec_context
        if context.name != "vp9" or max(context.width, context.height) > _MOST_PIXELS:
            raise UnfitError("not VP9, or too large")
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        decoder.thread_count = 1
        frames = (frame for packet in film.demux(stream) for frame in decoder.decode(packet if packet.size else None))
        rate = float(stream.average_rate or _SMOOTH)
        _write(_pictures(frames), 1 / min(max(rate, 1.0), 60.0), target)


def _pictures(frames: "Iterable[VideoFrame]") -> "Iterator[Image]":
    from PIL import Image  # noqa: PLC0415 - after the limits are set

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


CONVERSIONS: Final[dict[str, Callable[[Path, Path], None]]] = {
    "audio/ogg": voice,
    "application/x-tgsticker": animated_sticker,
    "video/webm": video_sticker,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
