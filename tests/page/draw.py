"""`python -m tests.page.draw` makes the demo's samples anew: pictures, portraits, a sticker, a voice message."""

import io
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Final

import av
from av.audio.frame import AudioFrame
from PIL import Image, ImageDraw, ImageFilter

from relay.sandbox.page.samples import FOLDER

Point = tuple[float, float]
Colour = str | tuple[int, ...]

_FINE: Final = 2  #: Drawn so much larger, and then made small: that smooths the edges.
_RATE: Final = 48_000
_TUNE: Final = (392.0, 523.3, 659.3, 587.3, 523.3, 440.0, 523.3)


class Board:
    """A drawing of width x height, in its own units."""

    def __init__(self, width: int, height: int, top: Colour, bottom: Colour) -> None:
        self.size = (width, height)
        self.image = Image.new("RGB", (width * _FINE, height * _FINE))
        ramp = Image.linear_gradient("L").resize(self.image.size)
        self.image.paste(Image.composite(_plain(self, bottom), _plain(self, top), ramp))

    def polygon(self, points: list[Point], fill: Colour) -> None:
        self._draw().polygon([(x * _FINE, y * _FINE) for x, y in points], fill=fill)

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        self._draw().ellipse([v * _FINE for v in (x - rx, y - ry, x + rx, y + ry)], fill=fill)

    def box(self, x: float, y: float, w: float, h: float, fill: Colour, radius: float = 0) -> None:
        self._draw().rounded_rectangle([v * _FINE for v in (x, y, x + w, y + h)], radius * _FINE, fill=fill)

    def line(self, points: list[Point], fill: Colour, width: float) -> None:
        self._draw().line([(x * _FINE, y * _FINE) for x, y in points], fill=fill, width=int(width * _FINE))

    def shadow(self, x: float, y: float, rx: float, ry: float) -> None:
        mask = Image.new("L", self.image.size)
        ImageDraw.Draw(mask).ellipse([v * _FINE for v in (x - rx, y - ry, x + rx, y + ry)], fill=110)
        self.image.paste(_plain(self, "#20160c"), mask=mask.filter(ImageFilter.GaussianBlur(18 * _FINE)))

    def jpeg(self, quality: int = 82) -> bytes:
        out = io.BytesIO()
        self.image.resize(self.size, Image.Resampling.LANCZOS).save(out, "JPEG", quality=quality, optimize=True)
        return out.getvalue()

    def _draw(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image)


def _plain(board: Board, colour: Colour) -> Image.Image:
    return Image.new("RGB", board.image.size, colour)


def _table(board: Board, edge: float) -> None:
    width, height = board.size
    board.polygon([(0, edge), (width, edge), (width, height), (0, height)], "#b98a5e")
    for number in range(6):
        y = edge + 14 + number * number * 9
        board.line([(0, y), (width, y + 3)], "#ad7f54", 3)


def parcel() -> bytes:
    board = Board(800, 600, "#e9e2d6", "#cfc3b1")
    _table(board, 390)
    board.shadow(410, 500, 270, 46)
    board.polygon([(200, 240), (420, 290), (420, 505), (200, 440)], "#c8945a")
    board.polygon([(420, 290), (630, 232), (630, 428), (420, 505)], "#a97541")
    board.polygon([(200, 240), (412, 190), (630, 232), (420, 290)], "#dcae74")
    board.polygon([(296, 217), (330, 209), (545, 255), (510, 265)], "#efe0b8")
    board.polygon([(510, 265), (545, 255), (545, 330), (510, 340)], "#e2cf9f")
    board.polygon([(200, 240), (266, 255), (250, 300), (282, 330), (236, 352), (200, 345)], "#5d3c1d")
    board.polygon([(266, 255), (250, 300), (282, 330), (300, 290)], "#e0b780")
    board.polygon([(200, 345), (236, 352), (222, 384), (200, 372)], "#b5824c")
    board.box(470, 360, 110, 70, "#f4efe4", 4)
    for number, width in enumerate((80, 60, 90, 44)):
        board.box(482, 372 + number * 13, width, 5, "#7d7468")
    return board.jpeg()


