"""The callback bodies that Kit's official client writes, under the signatures that it makes."""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.kit.writing import php_json
from relay.sandbox.telegram.ledger import Call
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.databases import rows
from tests.e2e.inside import InnerRelay, relay_inside
from tests.e2e.process import RelayProcess, free_port
from tests.formats import JPEG, MP3, MP4, OGG, PDF, PNG
from tests.waiting import eventually

DIRECTORY = Path(__file__).parents[1] / "samples" / "kit"
SIGNATURES: dict[str, str] = json.loads((DIRECTORY / "signatures.json").read_text())
NAMES = sorted(name for name in SIGNATURES if not name.startswith("_"))
#: Their files lie at a host that cannot be reached from here.
WITH_FILES = ("photo", "photo_caption", "video", "audio", "document", "media_multi", "mixed")
ANNA = "107804195"


@pytest.fixture
async def kit() -> AsyncIterator[KitLookAlike]:
    async with KitLookAlike(api_token="api-token-1", salt="S3cr3t-salt") as look_alike:
        yield look_alike


def test_there_are_seventeen() -> None:
    """Every sample has its signature, and every signature its sample."""
    assert len(NAMES) == 17
    assert {path.stem for path in DIRECTORY.glob("*.json")} == {*NAMES, "signatures"}


def plain_json(event: dict[str, Any]) -> bytes:
    """As other clients than PHP's would write it: nothing escaped that need not be."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def escaped_json(event: dict[str, Any]) -> bytes:
    r"""Every character of every text as \uXXXX, which JSON allows."""

    def escape(match: re.Match[str]) -> str:
        units = json.loads(match[0]).encode("utf-16-be").hex()
        return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'

    return re.sub(r'"(?:[^"\\]|\\.)*"', escape, json.dumps(event)).encode()


@pytest.mark.parametrize(
    "written",
    [php_json, partial(php_json, pretty=False), plain_json, escaped_json],
    ids=["pretty", "compact", "plain", "escaped"],
)
async def test_every_sample_is_understood(
    telegram: TelegramLookAlike,
    kit: KitLookAlike,
    relay: RelayProcess,
    written: Callable[[dict[str, Any]], bytes],
) -> None:
    """All seventeen are answered 200 by a relay of its own, and the customer sees what they say, files included."""
    await _first_contact(telegram, kit)
    texts: list[str] = []
    names: list[str] = []
    for name in NAMES:
        event = json.loads((DIRECTORY / f"{name}.json").read_text())
        if name in WITH_FILES:
            # The signature does not cover the body: the same event, with files that can be fetched.
            _host_files(kit, event)
        texts += _texts(event)
        names += [item["file_name"] for item in _items(event) if "file_url" in item]
        answer = await kit.post_callback(written(event), SIGNATURES[name])
        assert (answer.status, answer.text) == (200, "OK"), name
    figures = await relay.settled("to_telegram")
    assert figures.received == 17
    assert (figures.delivered, figures.declined, figures.dead) == (13, 4, 0)
    calls = [call for call in telegram.calls if call.method.startswith("send")]
    words = "".join("".join(_words_of(call).split()) for call in calls)
    for text in texts:
        assert "".join(text.split()) in words
    files = [file for call in calls for file in call.files]
    assert [file.file_name for file in files] == names
    assert [file.sha256 for file in files] == [hashlib.sha256(_content_of(name)).hexdigest() for name in names]


#: What each sample that is more than a text comes out as: methods, in albums with the items' types.
NATIVE: dict[str, list[str]] = {
    "photo": ["sendPhoto"],
    "photo_caption": ["sendPhoto"],
    "video": ["sendVideo"],
    "audio": ["sendVoice"],
    "document": ["sendDocument"],
    "media_multi": ["sendMediaGroup photo photo", "sendDocument"],
    "location": ["sendVenue"],
    "contact": ["sendContact"],
    "mixed": ["sendMediaGroup photo video", "sendAudio", "sendDocument", "sendVenue", "sendContact"],
}


@pytest.mark.parametrize("name", NATIVE)
async def test_a_sample_arrives_as_its_native_kind(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, name: str
) -> None:
    """Files of one kind together, each as what it is, under the words as a caption; places and people as cards."""
    event = json.loads((DIRECTORY / f"{name}.json").read_text())
    _host_files(kit, event)
    async with relay_inside(telegram, kit, tmp_path) as relay:
        await _first_contact(telegram, kit)
        await kit.post_callback(php_json(event), SIGNATURES[name])
        await relay.settled("to_telegram")
    calls = [call for call in telegram.calls if call.method.startswith("send")]
    shown = [" ".join([call.method, *(item["type"] for item in call.params.get("media", []))]) for call in calls]
    assert shown == NATIVE[name]
    assert telegram.refused == []
    if text := event["event_data"]["message"].get("text"):
        first = calls[0].params
        assert first.get("media", [first])[0]["caption"] == text
    for call in calls:
        if call.method == "sendVenue":
            assert call.params["title"] == "Москва"
            assert call.params["address"] == "Москва, Красная площадь"
            assert (call.params["latitude"], call.params["longitude"]) == (55.751244, 37.618423)
        if call.method == "sendContact":
            card = {"phone_number": "+79031234567", "first_name": "Иван", "last_name": "Петров"}
            assert call.params == {"chat_id": int(ANNA), **card}


@pytest.mark.parametrize("name", NAMES)
async def test_a_sample_as_it_came_is_taken_once(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay, name: str
) -> None:
    """Byte for byte as the client wrote it: 200, counted once; under another event's signature 401."""
    body = (DIRECTORY / f"{name}.json").read_bytes()
    other = NAMES[NAMES.index(name) - 1]
    await _first_contact(telegram, kit)
    statuses = [
        (await kit.post_callback(body, signature)).status
        for signature in (SIGNATURES[other], SIGNATURES["_channel_test"], SIGNATURES[name], SIGNATURES[name])
    ]
    figures = await inner.figures("to_telegram")
    assert statuses == [401, 401, 200, 200]
    assert figures.received == 1
    assert figures.dead == 0 or name in WITH_FILES


