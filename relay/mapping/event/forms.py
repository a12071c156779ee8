"""In which form agents get a file, which depends on what this installation can convert. Pure."""

from collections.abc import Mapping
from typing import Final

from relay.kit.limits import MediaKind
from relay.mapping.content.content import STILL, File
from relay.model import Media

#: Kit's kind of what something was converted into, by the first word of its type.
_KINDS: Final[Mapping[str, MediaKind]] = {"audio": "audio", "image": "photo", "video": "video"}


def shown(file: File, media_id: str, forms: Mapping[str, str]) -> tuple[MediaKind, Media] | None:
    """What Kit calls the file and what its link opens; None if no browser could show anything of it.

    `forms` says, by media type, into which other one the relay can convert it. A file that is too large for that, or
    whose form is not among them, is handed out as it came, or by its preview.
    """
    target, name = file.target(forms), file.shown_name(forms)
    if target is not None:
        kind = _KINDS[target.partition("/")[0]]
        source = Media(media_id, file.file_id, name, target, file.size, file.mime_type, file.preview or None)
        return kind, source
    if file.showable:
        return file.kind, Media(media_id, file.file_id, name, file.mime_type, file.size)
    if not file.preview:
        return None
    return "photo", Media(media_id, file.preview, name, STILL, None)
