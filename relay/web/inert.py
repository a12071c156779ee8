"""Headers for strangers' files: whatever they hold, nothing of it runs in an agent's browser.

A type that can carry script (HTML, SVG, XML, ...) is not merely sandboxed but never named: it leaves as
application/octet-stream, to be saved. `nosniff` keeps browsers from guessing it back.
"""

from typing import Final
from urllib.parse import quote

from relay.media.names import fit_name
from relay.model import Media

#: Shown or played in the page.
_INLINE: Final = frozenset(
    {
        *("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp", "image/heic", "image/heif"),
        *("video/mp4", "video/webm", "video/quicktime", "video/ogg", "video/mpeg", "video/3gpp", "video/x-matroska"),
        *("audio/ogg", "audio/opus", "audio/mpeg", "audio/mp3", "audio/mp4", "audio/x-m4a", "audio/m4a", "audio/aac"),
        *("audio/wav", "audio/x-wav", "audio/flac", "audio/x-flac", "audio/webm", "audio/3gpp", "audio/amr"),
    }
)
#: Saved, under their own type, so that the agent's computer opens them with the right program.
_SAVED: Final = frozenset(
    {
        *("application/pdf", "application/zip", "application/msword", "application/vnd.ms-excel", "text/csv"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "text/plain",
    }
)

#: Sent with every answer of the media routes. A browser that opens a picture, a sound or a film on its own page builds
#: a document around it, which needs these three sources; `sandbox` still gives it a foreign origin and no script.
SAFETY: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'"
    ),
    "Cross-Origin-Resource-Policy": "cross-origin",  # Kit's desk shows the files in its own pages.
    "Referrer-Policy": "no-referrer",
}


def content_headers(media: Media) -> dict[str, str]:
    """The headers of an answer that carries the file."""
    kind = media.mime_type.partition(";")[0].strip().lower()
    inline = kind in _INLINE
    if not inline and kind not in _SAVED:
        kind = "application/octet-stream"
    return {
        **SAFETY,
        "Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "Content-Disposition": disposition("inline" if inline else "attachment", media.name),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=3600",
    }


def disposition(how: str, name: str) -> str:
    """A Content-Disposition that any browser reads: https://www.rfc-editor.org/rfc/rfc6266#section-4.3."""
    fit = fit_name(name.replace("/", "_").replace("\\", "_"))
    plain = "".join(character if character.isascii() and character not in '"%' else "_" for character in fit)
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(fit, safe='')}"
