"""Files at Telegram: what a message says about them, getFile, and the download links with their hour to live.

https://core.telegram.org/bots/api#getfile
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from relay.sandbox.shared.content import Content, png
from relay.sandbox.telegram.refusal import bad_request

Kind = Literal["photo", "video", "animation", "audio", "voice", "document", "video_note", "sticker"]

DOWNLOAD_LIMIT = 20 << 20  #: Bytes that the cloud server lets a bot download.
LOCAL_LIMIT = 2000 << 20  #: Bytes that a server in local mode lets it download.
LINK_TTL = 3600.0  #: Seconds that a download link lasts at least; here exactly.


@dataclass(frozen=True, slots=True)
class KindFacts:
    """What the kinds of file differ in."""

    id_prefix: str
    folder: str
    suffix: str
    mime_type: str | None
    details: dict[str, Any]


FACTS: dict[Kind, KindFacts] = {
    "photo": KindFacts("AgACAgIAAx", "photos", ".jpg", None, {"width": 800, "height": 600}),
    "video": KindFacts("BAACAgIAAx", "videos", ".mp4", "video/mp4", {"width": 640, "height": 360, "duration": 5}),
    "animation": KindFacts(
        "CgACAgIAAx", "animations", ".mp4", "video/mp4", {"width": 320, "height": 240, "duration": 2}
    ),
    "audio": KindFacts("CQACAgIAAx", "music", ".mp3", "audio/mpeg", {"duration": 180}),
    "voice": KindFacts("AwACAgIAAx", "voice", ".oga", "audio/ogg", {"duration": 3}),
    "document": KindFacts("BQACAgIAAx", "documents", "", "application/octet-stream", {}),
    "video_note": KindFacts("DQACAgIAAx", "video_notes", ".mp4", None, {"length": 240, "duration": 4}),
    "sticker": KindFacts(
        "CAACAgIAAx",
        "stickers",
        ".webp",
        None,
        {"type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False},
    ),
}


@dataclass(slots=True)
class StoredFile:
    """A file that Telegram keeps."""

    file_id: str
    file_unique_id: str
    kind: Kind
    path: str
    content: Content
    size: int  #: As messages state it; it may differ from the content's.
    link_until: float = 0.0
    alive: bool = True


class FileStore:
    """All files of one look-alike."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.download_limit = DOWNLOAD_LIMIT
        self.link_ttl = LINK_TTL
        self.local: Path | None = None  #: Where a server in local mode keeps this bot's files, for getFile to name.
        self._by_id: dict[str, StoredFile] = {}
        self._by_path: dict[str, StoredFile] = {}

    def keep(self, kind: Kind, content: Content, *, name: str | None = None, size: int | None = None) -> StoredFile:
        """Store a file and give it its ids. `name` decides the suffix of a document's path."""
        facts = FACTS[kind]
        number = len(self._by_id) + 1
        suffix = facts.suffix or PurePosixPath(name or "").suffix
        stored = StoredFile(
            file_id=f"{facts.id_prefix}{number:08d}_-{number * 7919 % 9973:04d}AAQ",
            file_unique_id=f"AQAD{number:08d}",
            kind=kind,
            path=f"{facts.folder}/file_{number}{suffix}",
            content=content,
            size=content.size if size is None else size,
        )
        self._by_id[stored.file_id] = self._by_path[stored.path] = stored
        return stored

    def __contains__(self, file_id: str) -> bool:
        return file_id in self._by_id

    def __getitem__(self, file_id: str) -> StoredFile:
        return self._by_id[file_id]

    def get_file(self, file_id: str) -> dict[str, Any]:
        """The File object; its link lives from now on. Raises Refused as the API does."""
        stored = self._by_id.get(file_id)
        if stored is None:  # https://github.com/tdlib/telegram-bot-api/issues/359
            raise bad_request("invalid file_id")
        if not stored.alive:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        if stored.size > self.download_limit:
            raise bad_request("file is too big")
        stored.link_until = self.clock() + self.link_ttl
        path = stored.path if self.local is None else str(_written(stored, self.local))
        return _identity(stored) | {"file_path": path}

    def at(self, path: str) -> StoredFile | None:
        """The file behind a download link, unless the link is unknown or over."""
        stored = self._by_path.get(path)
        if stored is None or not stored.alive or self.clock() >= stored.link_until:
            return None
        return stored

    def expire_links(self) -> None:
        """End every download link; the file ids stay good."""
        for stored in self._by_id.values():
            stored.link_until = 0.0

    def describe(
        self, kind: Kind, stored: StoredFile, *, name: str | None = None, mime_type: str | None = None
    ) -> dict[str, Any]:
        """The fields of a message that carries this file: a photo's sizes, an animation's second face as a document."""
        facts = FACTS[kind]
        if kind == "photo":
            return {"photo": self._sizes(stored)}
        media = _identity(stored) | facts.details
        mime = mime_type or facts.mime_type
        if mime is not None:
            media["mime_type"] = mime
        if name is not None and kind not in ("voice", "video_note", "sticker"):
            media["file_name"] = name
        if kind in ("video", "animation", "video_note"):
            media["thumbnail"] = self._thumbnail()
        if kind == "animation":
            document = {key: media[key] for key in media if key not in facts.details}
            return {"animation": media, "document": document}
        return {kind: media}

    def _sizes(self, largest: StoredFile) -> list[dict[str, Any]]:
        smaller = [(90, 67, largest.size // 20 + 1), (320, 240, largest.size // 4 + 1)]
        sizes = [
            _identity(self.keep("photo", Content.of(size))) | {"width": width, "height": height}
            for width, height, size in smaller
        ]
        return [*sizes, _identity(largest) | FACTS["photo"].details]

    def _thumbnail(self) -> dict[str, Any]:
        return _identity(self.keep("photo", Content.of(png(32, 18)))) | {"width": 32, "height": 18}


def _written(stored: StoredFile, directory: Path) -> Path:
    """The file on disk, where it is written once, and again after it was deleted."""
    path = directory / stored.path
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(stored.content.chunks())
    return path


def _identity(stored: StoredFile) -> dict[str, Any]:
    return {"file_id": stored.file_id, "file_unique_id": stored.file_unique_id, "file_size": stored.size}
