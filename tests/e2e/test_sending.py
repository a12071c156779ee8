"""What an agent sends arrives as if typed in Telegram: the relay as a process, real files, over real HTTP."""

import asyncio
import hashlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from relay.sandbox.kit.functions import inline_keyboard, no_keyboard, reply_keyboard, transfer_to_queue
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.content import Content
from relay.sandbox.telegram.ledger import Call
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import RelayProcess, relay_between
from tests.e2e.test_memory import watched
from tests.formats import PDF
from tests.inspection.made import PERFORMER, TITLE, film, m4a, moving, mp3, opus, picture

ANNA = "107804195"
MB = 2**20


@dataclass(frozen=True)
class Sample:
    """A file, how an agent's desk labels it, and what becomes of it."""

    label: str
    name: str
    content: bytes
    method: str
    told: dict[str, object]


SAMPLES = [
    Sample("photo", "снимок экрана 1.png", picture("PNG"), "sendPhoto", {}),
    Sample("photo", "progressive.jpg", picture("JPEG", 800, 600, progressive=True), "sendPhoto", {}),
    Sample("photo", "turned.jpg", picture("JPEG", 900, 1600, turned=True), "sendPhoto", {}),
    Sample("photo", "panorama.jpg", picture("JPEG", 2100, 100, progressive=True, turned=True), "sendDocument", {}),
    Sample("photo", "dance.gif", moving(), "sendAnimation", {"duration": 1, "width": 60, "height": 40}),
    Sample("sticker", "sticker.webp", picture("WEBP", 512, 400), "sendSticker", {}),
    Sample("photo", "wide.webp", picture("WEBP", 800, 200), "sendPhoto", {}),
    Sample("video", "été.mp4", film(), "sendVideo", {"duration": 2, "width": 640, "height": 360}),
    Sample("audio", "voice.ogg", opus(), "sendVoice", {"duration": 3}),
    Sample("audio", "song.mp3", mp3(), "sendAudio", {"duration": 3, "title": TITLE, "performer": PERFORMER}),
    Sample("audio", "песня №5.m4a", m4a(), "sendAudio", {"duration": 3, "title": TITLE, "performer": PERFORMER}),
    Sample("document", "Договор № 7 (копия).pdf", PDF, "sendDocument", {}),
    Sample("document", "photo as a file.jpg", picture("JPEG", 320, 200), "sendDocument", {}),
]


