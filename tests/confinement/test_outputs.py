"""Confinement changes nothing of what honest files become, and a dishonest one kills its child and nobody else."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Final

import av
import pytest

from relay.media.subprocesses import run_child
from tests import media
from tests.inspection.made import film, m4a, moving, mp3, opus

CONVERTER: Final = "relay.media.conversion.worker"
LOOK: Final = "relay.media.inspection.look"
STICKERS: Final = Path(__file__).parents[1] / "samples" / "stickers"


SUBTITLES: Final = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def film_with_subtitles() -> bytes:
    """A film with a stream that nobody asks for: PyAV loads a part of itself for each kind of stream that it meets."""
    raw = io.BytesIO()
    with av.open(io.BytesIO(film()), "r") as seen, av.open(raw, "w", format="mp4") as made:
        picture = made.add_stream_from_template(seen.streams.video[0])
        words = made.add_stream("mov_text")
        words.codec_context.subtitle_header = SUBTITLES
        for packet in seen.demux(seen.streams.video[0]):
            if packet.size:
                packet.stream = picture
                made.mux(packet)
        line = av.Packet(b"\0\x02hi")
        line.stream, line.pts, line.dts, line.duration = words, 0, 0, 1000
        made.mux(line)
    return raw.getvalue()


HONEST: Final[dict[str, tuple[Callable[[], bytes], tuple[str, str]]]] = {
    "voice": (lambda: media.voice(3.0), (CONVERTER, "audio/ogg")),
    "animated sticker": (lambda: media.animated_sticker(60), (CONVERTER, "application/x-tgsticker")),
    "video sticker": (lambda: media.video_sticker(10), (CONVERTER, "video/webm")),
    "photo": (lambda: media.HEIC, (CONVERTER, "image/heic")),
    "film": (film, (LOOK, "mp4")),
    "film with subtitles": (film_with_subtitles, (LOOK, "mp4")),
    "moving picture": (moving, (LOOK, "gif")),
    "music": (mp3, (LOOK, "mp3")),
    "music in m4a": (m4a, (LOOK, "mp4")),
    "speech": (opus, (LOOK, "ogg")),
}


@pytest.mark.parametrize("name", HONEST)
async def test_honest_work_comes_out_the_same(tmp_path: Path, name: str) -> None:
    """Byte for byte, and in what is said of it. All code was loaded before the file was looked into."""
    make, work = HONEST[name]
    source, late = tmp_path / "source", tmp_path / "late"
    source.write_bytes(make())
    confined, free = tmp_path / "confined", tmp_path / "free"
    inside = await run_child(work[0], source, confined, work[1], seconds=50)
    outside = await run_child("tests.confinement.free", source, free, str(late), *work, seconds=50)
    assert inside == outside
    assert inside[0] == 0
    assert confined.read_bytes() == free.read_bytes()
    assert inside[1] or confined.stat().st_size
    assert late.read_text() == ""


DEADLY: Final = {sample.stem: sample.read_bytes() for sample in sorted(STICKERS.iterdir())}


@pytest.mark.parametrize("sample", DEADLY.values(), ids=DEADLY)
async def test_a_sticker_that_breaks_its_reader_ends_a_child(tmp_path: Path, sample: bytes) -> None:
    """Few bytes that make rlottie read what is not its own: the kernel ends the child, and nothing is left of it."""
    (tmp_path / "source").write_bytes(gzip.compress(sample))
    told = ("application/x-tgsticker",)
    code, printed = await run_child(CONVERTER, tmp_path / "source", tmp_path / "result", *told, seconds=50)
    assert code < 0
    assert printed == b""
    assert (tmp_path / "result").read_bytes() == b""
