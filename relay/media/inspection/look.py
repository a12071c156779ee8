"""Looks into one media file, in a child process, and prints, as a line of JSON, what stands in it.

Its argument is FFmpeg's name of a demuxer: it is never guessed, since playlists among the formats may name other files.
The result is what is in the picture, as a JPEG. A second, fuller line follows once a picture could be decoded.
"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn

from relay.media.confinement.limits import Limits
from relay.media.decoders import load_ffmpeg, load_pillow
from relay.media.work import Work

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_SECONDS: Final = 15  #: Of work, at most.
_SHORTEST: Final = 5  #: For the smallest file.
_BYTES_A_SECOND: Final = 2 * 2**20  #: That give another one.

PREVIEW_SIDE = 320  #: Pixels; https://core.telegram.org/bots/api#sendvideo
PREVIEW_SIZE = 200 * 1000  #: Bytes.
MOST_PIXELS = 8192 * 8192  #: Of a picture that is decoded.


def work(form: str) -> Work:
    """To look into a file of this format."""
    return Work(_load, partial(look, form), _limits)


def _limits(size: int) -> Limits:
    seconds = min(_SECONDS, _SHORTEST + size // _BYTES_A_SECOND)
    return Limits(memory=2**30, writes=2**20, work=seconds, time=_SECONDS)


def _load() -> None:
    load_ffmpeg()
    load_pillow()


def look(form: str, file: BinaryIO, preview: Path) -> int:
    """Print what stands in the file."""
    import av  # noqa: PLC0415 - loaded before

    options = {"protocol_whitelist": "none"}
    with av.open(file, "r", format=form, options=options, io_open=_refuse, metadata_errors="replace") as container:
        facts = _facts(container)
        covers = av.stream.Disposition.attached_pic
        videos = [stream for stream in container.streams.video if not stream.disposition & covers]
        if videos:
            facts |= {"width": videos[0].codec_context.width, "height": videos[0].codec_context.height}
        _tell(facts)  # should the picture kill this process, so much is known
        if videos and 0 < videos[0].codec_context.width * videos[0].codec_context.height <= MOST_PIXELS:
            _tell(facts | _picture(container, videos[0], preview))
    return 0


def _tell(facts: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _refuse(*_: object) -> NoReturn:
    raise PermissionError


def _facts(container: "InputContainer") -> dict[str, object]:
    facts: dict[str, object] = {}
    if container.duration:
        facts["duration"] = container.duration / 1_000_000  # FFmpeg's AV_TIME_BASE
    tags = {name.lower(): value for stream in container.streams for name, value in stream.metadata.items()}
    tags |= {name.lower(): value for name, value in container.metadata.items()}
    facts |= {ours: tags[theirs] for ours, theirs in (("title", "title"), ("performer", "artist")) if theirs in tags}
    return facts


def _picture(container: "InputContainer", stream: "VideoStream", preview: Path) -> dict[str, object]:
    """The sides as they are seen, and whether there is a preview."""
    stream.codec_context.thread_count = 1
    frame = next(container.decode(stream), None)
    if frame is None:
        return {}
    turned = round(frame.rotation / 90) % 4
    sides = (frame.height, frame.width) if turned % 2 else (frame.width, frame.height)
    _save(frame, turned, preview)
    return {"width": sides[0], "height": sides[1], "preview": True}


def _save(frame: "VideoFrame", turned: int, preview: Path) -> None:
    scale = min(1.0, PREVIEW_SIDE / max(frame.width, frame.height))
    small = frame.reformat(max(1, int(frame.width * scale)), max(1, int(frame.height * scale)), "rgb24")
    image = small.to_image().rotate(90 * turned, expand=True)  # type: ignore[no-untyped-call]  # PyAV's own gap
    for quality in (85, 60, 30):
        image.save(preview, "JPEG", quality=quality)
        if preview.stat().st_size <= PREVIEW_SIZE:
            return
