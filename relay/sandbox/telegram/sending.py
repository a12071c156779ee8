"""What each sending method checks and what message comes of it."""

import struct
from typing import TYPE_CHECKING, Any

from relay.sandbox.shared.content import Content
from relay.sandbox.telegram.call import Upload
from relay.sandbox.telegram.files import FileStore, Kind, StoredFile
from relay.sandbox.telegram.html import read_html
from relay.sandbox.telegram.keyboards import check_markup
from relay.sandbox.telegram.methods import needed, utf16_length
from relay.sandbox.telegram.refusal import Refused, bad_request

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT_LIMIT = 4096  #: UTF-16 units.
CAPTION_LIMIT = 1024  #: UTF-16 units.
PHOTO_LIMIT = 10 << 20  #: Bytes.
STICKER_LIMIT = 512 << 10  #: Bytes of a still one.
THUMBNAIL_LIMIT = 200 * 1000  #: Bytes.
ALBUM = range(2, 11)

Fields = dict[str, Any]  #: What a message holds beside its frame.

_FILE_METHODS: dict[str, Kind] = {
    "sendPhoto": "photo",
    "sendVideo": "video",
    "sendAnimation": "animation",
    "sendAudio": "audio",
    "sendVoice": "voice",
    "sendDocument": "document",
    "sendVideoNote": "video_note",
    "sendSticker": "sticker",
}
_ALBUM_KINDS: dict[str, Kind] = {"photo": "photo", "video": "video", "audio": "audio", "document": "document"}
_ALBUM_COMMON = "type media caption parse_mode caption_entities"
_SEEN = "show_caption_above_media has_spoiler"
_ALBUM_FIELDS = {
    "photo": f"{_ALBUM_COMMON} {_SEEN}",
    "video": f"{_ALBUM_COMMON} {_SEEN} thumbnail cover start_timestamp width height duration supports_streaming",
    "audio": f"{_ALBUM_COMMON} thumbnail duration performer title",
    "document": f"{_ALBUM_COMMON} thumbnail disable_content_type_detection",
}
_ALBUM_ITEM = {kind: frozenset(fields.split()) for kind, fields in _ALBUM_FIELDS.items()}
_ACTIONS = (
    "typing upload_photo record_video upload_video record_voice upload_voice upload_document choose_sticker"
    " find_location record_video_note upload_video_note"
)
_TOLD = ("duration", "width", "height", "title", "performer")  #: What the bot may say of a file.
ACTIONS = frozenset(_ACTIONS.split())


class Sending:
    """Turns checked parameters into the contents of messages. Everything it raises is a Refused."""

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self.photo_limit = PHOTO_LIMIT
        self.checks_pictures = True  #: Refuse photos that are no pictures, or too wide, as the real server does.
        self._builders: dict[str, Callable[[Fields, dict[str, Upload]], list[Fields]]] = {
            "sendMessage": self._text,
            "sendMediaGroup": self._album,
            "sendLocation": self._location,
            "sendVenue": self._venue,
            "sendContact": self._contact,
        }

    def sends(self, method: str) -> bool:
        """Whether the method puts messages into a chat."""
        return method in self._builders or method in _FILE_METHODS

    def contents(self, method: str, params: Fields, uploads: dict[str, Upload]) -> list[Fields]:
        """One set of message fields for each message that the method sends."""
        check_markup(params.get("reply_markup"))
        builder = self._builders.get(method)
        if builder is not None:
            return builder(params, uploads)
        kind = _FILE_METHODS[method]
        return [self._media(kind, params, uploads.get(kind) or needed(params, kind), uploads)]

    def _text(self, params: Fields, _: dict[str, Upload]) -> list[Fields]:
        text, entities = formatted(params, "text")
        if not text.strip():
            raise bad_request("message text is empty")
        if utf16_length(text) > TEXT_LIMIT:
            raise bad_request("message is too long")
        return [{"text": text} | ({"entities": entities} if entities else {})]

    def _media(self, kind: Kind, params: Fields, file: Upload | str, uploads: dict[str, Upload]) -> Fields:
        caption, entities = formatted(params, "caption")
        if utf16_length(caption) > CAPTION_LIMIT:
            raise bad_request("message caption is too long")
        stored, upload = self._resolve(kind, file, uploads)
        name, mime = (upload.file_name, upload.content_type) if upload else (None, None)
        fields = self._files.describe(kind, stored, name=name, mime_type=mime)
        if kind in fields and kind != "photo":
            fields[kind] |= {name: params[name] for name in _TOLD if name in params}
        if thumbnail := params.get("thumbnail"):
            check_thumbnail(thumbnail, uploads)
        fields |= {"caption": caption} if caption else {}
        return fields | ({"caption_entities": entities} if entities else {})

    def _resolve(self, kind: Kind, file: Upload | str, uploads: dict[str, Upload]) -> tuple[StoredFile, Upload | None]:
        if isinstance(file, str) and file.startswith("attach://"):
            name = file.removeprefix("attach://")
            if name not in uploads:
                raise bad_request(f'file "{name}" was not uploaded')
            file = uploads[name]
        if isinstance(file, Upload):
            self._check_upload(kind, file)
            return self._files.keep(kind, file.content, name=file.file_name), file
        if file.startswith(("http://", "https://")):
            # Telegram would fetch it itself, unreliably and without our credentials: the relay must upload bytes.
            raise bad_request("failed to get HTTP URL content")
        if file not in self._files:
            raise bad_request("wrong remote file identifier specified: can't unserialize it")
        stored = self._files[file]
        if stored.kind != kind:
            raise bad_request(f"can't use file of type {stored.kind} as {kind}")
        return stored, None

    def _check_upload(self, kind: Kind, upload: Upload) -> None:
        if upload.size == 0:
            raise bad_request("file must be non-empty")
        if kind == "sticker" and self.checks_pictures:
            check_sticker(upload.content)
        if kind != "photo":
            return
        if upload.size > self.photo_limit:
            raise bad_request(f"file is too big for a photo; the maximum size is {self.photo_limit} bytes")
        if self.checks_pictures:
            check_picture(upload.content)

    def _album(self, params: Fields, uploads: dict[str, Upload]) -> list[Fields]:
        media = needed(params, "media")
        if len(media) not in ALBUM:
            raise bad_request("media group must include 2-10 items")
        kinds = [check_album_item(item) for item in media]
        alone = {kind for kind in kinds if kind in ("audio", "document")}
        if alone and len(set(kinds)) > 1:
            raise bad_request("documents and audio can't be mixed with other media types in one album")
        named = {str(item.get(part)).removeprefix("attach://") for item in media for part in ("media", "thumbnail")}
        if spare := uploads.keys() - named:
            raise bad_request(f'upload "{min(spare)}" belongs to no item of the album')
        return [
            self._media(kind, item, needed(item, "media"), uploads) for kind, item in zip(kinds, media, strict=True)
        ]

    def _location(self, params: Fields, _: dict[str, Upload]) -> list[Fields]:
        return [{"location": place(params)}]

    def _venue(self, params: Fields, _: dict[str, Upload]) -> list[Fields]:
        venue = {"location": place(params), "title": needed(params, "title"), "address": needed(params, "address")}
        if not venue["title"].strip() or not venue["address"].strip():
            raise bad_request("venue title and address must be non-empty")
        return [{"venue": venue, "location": venue["location"]}]

    def _contact(self, params: Fields, _: dict[str, Upload]) -> list[Fields]:
        contact: Fields = {name: params[name] for name in ("last_name", "vcard") if name in params}
        contact |= {name: needed(params, name) for name in ("phone_number", "first_name")}
        if not contact["phone_number"].strip():
            raise bad_request("phone number must be non-empty")
        if not contact["first_name"].strip():
            raise bad_request("first name must be non-empty")
        return [{"contact": contact}]