def corner() -> bytes:
    board = Board(800, 600, "#c8945a", "#b5824c")
    for number in range(40):
        board.line([(0, number * 15), (800, number * 15 + 8)], "#c08c53", 2)
    board.polygon([(0, 0), (430, 0), (380, 130), (500, 210), (350, 330), (410, 430), (210, 470), (0, 520)], "#3f2813")
    board.polygon([(430, 0), (380, 130), (500, 210), (560, 90)], "#e6c48d")
    board.polygon([(500, 210), (350, 330), (410, 430), (520, 350)], "#d7ab6c")
    board.polygon([(410, 430), (210, 470), (0, 520), (0, 575), (250, 540), (430, 480)], "#e0b780")
    board.ellipse(180, 250, 120, 105, "#d8dfe6")
    board.ellipse(180, 240, 92, 74, "#eef2f5")
    board.line([(120, 180), (170, 240), (150, 300), (210, 330)], "#5b6a78", 5)
    return board.jpeg()


def receipt() -> bytes:
    board = Board(800, 600, "#56697a", "#3e4f5e")
    board.shadow(410, 330, 200, 270)
    board.polygon([(250, 40), (560, 60), (545, 575), (235, 555)], "#fbfaf6")
    board.box(300, 84, 190, 22, "#2f3a44", 6)
    for number in range(7):
        board.box(285, 150 + number * 34, 120 - number % 3 * 22, 9, "#9aa3ab", 3)
        board.box(470, 152 + number * 34, 50, 9, "#77818a", 3)
    board.line([(275, 404), (525, 414)], "#77818a", 3)
    board.box(280, 430, 90, 15, "#2f3a44", 4)
    board.box(450, 434, 72, 15, "#2f3a44", 4)
    for number in range(26):
        board.box(290 + number * 8, 476, 2 + number * 7 % 5, 50, "#2f3a44")
    return board.jpeg()


def label() -> bytes:
    board = Board(800, 600, "#dcae74", "#c8945a")
    board.shadow(410, 320, 300, 220)
    board.box(130, 80, 540, 440, "#fdfcf8", 14)
    board.box(130, 80, 540, 84, "#0f766e", 14)
    board.box(130, 120, 540, 44, "#0f766e")
    board.polygon([(170, 104), (214, 104), (214, 94), (244, 120), (214, 146), (214, 136), (170, 136)], "#fdfcf8")
    board.box(430, 108, 200, 24, "#8cd0c7", 6)
    for number, width in enumerate((210, 260, 180)):
        board.box(170, 196 + number * 36, width, 16, "#3b4650", 5)
    board.box(520, 192, 110, 104, "#e6eae9", 10)
    board.box(545, 217, 60, 54, "#0f766e", 8)
    board.line([(170, 322), (630, 322)], "#cfd5d3", 3)
    for number in range(46):
        board.box(170 + number * 10, 346, 2 + number * 11 % 7, 110, "#20282f")
    board.box(270, 472, 260, 14, "#77818a", 5)
    return board.jpeg()


def portrait(top: str, bottom: str, skin: str, hair: str, shirt: str, *, long_hair: bool) -> bytes:
    board = Board(320, 320, top, bottom)
    if long_hair:
        board.ellipse(160, 150, 84, 92, hair)
        board.box(76, 150, 168, 112, hair, 40)
    board.ellipse(160, 348, 128, 108, shirt)
    board.box(134, 190, 52, 76, skin, 24)
    board.polygon([(128, 250), (160, 282), (192, 250), (186, 240), (134, 240)], skin)
    board.ellipse(160, 146, 62, 72, skin)
    if long_hair:
        board.polygon(
            [(96, 150), (108, 92), (160, 68), (214, 92), (224, 150), (196, 112), (150, 104), (116, 124)], hair
        )
    else:
        board.polygon([(96, 140), (98, 96), (134, 64), (196, 66), (224, 100), (223, 142), (206, 112), (140, 106)], hair)
    for x in (136, 184):
        board.ellipse(x, 150, 6, 7, "#2b2320")
    mouth = [(138 + n * 4.4, 178 + 10 * math.sin(math.pi * n / 10)) for n in range(11)]
    board.line(mouth, "#a04b43", 4)
    return board.jpeg(84)


