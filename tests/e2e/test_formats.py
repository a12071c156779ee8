"""Files of every common format go from the agent's desk to the customer, as what they are."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.ledger import Call
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import InnerRelay, relay_inside
from tests.formats import GIF, JPEG, M4A, MP3, MP4, OGG, PDF, PNG, WEBP, webp

ANNA = "107804195"
FILES: list[tuple[str, str, bytes, str]] = [
    ("photo", "снимок 1.png", PNG, "sendPhoto"),
    ("photo", "a (1).jpg", JPEG, "sendPhoto"),
    ("photo", "dance.gif", GIF, "sendAnimation"),
    ("document", "dance 2.gif", GIF, "sendAnimation"),
    ("photo", "smile.webp", WEBP, "sendPhoto"),
    ("photo", "wide.webp", webp(800, 600), "sendPhoto"),
    ("video", "été.mp4", MP4, "sendVideo"),
    ("audio", "voice.ogg", OGG, "sendVoice"),
    ("audio", "song.mp3", MP3, "sendAudio"),
    ("audio", "song 👍.m4a", M4A, "sendAudio"),
    ("document", "Договор № 7.pdf", PDF, "sendDocument"),
    ("photo", "not a picture.jpg", PDF, "sendDocument"),
    ("video", "no suffix", MP3, "sendAudio"),
]


#: What has no ending gets the one of what it is.
NAMED = {"no suffix": "no suffix.mp3"}


async def _sent(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: InnerRelay, items: list[dict[str, str]]
) -> list[Call]:
    telegram.customer(int(ANNA)).writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    for item in items:
        assert await kit.agent_says(ANNA, None, [item]) == 200
    figures = await relay.settled("to_telegram")
    assert figures.dead == 0
    return _sends(telegram)


def _sends(telegram: TelegramLookAlike) -> list[Call]:
    return [call for call in telegram.calls if call.method.startswith("send")]


@pytest.mark.parametrize("content_type", ["application/octet-stream", "text/plain"])
async def test_each_format_arrives_as_its_native_kind(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, content_type: str
) -> None:
    """Right method, same bytes, same name, whatever type their server gives them; nothing is tried in vain."""
    items = [
        {"type": label, "file_name": name, "file_url": kit.host_file(content, name, content_type)}
        for label, name, content, _ in FILES
    ]
    async with relay_inside(telegram, kit, tmp_path) as relay:
        calls = await _sent(telegram, kit, relay, items)
    assert [(call.method, call.files[0].file_name, call.files[0].sha256) for call in calls] == [
        (method, NAMED.get(name, name), hashlib.sha256(content).hexdigest()) for _, name, content, method in FILES
    ]
    assert telegram.refused == []
    assert {call.params["action"] for call in telegram.actions} <= {
        "upload_photo",
        "upload_video",
        "upload_voice",
        "upload_document",
    }
    assert not any((tmp_path / "tmp").iterdir()), "a fetched file was left behind"


async def test_twelve_photos_arrive_as_ten_and_two(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """Albums are as full as they may be, in the agent's order, and a long text stands before them."""
    text = "x" * 1025
    payload = [
        {"type": "photo", "file_name": f"{n}.png", "file_url": kit.host_file(PNG + bytes([n]), f"{n}.png", "image/png")}
        for n in range(12)
    ]
    await _sent(telegram, kit, inner, [])
    assert await kit.agent_says(ANNA, text, payload) == 200
    await inner.settled("to_telegram")
    message, ten, two = _sends(telegram)
    assert message.params["text"] == text
    assert [len(ten.files), len(two.files)] == [10, 2]
    assert [file.file_name for call in (ten, two) for file in call.files] == [f"{n}.png" for n in range(12)]
    assert [file.data[-1] for call in (ten, two) for file in call.files] == list(range(12))


async def test_albums_whose_answer_fails_are_not_repeated_once_confirmed(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """An album is one step: a failed second one is tried again alone, with all its files."""
    payload = [
        {"type": "photo", "file_name": f"{n}.png", "file_url": kit.host_file(PNG + bytes([n]), f"{n}.png", "image/png")}
        for n in range(12)
    ]

    await _sent(telegram, kit, inner, [])
    telegram.faults.hold, telegram.faults.hold_on = asyncio.Event(), "sendMediaGroup"
    assert await kit.agent_says(ANNA, "see", payload) == 200
    await telegram.wait_for(lambda: _sends(telegram))
    telegram.next_answer(502, "Bad Gateway", on="sendMediaGroup")
    telegram.faults.hold.set()
    await inner.settled("to_telegram")
    assert [len(call.files) for call in _sends(telegram)] == [10, 2]
    assert [(refused.method, refused.status) for refused in telegram.refused] == [("sendMediaGroup", 502)]