def place(params: Fields) -> Fields:
    """A Location. Raises Refused for one that is not on Earth."""
    latitude, longitude = needed(params, "latitude"), needed(params, "longitude")
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise bad_request("location coordinates are out of range")
    return {"latitude": latitude, "longitude": longitude}


def check_album_item(item: object) -> Kind:
    """The kind of one InputMedia."""
    if not isinstance(item, dict) or item.get("type") not in _ALBUM_KINDS:
        raise bad_request("wrong InputMedia in the album")
    unknown = item.keys() - _ALBUM_ITEM[item["type"]]
    if unknown:
        raise bad_request(f'an album\'s {item["type"]} has no field "{min(unknown)}"')
    if not isinstance(item.get("caption", ""), str) or not isinstance(item.get("media"), str):
        raise bad_request("InputMedia caption and media must be strings")
    return _ALBUM_KINDS[item["type"]]


def formatted(params: Fields, name: str) -> tuple[str, list[Fields]]:
    """The text of this parameter as people see it, and its entities. Only HTML is read, and what is given."""
    text, mode = params.get(name, ""), params.get("parse_mode")
    check_parse_mode(mode)
    if isinstance(mode, str) and mode.lower() == "html":
        return read_html(text)
    return text, params.get("entities" if name == "text" else "caption_entities", [])


def check_parse_mode(mode: str | None) -> None:
    """One of the three that there are."""
    if mode is not None and mode.lower() not in ("html", "markdown", "markdownv2"):
        raise bad_request("unsupported parse_mode")


def check_picture(content: Content) -> None:
    """Photos must be pictures; a PNG's sides are looked at too (sum at most 10000, ratio at most 20)."""
    head = next(content.chunks(0, 64), b"")
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        if width + height > 10_000 or max(width, height) > 20 * max(1, min(width, height)):
            raise Refused(400, "Bad Request: PHOTO_INVALID_DIMENSIONS")
        return
    webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    if not webp and not head.startswith((b"\xff\xd8\xff", b"GIF8", b"BM")):
        raise Refused(400, "Bad Request: IMAGE_PROCESS_FAILED")


def check_thumbnail(named: str, uploads: dict[str, Upload]) -> None:
    """A small JPEG of this very request. The real server leaves out what is none; a test should see it."""
    upload = uploads.get(named.removeprefix("attach://"))
    if upload is None:
        raise bad_request(f'thumbnail "{named}" was not uploaded')
    if upload.size > THUMBNAIL_LIMIT or next(upload.content.chunks(0, 3), b"") != b"\xff\xd8\xff":
        raise bad_request("a thumbnail must be a JPEG of at most 200 kB")


def check_sticker(content: Content) -> None:
    """Stickers must be WebP pictures of at most 512 KB; anything else the real server would send as a plain file."""
    head = next(content.chunks(0, 64), b"")
    if not head.startswith(b"RIFF") or head[8:12] != b"WEBP":
        raise bad_request("wrong file type: a sticker must be a WebP picture")
    if content.size > STICKER_LIMIT:
        raise Refused(400, "Bad Request: STICKER_FILE_TOO_BIG")
