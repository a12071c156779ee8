"""In which form agents get a file: converted where the relay can, else as it came, else by its preview."""

from typing import Any

import pytest

from relay.kit.models import MediaItem
from relay.mapping.text.file_names import renamed
from relay.media.conversion import forms as conversions
from relay.model import LARGEST_CONVERTED, Accepted, Media
from tests.mapping.mapped import event_of, mapped, private, raw_sample

FORMS = {form.source: form.target for form in conversions.FORMS}
VOICE = {"file_id": "v", "file_unique_id": "u", "duration": 1, "mime_type": "audio/ogg", "file_size": 9}


def shown(raw: dict[str, Any], **context: Any) -> list[tuple[str, Media]]:
    """What Kit calls each file, and what its link opens."""
    outcome = mapped(raw, **context)
    assert isinstance(outcome, Accepted)
    items = event_of(outcome).event_data.message.payload or []
    assert [item.file_name for item in items if isinstance(item, MediaItem)] == [each.name for each in outcome.media]
    return [(item.type, media) for item, media in zip(items, outcome.media, strict=True)]


def test_a_voice_message_becomes_what_safari_plays() -> None:
    """Named by the minute (UTC) and the message's number, as m4a from the start; the row knows that it is Ogg."""
    [(kind, media)] = shown(raw_sample("voice"), forms=FORMS)
    assert (kind, media.name) == ("audio", "voice 2025-11-30 10.54 (51).m4a")
    assert (media.mime_type, media.source_type, media.preview) == ("audio/mp4", "audio/ogg", None)


def test_a_sticker_that_moves_is_a_picture_that_moves() -> None:
    """Lottie and transparent films alike, by the sticker's own id; an animated one knows its preview."""
    [(kind, animated)] = shown(raw_sample("sticker"), forms=FORMS)
    thumbnail = raw_sample("sticker")["message"]["sticker"]["thumbnail"]["file_id"]
    assert (kind, animated.file_id) == ("photo", raw_sample("sticker")["message"]["sticker"]["file_id"])
    assert (animated.mime_type, animated.source_type) == ("image/webp", "application/x-tgsticker")
    assert (animated.name, animated.preview) == ("sticker 2025-11-30 10.54 (56).webp", thumbnail)
    [(kind, film)] = shown(raw_sample("sticker_video"), forms=FORMS)
    assert (kind, film.mime_type, film.source_type) == ("photo", "image/webp", "video/webm")
    [(kind, lone)] = shown(raw_sample("sticker_no_preview"), forms=FORMS)
    assert (kind, lone.source_type, lone.preview) == ("photo", "application/x-tgsticker", None)


def test_without_the_parts_everything_is_called_what_it_is() -> None:
    """Ogg stays Ogg, a film a film; of an animated sticker the preview is shown, by its own id, or nothing."""
    [(kind, voice)] = shown(raw_sample("voice"))
    assert (kind, voice.name, voice.mime_type) == ("audio", "voice 2025-11-30 10.54 (51).ogg", "audio/ogg")
    [(kind, still)] = shown(raw_sample("sticker"))
    assert (kind, still.name, still.mime_type) == ("photo", "sticker 2025-11-30 10.54 (56).webp", "image/webp")
    assert still.file_id == raw_sample("sticker")["message"]["sticker"]["thumbnail"]["file_id"]
    [(kind, film)] = shown(raw_sample("sticker_video"))
    assert (kind, film.mime_type) == ("video", "video/webm")
    assert shown(raw_sample("sticker_no_preview")) == []
    assert {each.source_type for each in (voice, still, film)} == {None}


@pytest.mark.parametrize("media_type", ["image/heic", "image/heif", "image/heic-sequence", "application/octet-stream"])
def test_a_photo_of_an_iphone_is_a_photo(media_type: str) -> None:
    """HEIC sent as a file is a picture for every browser, where the relay can make it; else what it came as."""
    fields = {"document": {**VOICE, "mime_type": media_type, "file_name": "IMG_0001.HEIC"}}
    [(kind, photo)] = shown(private(**fields), forms=FORMS)
    assert (kind, photo.name, photo.mime_type) == ("photo", "IMG_0001.jpg", "image/jpeg")
    assert str(photo.source_type).startswith("image/hei")
    [(kind, file)] = shown(private(**fields))
    assert (kind, file.name, file.source_type) == ("document", "IMG_0001.HEIC", None)


@pytest.mark.parametrize(
    "content",
    [
        {"voice": {**VOICE, "mime_type": "audio/mpeg"}},
        {"voice": {**VOICE, "file_size": LARGEST_CONVERTED + 1}},
        {"audio": VOICE},
        {"document": VOICE},
        {"document": {**VOICE, "mime_type": "application/x-tgsticker", "file_name": "a.tgs"}},
        {"video": {**VOICE, "mime_type": "video/webm", "width": 1, "height": 1}},
    ],
)
def test_only_what_needs_it_is_converted(content: dict[str, Any]) -> None:
    """What plays anyway, what is too long, and what the customer chose to send as a file stays what it is."""
    [(_, media)] = shown(private(**content), forms=FORMS, download_limit=2**31)
    assert media.source_type is None
    assert media.mime_type == next(iter(content.values()))["mime_type"]


def test_files_of_one_minute_stay_apart() -> None:
    """Two voice messages of a minute have different names, and so have the open parts of paid media."""
    names = [shown(private(voice=VOICE, message_id=number), forms=FORMS)[0][1].name for number in (8, 9)]
    assert names == ["voice 1970-01-01 00.00 (8).m4a", "voice 1970-01-01 00.00 (9).m4a"]
    photo = [{"file_id": "p", "file_unique_id": "u", "width": 1, "height": 1}]
    parts = [{"type": "photo", "photo": photo}] * 2
    paid = shown(private(paid_media={"star_count": 1, "paid_media": parts}))
    assert [media.name for _, media in paid] == [
        "photo 1970-01-01 00.00 (3).jpg",
        "photo 1970-01-01 00.00 (3-2).jpg",
    ]


@pytest.mark.parametrize(("name", "expected"), [("a b.ogg", "a b.m4a"), ("a.b.ogg", "a.b.m4a"), ("a", "a.m4a")])
def test_a_new_form_has_its_own_extension(name: str, expected: str) -> None:
    """Only the last part of a name is its extension."""
    assert renamed(name, "audio/mp4") == expected