def sticker() -> bytes:
    """A parcel that waves, with the white rim that stickers have."""
    shape = Image.new("RGBA", (1024, 1024))
    draw = ImageDraw.Draw(shape)
    draw.line([(760, 560), (880, 420), (900, 260)], fill="#a97541", width=56, joint="curve")
    draw.ellipse([850, 200, 950, 300], fill="#dcae74")
    draw.line([(270, 600), (160, 720)], fill="#a97541", width=56)
    draw.ellipse([110, 680, 210, 780], fill="#dcae74")
    draw.rounded_rectangle([250, 330, 790, 850], 60, fill="#c8945a")
    draw.polygon([(250, 400), (330, 260), (710, 260), (790, 400)], fill="#dcae74")
    draw.rectangle([470, 260, 570, 520], fill="#efe0b8")
    for x in (400, 640):
        draw.ellipse([x - 34, 560, x + 34, 640], fill="#3b2a1a")
        draw.ellipse([x - 12, 572, x + 12, 598], fill="white")
        draw.ellipse([x - 90 if x < 500 else x + 20, 650, x - 20 if x < 500 else x + 90, 700], fill="#e39a76")
    draw.chord([440, 610, 600, 750], 10, 170, fill="#7a2f26")
    for x in (370, 600):
        draw.rounded_rectangle([x, 830, x + 90, 920], 30, fill="#a97541")
    rim = shape.getchannel("A").filter(ImageFilter.MaxFilter(31)).filter(ImageFilter.GaussianBlur(5))
    whole = Image.new("RGBA", shape.size, (255, 255, 255, 0))
    whole.paste((255, 255, 255, 255), mask=rim)
    whole.alpha_composite(shape)
    out = io.BytesIO()
    whole.resize((384, 384), Image.Resampling.LANCZOS).save(out, "WEBP", quality=78, method=6)
    return out.getvalue()


def voice() -> bytes:
    """Two seconds of a tune in Opus, as Telegram's voice messages are."""
    out = io.BytesIO()
    with av.open(out, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=_RATE, layout="mono")
        stream.bit_rate = 20_000
        for start in range(0, 2 * _RATE, 960):
            samples = (_sound(position / _RATE) for position in range(start, start + 960))
            frame = AudioFrame(format="s16", layout="mono", samples=960)
            frame.planes[0].update(
                b"".join(int(32_000 * value).to_bytes(2, "little", signed=True) for value in samples)
            )
            frame.sample_rate, frame.pts, frame.time_base = _RATE, start, Fraction(1, _RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def _sound(second: float) -> float:
    length = 2 / len(_TUNE)
    number, within = divmod(second, length)
    pitch = _TUNE[min(int(number), len(_TUNE) - 1)]
    fade = math.exp(-4 * within / length) * min(1.0, within * 200)
    return 0.5 * fade * (math.sin(math.tau * pitch * second) + 0.3 * math.sin(2 * math.tau * pitch * second))


SAMPLES: Final[dict[str, Callable[[], bytes]]] = {
    "parcel.jpg": parcel,
    "corner.jpg": corner,
    "receipt.jpg": receipt,
    "label.jpg": label,
    "anna.jpg": lambda: portrait("#f6d9c8", "#e9b49a", "#f0c9a8", "#6b3f22", "#2f6f73", long_hair=True),
    "joao.jpg": lambda: portrait("#cfe3ea", "#9cc3d2", "#d9a878", "#2a211c", "#e9e4d8", long_hair=False),
    "maria.jpg": lambda: portrait("#e5dcf0", "#c5b3dc", "#f3d3bb", "#c79a4a", "#8a4f6d", long_hair=True),
    "sticker.webp": sticker,
    "voice.ogg": voice,
}

if __name__ == "__main__":
    for name, make in SAMPLES.items():
        (FOLDER / name).write_bytes(make())