@pytest.fixture
async def relay(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[RelayProcess]:
    """A relay as a process of its own, to which Anna has written. A test may ask for settings."""
    settings: dict[str, str] = getattr(request, "param", {})
    async with relay_between(telegram, kit, tmp_path, RELAY_LOG_LEVEL="INFO", **settings) as process:
        await process.start()
        telegram.customer(int(ANNA)).writes("hello")
        await kit.wait_for(lambda: kit.messages(ANNA))
        yield process


def sends(telegram: TelegramLookAlike) -> list[Call]:
    return [call for call in telegram.calls if call.method.startswith("send")]


def item(kit: KitLookAlike, label: str, name: str, content: Content | bytes) -> dict[str, str]:
    return {"type": label, "file_name": name, "file_url": kit.host_file(content, name, "application/octet-stream")}


async def test_real_files_arrive_as_what_they_are(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Right method, same bytes, same name, and what Telegram wants to know of them; nothing is tried in vain."""
    for sample in SAMPLES:
        assert await kit.agent_says(ANNA, None, [item(kit, sample.label, sample.name, sample.content)]) == 200
    figures = await relay.settled("to_telegram", within=60)
    assert (figures.delivered, figures.dead, figures.unaccounted) == (len(SAMPLES), 0, 0)
    calls = sends(telegram)
    assert [(call.method, call.files[0].file_name, call.files[0].sha256) for call in calls] == [
        (sample.method, sample.name, hashlib.sha256(sample.content).hexdigest()) for sample in SAMPLES
    ]
    for call, sample in zip(calls, SAMPLES, strict=True):
        told = {name: call.params.get(name) for name in sample.told}
        assert told == sample.told, sample.name
        assert len(call.thumbnails) == (1 if "width" in sample.told else 0), sample.name
    assert telegram.refused == []
    assert not list((relay.home / "tmp").iterdir()), "a file was left behind"


async def test_a_film_of_45_megabytes_is_looked_at_and_streams_through(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, tmp_path: Path
) -> None:
    """Its sides and its preview come along, and the relay grows by less than 40 MiB."""
    short, path = film(1280, 720), tmp_path / "film.mp4"
    with path.open("wb") as file:
        file.write(short)
        file.write(struct.pack(">I4s", 45 * MB, b"free"))  # a box that players skip
        for _ in range(45):
            file.write(bytes(MB - 1) + b"x")
        file.truncate(len(short) + 45 * MB)
    content = Content.of(path)
    await kit.agent_says(ANNA, None, [item(kit, "video", "warm-up.mp4", film())])
    await relay.settled("to_telegram")
    async with watched(relay) as peak:
        assert await kit.agent_says(ANNA, None, [item(kit, "video", "film.mp4", content)]) == 200
        await telegram.wait_for(lambda: len(sends(telegram)) == 2)
    call = sends(telegram)[-1]
    assert (call.method, call.files[0].sha256) == ("sendVideo", content.sha256())
    assert (call.params["width"], call.params["height"], call.params["duration"]) == (1280, 720, 2)
    assert len(call.thumbnails) == 1
    assert peak.growth < 40


@pytest.mark.parametrize(
    ("relay", "method"),
    [({"TELEGRAM_LOCAL_API": "true"}, "sendDocument"), ({}, "sendMessage")],
    indirect=["relay"],
    ids=["local", "cloud"],
)
async def test_a_local_server_takes_larger_files(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, tmp_path: Path, method: str
) -> None:
    """60 MB arrive through a local Bot API server; through the cloud's the customer is told of the file instead."""
    telegram.run_locally(tmp_path)
    archive = Content.of(60 * MB)
    await kit.agent_says(ANNA, None, [item(kit, "document", "warm-up.bin", bytes(1000))])
    await relay.settled("to_telegram")
    async with watched(relay) as peak:
        assert await kit.agent_says(ANNA, None, [item(kit, "document", "archive.bin", archive)]) == 200
        await telegram.wait_for(lambda: len(sends(telegram)) == 2)
    call = sends(telegram)[-1]
    assert call.method == method
    assert [file.sha256 for file in call.files] == ([archive.sha256()] if method == "sendDocument" else [])
    assert peak.growth < 40


async def test_files_that_cannot_stand_together_follow_each_other(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """An album whose labels lie: each in its place; a call that fails is repeated alone, none that was confirmed is."""
    contents = [picture("PNG"), picture("JPEG"), moving(), picture("WEBP", 512, 512), film(), picture("PNG", 50, 50)]
    payload = [item(kit, "photo", f"{number}.bin", content) for number, content in enumerate(contents)]
    payload[3]["type"] = "sticker"
    telegram.next_answer(502, "Bad Gateway", on="sendAnimation")
    assert await kit.agent_says(ANNA, "six", payload) == 200
    figures = await relay.settled("to_telegram")
    assert (figures.received, figures.delivered) == (1, 1)
    calls = sends(telegram)
    assert [call.method for call in calls] == ["sendMediaGroup", "sendAnimation", "sendSticker", "sendMediaGroup"]
    assert [file.sha256 for call in calls for file in call.files] == [
        hashlib.sha256(content).hexdigest() for content in contents
    ]
    assert calls[0].params["media"][0]["caption"] == "six"
    assert [refused.method for refused in telegram.refused] == ["sendAnimation"]


async def test_a_crash_between_the_parts_of_an_album_repeats_at_most_the_one_in_flight(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """The new plan was committed before the first call: the next process goes on in it."""
    contents = [picture("PNG"), moving(), picture("JPEG")]
    payload = [item(kit, "photo", f"{number}.bin", content) for number, content in enumerate(contents)]
    telegram.faults.hold, telegram.faults.hold_on = asyncio.Event(), "sendAnimation"
    assert await kit.agent_says(ANNA, None, payload) == 200
    await telegram.wait_for(lambda: [call.method for call in sends(telegram)] == ["sendPhoto", "sendAnimation"])
    await relay.kill()
    telegram.faults.hold.set()
    await relay.start()
    await relay.settled("to_telegram")
    methods = [call.method for call in sends(telegram)]
    assert methods == ["sendPhoto", "sendAnimation", "sendAnimation", "sendPhoto"]


@pytest.mark.parametrize("relay", [{"RELAY_SHOW_AGENT_NAME": "yes", "RELAY_LINK_PREVIEWS": "no"}], indirect=True)
async def test_what_the_operator_wants_customers_to_see(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """The agent's name above the words, here and in captions; no previews of links."""
    assert await kit.agent_says(ANNA, "see https://example.com") == 200
    assert await kit.agent_says(ANNA, "and this", [item(kit, "photo", "a.png", picture("PNG"))]) == 200
    await relay.settled("to_telegram")
    text, photo = sends(telegram)
    assert text.params["text"] == "Джейн Smith:\nsee https://example.com"
    assert text.params["link_preview_options"] == {"is_disabled": True}
    assert photo.params["caption"] == "Джейн Smith:\nand this"


ROW = ({"text": "Да, пожалуйста", "callback_data": "yes"}, {"text": "Site", "url": "https://a.example"})


async def test_keyboards_arrive_and_a_press_comes_back_as_words(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """As Kit's functions make them: buttons under the message, keys under the text field, and their end."""
    anna = telegram.customer(int(ANNA))
    assert await kit.function_says(ANNA, "Shall we?", inline_keyboard(ROW), transfer_to_queue(7)) == 200
    question = await telegram.wait_for(lambda: telegram.chat(anna.id).messages[-1:])
    assert question[0]["reply_markup"] == {"inline_keyboard": [list(ROW)]}
    anna.presses(question[0], "yes")
    await kit.wait_for(lambda: len(kit.messages(ANNA)) == 2)
    assert "Да, пожалуйста" in (kit.messages(ANNA)[-1].text or "")
    await telegram.wait_for(lambda: not telegram.world.open_queries)
    keys = reply_keyboard([{"text": "Tea"}], [{"text": "Coffee"}], one_time_keyboard=True)
    assert await kit.function_says(ANNA, "Or?", keys) == 200
    await telegram.wait_for(lambda: telegram.chat(anna.id).keyboard)
    [shown] = [call for call in telegram.calls if call.params.get("text") == "Or?"]
    assert shown.params["reply_markup"] == {
        "keyboard": [[{"text": "Tea"}], [{"text": "Coffee"}]],
        "resize_keyboard": True,
        "one_time_keyboard": True,
    }
    anna.presses_key("Coffee")
    await kit.wait_for(lambda: (kit.messages(ANNA)[-1].text or "").endswith("Coffee"))
    assert await kit.function_says(ANNA, "Thanks", no_keyboard()) == 200
    await telegram.wait_for(lambda: telegram.chat(anna.id).texts[-1] == "Thanks")
    assert not telegram.chat(anna.id).keyboard
    assert await relay.metric("relay_skipped_payloads_total") == 4  # what stands in each reply of a function


@pytest.mark.parametrize("relay", [{"RELAY_CLOSING_TEXTS": "true", "RELAY_ASK_RATING": "true"}], indirect=True)
async def test_a_closed_conversation_is_rated_by_a_press(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Words and a question; one press counts, thanks take the question's place, and Kit hears nothing of it."""
    anna, ben = telegram.customer(int(ANNA)), telegram.customer(7, first_name="Ben")
    ben.writes("hello too")
    await kit.wait_for(lambda: kit.messages(7))
    assert await kit.close_conversation(ANNA) == 200
    messages = await telegram.wait_for(lambda: telegram.chat(anna.id).messages[1:] and telegram.chat(anna.id).messages)
    assert messages[0]["text"] == "Our agent has closed this conversation. Write to us again at any time."
    question = dict(messages[1])
    data = question["reply_markup"]["inline_keyboard"][0][3]["callback_data"]
    ben.presses(question, data)
    anna.presses(question, data)
    await telegram.wait_for(lambda: "reply_markup" not in telegram.chat(anna.id).messages[1])
    assert telegram.chat(anna.id).messages[1]["text"] == "⭐⭐⭐⭐\nThank you for your rating!"
    anna.presses(question, data.replace(":4", ":1"))
    await telegram.wait_for(lambda: not telegram.world.open_queries and not telegram.updates.pending_count)
    assert await kit.close_conversation(ANNA) == 200, "it is closed already: nobody is asked twice"
    await relay.settled("to_telegram")
    given = {stars: await relay.metric("relay_ratings_total", stars=str(stars)) for stars in range(1, 6)}
    assert given == {1: 0, 2: 0, 3: 0, 4: 1, 5: 0}
    assert await relay.metric("relay_ratings_asked_total") == 1
    assert len(telegram.chat(anna.id).messages) == 2
    assert [sent.text for sent in kit.events] == ["hello", "hello too"]
    for figures in (await relay.all_figures()).values():
        assert (figures.dead, figures.unaccounted) == (0, 0)
    assert (await relay.stop()) == 0
