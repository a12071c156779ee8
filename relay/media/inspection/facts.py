"""What stands in a media file: how long it is, how large its picture, who plays."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from relay.media.inspection.look import PREVIEW_SIZE
from relay.media.inspection.worker import in_child, is_installed

#: FFmpeg's demuxers, by our names of formats.
_DEMUXERS: Final = {"mp4": "mp4", "m4a": "mp4", "mp3": "mp3", "opus": "ogg", "gif": "gif"}
#: Seconds that looking may take, waiting for a free child not included.
_PATIENCE: Final = 20.0
_LONGEST_WORDS: Final = 128  #: Characters.
_MOST: Final = 2**31 - 1

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a file; None for what is not."""

    duration: int | None = None  #: Seconds, at least 1.
    width: int | None = None  #: Pixels, as it is seen.
    height: int | None = None
    title: str | None = None
    performer: str | None = None
    preview: Path | None = None  #: A JPEG of at most 320 by 320 pixels and 200 kB.


async def facts_of(path: Path, form: str, preview: Path) -> Facts:
    """What stands in the file of this format ("mp4", "m4a", "mp3", "opus", "gif"); its picture goes to `preview`.

    Never raises for what is in the file: of what cannot be read, or without the extra `media`, nothing is known.
    """
    if form not in _DEMUXERS or not is_installed():
        return Facts()
    program, demuxer = "relay.media.inspection.look", _DEMUXERS[form]
    try:
        code, printed = await in_child(program, path, preview, demuxer, seconds=_PATIENCE)
    except OSError as error:  # no process to be had: the file goes all the same
        log.warning("media.not_inspected", reason=error.strerror)
        return Facts()
    if code:
        log.info("media.not_inspected", reason=f"exit status {code}", format=form)
    return read_facts(printed, preview)


def read_facts(printed: bytes, preview: Path) -> Facts:
    """The last whole line of what the child printed, believed only as far as it makes sense."""
    found: dict[str, Any] = {}
    for line in printed.splitlines()[:2]:
        try:
            told = json.loads(line)
        except ValueError:
            break
        found = told if isinstance(told, dict) else {}
    width, height = _count(found.get("width")), _count(found.get("height"))
    return Facts(
        duration=_count(found.get("duration")),
        width=width if height else None,
        height=height if width else None,
        title=_words(found.get("title")),
        performer=_words(found.get("performer")),
        preview=preview if found.get("preview") is True and _is_preview(preview) else None,
    )


def _count(value: object) -> int | None:
    if not isinstance(value, int | float) or not math.isfinite(value) or not 0 < value <= _MOST:
        return None
    return max(1, round(value))


def _words(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    text = " ".join("".join(each for each in value if each.isprintable() or each.isspace()).split())
    return text[:_LONGEST_WORDS].strip() or None


def _is_preview(path: Path) -> bool:
    try:
        return 0 < path.stat().st_size <= PREVIEW_SIZE
    except OSError:
        return False