async def test_a_file_that_cannot_be_reached_waits_and_harms_nobody(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """It is tried again with a reason that names its host; Telegram is not thought down, and others hear at once."""
    nobody = f"127.0.0.1:{free_port()}"
    async with relay_inside(telegram, kit, tmp_path, RELAY_TRUSTED_FILE_HOSTS=nobody) as relay:
        await _first_contact(telegram, kit)
        telegram.customer(7).writes("hello")
        await kit.wait_for(lambda: kit.messages(7))
        for name in WITH_FILES:
            body = (DIRECTORY / f"{name}.json").read_bytes()
            here = body.replace(rb"https:\/\/files.example.com", f"http:\\/\\/{nobody}".encode())
            assert here != body
            await kit.post_callback(here, SIGNATURES[name])

        async def tried() -> bool:
            return await relay.metric("relay_attempts_total", direction="to_telegram", outcome="retried") >= 1

        await eventually(tried)
        assert await kit.agent_says("7", "others go on") == 200
        await telegram.wait_for(lambda: telegram.chat(7).texts == ["others go on"])
        assert await relay.metric("relay_side_down", direction="to_telegram") == 0
        figures = await relay.figures("to_telegram")
        reasons = rows(tmp_path, "SELECT reason FROM outbox WHERE status = 'waiting' ORDER BY id")
    assert (figures.waiting, figures.dead) == (len(WITH_FILES), 0)
    assert set(reasons) == {("127.0.0.1 could not be reached",), (None,)}


async def _first_contact(telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
    telegram.customer(int(ANNA)).writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))


def _items(event: dict[str, Any]) -> list[dict[str, Any]]:
    payload: list[dict[str, Any]] = event["event_data"].get("message", {}).get("payload", [])
    return payload


def _host_files(kit: KitLookAlike, event: dict[str, Any]) -> None:
    """Let the event's files be hosted by the look-alike, under a type that says nothing."""
    for item in _items(event):
        if "file_url" in item:
            item["file_url"] = kit.host_file(
                _content_of(item["file_name"]), item["file_name"], "application/octet-stream"
            )


def _content_of(name: str) -> bytes:
    """A file of the format that its name says, with the name in it."""
    start = {"jpg": JPEG, "png": PNG, "mp4": MP4, "mp3": MP3, "ogg": OGG, "pdf": PDF}.get(
        name.rpartition(".")[2], b"PK\x03\x04"
    )
    return start + name.encode()


def _texts(event: dict[str, Any]) -> list[str]:
    """What of an event must be readable in the chat."""
    texts = [event["event_data"].get("message", {}).get("text") or ""]
    for item in _items(event):
        texts += [item[name] for name in ("address", "name", "number") if name in item]
        texts += [str(item[name]) for name in ("latitude", "longitude") if name in item]
    return texts


def _words_of(call: Call) -> str:
    words = ("text", "caption", "address", "latitude", "longitude", "first_name", "last_name", "phone_number")
    return "".join(
        str(part[name]) for part in (call.params, *call.params.get("media", [])) for name in words if name in part
    )
