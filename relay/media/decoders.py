"""What decodes strangers' files, loaded whole: once a child is confined there is nothing left to load it from.

Only children call these. The relay itself loads no decoder.
"""
# ruff: noqa: F401, PLC0415 - imported for the import's sake, in a child only


def load_ffmpeg() -> None:
    """FFmpeg by PyAV, which loads a kind of stream or codec when it first meets one."""
    import av
    import av.audio.codeccontext
    import av.audio.stream
    import av.subtitles.codeccontext
    import av.subtitles.stream
    import av.video.codeccontext
    import av.video.stream


def load_pillow() -> None:
    """Pillow with the formats that are written here."""
    from PIL import Image, JpegImagePlugin, WebPImagePlugin

    Image.preinit()


def load_heif() -> None:
    """libheif, with its decoder of HEVC in it."""
    import pi_heif
    import pi_heif.heif
    import pi_heif.misc


def load_lottie() -> None:
    """Samsung's rlottie."""
    from rlottie_python.rlottie_wrapper import LottieAnimation
