"""Real voice messages and stickers, made here: what Telegram's own clients send."""

import array
import gzip
import io
import json
import math
from pathlib import Path
from typing import Any, Final

import av

#: A red corner on blue, upright only if the file's own turn is heeded, with the camera's name in it and a profile.
#: Made with pillow-heif, whose encoder the tests need not have.
HEIC: Final = (Path(__file__).parent / "samples" / "heic" / "turned.heic").read_bytes()

_RATE: Final = 48_000


def voice(seconds: float) -> bytes:
    """A tone, as Opus in Ogg."""
    raw = io.BytesIO()
    total = round(seconds * _RATE)
    tone = array.array("h", (round(8000 * math.sin(position / 20)) for position in range(960))).tobytes()
    with av.open(raw, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=_RATE, layout="mono")
        for position in range(0, total, 960):
            frame = av.AudioFrame(format="s16", layout="mono", samples=min(960, total - position))
            frame.sample_rate, frame.pts = _RATE, position
            plane = frame.planes[0]
            plane.update(tone[: frame.samples * 2].ljust(plane.buffer_size, b"\0"))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return raw.getvalue()


def lottie(frames: int = 60, **more: Any) -> dict[str, Any]:
    """A red bar that turns, 60 frames a second."""
    still = {"a": 0, "k": [0, 0, 0]}
    turning = [
        {"t": 0, "s": [0], "i": {"x": [0.5], "y": [0.5]}, "o": {"x": [0.5], "y": [0.5]}},
        {"t": frames, "s": [360]},
    ]
    full, whole = {"a": 0, "k": [100, 100, 100]}, {"a": 0, "k": 100}
    transform = {"o": whole, "r": {"a": 1, "k": turning}, "p": {"a": 0, "k": [256, 256, 0]}, "a": still, "s": full}
    bar = {"ty": "rc", "d": 1, "s": {"a": 0, "k": [300, 120]}, "p": still, "r": {"a": 0, "k": 20}}
    fill = {"ty": "fl", "c": {"a": 0, "k": [1, 0.2, 0.2, 1]}, "o": whole, "r": 1}
    group = {
        "ty": "gr",
        "it": [bar, fill, {"ty": "tr", "p": still, "a": still, "s": full, "r": {"a": 0, "k": 0}, "o": whole}],
    }
    layer = {"ddd": 0, "ind": 1, "ty": 4, "sr": 1, "ks": transform, "shapes": [group], "ip": 0, "op": frames, "st": 0}
    head = {"v": "5.5.2", "fr": 60, "ip": 0, "op": frames, "w": 512, "h": 512, "tgs": 1, "assets": []}
    return {**head, "layers": [layer], **more}


def animated_sticker(frames: int = 60, **more: Any) -> bytes:
    """The same, as Telegram packs it."""
    return gzip.compress(json.dumps(lottie(frames, **more)).encode())


def video_sticker(frames: int = 20, side: int = 512) -> bytes:
    """Red squares on transparent ground, as VP9 in WebM, 30 frames a second."""
    raw = io.BytesIO()
    with av.open(raw, "w", format="webm") as container:
        stream = container.add_stream("libvpx-vp9", rate=30, options={"deadline": "realtime", "cpu-used": "8"})
        stream.width = stream.height = side
        stream.pix_fmt = "yuva420p"
        for number in range(frames):
            frame = av.VideoFrame(side, side, "rgba")
            clear, red = bytes(4 * side), b"\xff\0\0\xff" * (side // 2) + bytes(4 * (side - side // 2))
            frame.planes[0].update(clear * number + red * (side // 2) + clear * (side - side // 2 - number))
            opaque = frame.reformat(format="yuva420p")
            opaque.pts = number
            container.mux(stream.encode(opaque))
        container.mux(stream.encode(None))
    return raw.getvalue()
