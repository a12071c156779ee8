"""What people would see of raw content that no reader knows: every word and every file, in their order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.intake.reading import read_update
from relay.mapping.content.content import File, Place
from relay.mapping.content.walker import Found, walk
from relay.mapping.event.events import KitContext
from tests.mapping.mapped import TALKING, event_of, private, raw_sample


def found(raw: object) -> Found:
    return walk([("hologram", raw)], lambda number: f"({number})")


def files(raw: object) -> list[tuple[str, str, str, str]]:
    return [(item.kind, item.file_id, item.name, item.mime_type) for item in found(raw).items if isinstance(item, File)]


def sizes(name: str, *widths: int) -> list[dict[str, Any]]:
    return [{"file_id": f"{name}{width}", "width": width, "height": width * 3 // 4} for width in widths]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("program", ""),
        ("Nobody but people writes so.", "Nobody but people writes so."),
        ({"text": "one"}, "one"),
        ({"blocks": [{"text": "one"}, {"type": "photo", "caption": "two"}], "id": "x"}, "one\ntwo"),
        ({"text": ["a ", {"type": "bold", "text": "b"}, " c"]}, "a b c"),
        ({"content": ["a ", {"type": "bold", "text": "b"}, " c"]}, "a b c"),
        ({"text": {"type": "url", "text": "here", "url": "https://a.example"}}, "here (https://a.example)"),
        ({"text": {"type": "url", "text": "https://a.example", "url": "https://a.example"}}, "https://a.example"),
        (
            {"text": ["Write to ", {"type": "email_address", "text": "us", "email_address": "a@b.example"}]},
            "Write to us (a@b.example)",
        ),
        ({"text": {"type": "phone_number", "text": "+49 30 1", "phone_number": "+49301"}}, "+49 30 1"),
        (
            {"text": ["Thanks ", {"type": "custom_emoji", "custom_emoji_id": "5", "alternative_text": "🙏"}]},
            "Thanks 🙏",
        ),
        ({"text": {"type": "mathematical_expression", "expression": "a^2"}}, "a^2"),
        (
            {"text": {"type": "button", "button": {"text": "Track it", "url": "https://a.example/5"}}},
            "Track it (https://a.example/5)",
        ),
        ({"text": {"type": "text_mention", "text": "that guy", "user": {"first_name": "Carl"}}}, "that guy (Carl)"),
        (
            {
                "type": "buttons",
                "buttons": [{"text": "Yes", "callback_data": "1"}, {"text": "No", "url": "https://n.example"}],
            },
            "Yes\nNo (https://n.example)",
        ),
        (
            {
                "type": "list",
                "items": [
                    {
                        "label": "•",
                        "has_checkbox": True,
                        "is_checked": True,
                        "blocks": [{"type": "paragraph", "text": "shirt"}],
                    },
                    {"label": "•", "has_checkbox": True, "blocks": [{"type": "paragraph", "text": "shoes"}]},
                    {"label": "1", "value": 1, "type": "1", "blocks": [{"text": "first"}, {"text": "more of it"}]},
                    {"label": "2.", "blocks": [{"text": "second"}]},
                    {"label": "•", "blocks": [{"text": "third"}]},
                    {"label": "3", "blocks": []},
                ],
            },
            "☑ shirt\n☐ shoes\n1. first\nmore of it\n2. second\n• third",
        ),
        (
            {
                "type": "table",
                "cells": [
                    [{"text": "Size", "is_header": True}, {"text": ["Pri", {"type": "bold", "text": "ce"}]}],
                    [{"text": "S"}, {"align": "left"}],
                    [{"text": "L"}, {"text": "5"}],
                    [{}, {}],
                ],
                "caption": "In euros",
            },
            "Size | Price\nS |\nL | 5\nIn euros",
        ),
        ({"type": "details", "blocks": [{"text": "inside"}], "summary": "Outside"}, "Outside\ninside"),
        ({"type": "blockquote", "credit": "Anna", "blocks": [{"text": "words"}]}, "words\nAnna"),
        ({"type": "pre", "text": "print(1)", "language": "python"}, "print(1)"),
        ({"type": "anchor", "name": "top"}, ""),
        ({"type": "divider"}, ""),
        ({"community": {"id": 5, "name": "Gardeners"}}, "Gardeners"),
        ({"by": {"id": 5, "is_bot": False, "first_name": "Ben", "last_name": "Ott"}}, "Ben Ott"),
        ({"link": {"url": "https://a.example"}}, "https://a.example"),
        ({"currency": "EUR", "amount": 1290, "title": "Tea"}, "Tea\n12.90 EUR"),
        ({"rows": [[{"text": "1"}, {"text": "2"}], [{"text": " "}, {"text": None}]]}, "1\n2"),
        ({"text": {"content": {"text": "deep"}}}, "deep"),
        ({"text": "a\0\ud83d"}, "a\ufffd"),
        ([{"text": 5}, None, True, 1.5], ""),
        ({"file_name": "two words.pdf", "mime_type": "a b", "type": "two words"}, ""),
        ({"told": {"message_id": 5, "chat": {"id": 1}, "text": "said before"}, "text": "now"}, "now"),
    ],
)
def test_every_text_is_found(raw: object, words: str) -> None:
    """In reading order, one thing a line; formatting goes, links stay; names of fields are never words."""
    assert found(raw).text == words


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            {
                "blocks": [
                    {"type": "photo", "photo": sizes("a", 90, 1280)},
                    {"type": "video", "video": {"file_id": "v"}},
                ]
            },
            [("photo", "a1280", "photo (1).jpg", "image/jpeg"), ("video", "v", "video (2).mp4", "video/mp4")],
        ),
        ({"type": "voice_note", "voice_note": {"file_id": "v"}}, [("audio", "v", "voice (1).ogg", "audio/ogg")]),
        ({"document": {"file_id": "d", "file_name": "a.pdf"}}, [("document", "d", "a.pdf", "application/pdf")]),
        ({"sticker": {"file_id": "s", "is_video": True}}, [("video", "s", "sticker (1).webm", "video/webm")]),
        (
            {
                "video": {
                    "file_id": "v",
                    "thumbnail": {"file_id": "t"},
                    "cover": sizes("c", 9),
                    "qualities": [{"file_id": "q"}],
                }
            },
            [("video", "v", "video (1).mp4", "video/mp4")],
        ),
        (
            {"pictures": [sizes("a", 90, 1280), sizes("b", 90, 1280)]},
            [("photo", "a1280", "photo (1).jpg", "image/jpeg"), ("photo", "b1280", "photo (2).jpg", "image/jpeg")],
        ),
        (
            {"pictures": [*sizes("a", 90), *sizes("b", 90)]},
            [("photo", "a90", "photo (1).jpg", "image/jpeg"), ("photo", "b90", "photo (2).jpg", "image/jpeg")],
        ),
        ({"file_id": "x", "mime_type": "application/zip"}, [("document", "x", "document (1).zip", "application/zip")]),
        ({"file_id": "x", "mime_type": "image/png"}, [("photo", "x", "photo (1).png", "image/png")]),
        ({"file_id": "x", "mime_type": "audio/flac", "duration": 5}, [("audio", "x", "audio (1).flac", "audio/flac")]),
        ({"file_id": "x", "width": 5, "height": 5, "duration": 5}, [("video", "x", "video (1).mp4", "video/mp4")]),
        ({"file_id": "x", "length": 5, "duration": 5}, [("video", "x", "video-note (1).mp4", "video/mp4")]),
        ({"file_id": "x"}, [("document", "x", "document (1)", "application/octet-stream")]),
        ({"photo": 5, "sticker": {"file_id": 5}, "file_id": ""}, []),
        (
            {"a": {"file_id": "x"}, "b": {"file_id": "x"}},
            [("document", "x", "document (1)", "application/octet-stream")],
        ),
    ],
)
def test_whatever_holds_a_file_id_is_carried(raw: object, expected: list[tuple[str, str, str, str]]) -> None:
    """Each file once, in their order, as what it is; not what only shows it, nor the same in another size."""
    assert files(raw) == expected


def test_what_a_file_says_itself_is_said() -> None:
    """And what stands in it that nobody knows yet."""
    audio = {"file_id": "a", "performer": "Anna", "title": "Prelude", "hologram": {"text": "Boo"}}
    assert (
        found({"audio": audio, "caption": {"text": "Listen", "credit": "Ben"}}).text
        == "Anna – Prelude\nBoo\nListen\nBen"
    )


def test_a_map_is_a_place() -> None:
    """In words and as an item, with its name if it has one."""
    spot = {"latitude": 55.75, "longitude": 37.61}
    [place] = found({"type": "map", "location": spot, "zoom": 15}).items
    assert place == Place(55.75, 37.61, "55.75, 37.61")
    venue = found({"venue": {"location": spot, "title": "Café", "address": "Tverskoy 26"}})
    assert venue.items == [Place(55.75, 37.61, "Café, Tverskoy 26")]
    assert venue.text == "Café, Tverskoy 26, 55.75, 37.61 https://maps.google.com/?q=55.75,37.61"
    assert found({"location": {"latitude": 500, "longitude": 0}}).items == []


def test_what_is_known_already_is_not_found_again() -> None:
    """Whatever id it goes by, and the numbers go on behind it."""
    known = File("photo", "photo", "other", "", "image/jpeg", None, "same")
    raw = [("photo", [{"file_id": "a", "file_unique_id": "same", "width": 1, "height": 1}]), ("x", {"file_id": "b"})]
    [item] = walk(raw, lambda number: f"({number})", [known], 2).items
    assert isinstance(item, File)
    assert (item.file_id, item.name) == ("b", "document (2)")


def test_depth_does_no_harm() -> None:
    """A structure deeper than anybody writes is read as far as it makes sense."""
    raw: object = {"text": "bottom"}
    for _ in range(5000):
        raw = {"text": [raw]}
    assert found([{"text": "top"}, raw]).text == "top"


NAMES = ["text", "url", "blocks", "file_id", "photo", "video", "cells", "label", "latitude", "address", "first_name"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*NAMES, "currency", "has_checkbox"]), inner),
)


@given(raw=JSON)
def test_any_structure_can_be_read(raw: object) -> None:
    """Whatever JSON it is, the answer is text that can be stored."""
    assert "\0" not in found(raw).text.encode().decode()


def test_a_place_in_a_poll_is_sent_once() -> None:
    """Also if the library refuses the poll, here for want of `persistent_id`."""
    venue = {"location": {"latitude": 1.5, "longitude": 2.5}, "title": "Café", "address": "Main St"}
    poll = raw_sample("poll")["message"]["poll"]
    options = [{"text": "B", "voter_count": 0, "media": {"venue": venue}}]
    event = event_of(
        read_update(
            private(poll={**poll, "options": options}), KitContext("777", "https://relay.example", lambda: "id")
        ).decide(TALKING)
    )
    assert [item.type for item in event.event_data.message.payload or []] == ["location"]
