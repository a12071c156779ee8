"""Real media files, small and made here: pictures by Pillow, sound and films by FFmpeg."""

import io
from functools import cache
from typing import Final

import av
from PIL import Image

TITLE: Final = "Été № 5"
PERFORMER: Final = "Оркестр"


@cache
def picture(form: str, width: int = 64, height: int = 48, *, progressive: bool = False, turned: bool = False) -> bytes:
    """A picture of a few colours; `turned` says in its Exif data that it lies on its side."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 6
    options = {"progressive": progressive, "exif": exif} if form == "JPEG" else {}
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@cache
def moving(width: int = 60, height: int = 40, pictures: int = 4) -> bytes:
    """A GIF of 0.3 s a picture."""
    images = [Image.new("RGB", (width, height), (60 * number, 0, 0)) for number in range(pictures)]
    file = io.BytesIO()
    images[0].save(file, "GIF", save_all=True, append_images=images[1:], duration=300, loop=0)
    return file.getvalue()


@cache
def film(width: int = 640, height: int = 360, seconds: int = 2) -> bytes:
    """An MP4 of H.264, ten pictures a second."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(seconds * 10):
            image = Image.new("RGB", (width, height), (number * 10 % 255, 80, 120))
            frame = av.VideoFrame.from_image(image)  # type: ignore[no-untyped-call]  # PyAV's own gap
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


@cache
def sound(form: str, codec: str, seconds: int = 3, *, tagged: bool = False) -> bytes:
    """Silence in a container of FFmpeg's, with or without title and performer."""
    tags: dict[str, str] = {"title": TITLE, "artist": PERFORMER} if tagged else {}
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        container.metadata.update(tags)
        stream = container.add_stream(codec, rate=48_000)
        assert isinstance(stream, av.AudioStream)
        for number in range(seconds * 50):
            frame = av.AudioFrame(format=stream.codec_context.format.name, layout="stereo", samples=960)
            frame.sample_rate, frame.pts = 48_000, number * 960
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def mp3() -> bytes:
    return sound("mp3", "libmp3lame", tagged=True)


def m4a() -> bytes:
    return sound("ipod", "aac", tagged=True)


def opus() -> bytes:
    return sound("ogg", "libopus")
