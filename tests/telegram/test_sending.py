import asyncio
import re
import time
from collections.abc import AsyncIterator, Coroutine, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from telegram import Bot
from yarl import URL

from relay.errors import NotAccepted, SourceRefused, Throttled, Unavailable, Uncertain
from relay.media.names import MAX_NAME, fit_name, upload_name
from relay.model import Address
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.steps import FileKind, Instead, SendAlbum, SendContact, SendFile, SendLocation, SendText, SendVenue, Step
from relay.telegram.api import ChatMoved, call, open_bot
from relay.telegram.download import FileFetcher
from relay.telegram.sending import Manner, send_step
from tests.formats import GIF, M4A, MP3, MP4, OGG, PDF, PNG, WEBP
from tests.inspection.made import PERFORMER, TITLE, film, m4a, moving, mp3, opus
from tests.telegram.wires import read_request, resident, wire

CHAT = 107804195
HERE = Address(CHAT)
JPEG = b"\xff\xd8\xff"
KEYBOARD = {"inline_keyboard": [[{"text": "x", "callback_data": "x"}]]}
STARTS = {
    "jpeg": JPEG,
    "png": PNG,
    "gif": GIF,
    "webp": WEBP,
    "mp4": MP4,
    "mp3": MP3,
    "m4a": M4A,
    "ogg": OGG,
    "pdf": PDF,
}


@pytest.fixture
async def desk() -> AsyncIterator[str]:
    """The agent's files: `/N` has N bytes and begins like a JPEG, `/N/FORMAT` like that format. Yields the URL."""

    async def handle(request: web.Request) -> web.StreamResponse:
        left = int(request.match_info["size"])
        response = web.StreamResponse()
        response.content_length = left
        await response.prepare(request)
        start = STARTS[request.match_info.get("format", "jpeg")][:left]
        await response.write(start)
        left -= len(start)
        while left:
            chunk = bytes(min(left, 2**16))
            await response.write(chunk)
            left -= len(chunk)
        return response

    application = web.Application()
    application.router.add_get("/{size}", handle)
    application.router.add_get("/{size}/{format}", handle)
    server = TestServer(application)
    await server.start_server()
    yield f"http://127.0.0.1:{server.port}"
    await server.close()


@pytest.fixture
async def fetcher(tmp_path: Path) -> AsyncIterator[FileFetcher]:
    opened = FileFetcher(tmp_path, frozenset({"127.0.0.1"}))
    yield opened
    await opened.close()
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - a test may look


@pytest.fixture(autouse=True)
def _customer_wrote(telegram: TelegramLookAlike) -> None:
    telegram.customer(CHAT).writes("hello")


def sent(telegram: TelegramLookAlike) -> list[tuple[str, list[tuple[str, int]]]]:
    return [(made.method, [(file.file_name, file.size) for file in made.files]) for made in telegram.calls]


async def test_a_keyboard_goes_with_its_text(telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher) -> None:
    """Markup reaches Telegram as it stands in the step; the customer has the keys, and another step takes them away."""
    rows = [[{"text": "📱", "request_contact": True}]]
    await send_step(bot, fetcher, HERE, SendText("Your number?", {"keyboard": rows, "one_time_keyboard": True}))
    assert telegram.chat(CHAT).keyboard == rows
    await send_step(bot, fetcher, HERE, SendText("Thank you", {"remove_keyboard": True}))
    assert telegram.chat(CHAT).keyboard == []
    assert telegram.chat(CHAT).texts == ["Your number?", "Thank you"]


async def test_a_text_arrives_as_it_is(telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher) -> None:
    """Texts go out plain: what looks like markup stays text."""
    text = "<b>5 < 6</b> *_[x](y)_* &amp; 👩‍👩‍👧 \u202e"
    await send_step(bot, fetcher, HERE, SendText(text))
    assert [made.params for made in telegram.calls] == [{"chat_id": CHAT, "text": text}]


@pytest.mark.parametrize(
    ("kind", "start", "method"),
    [
        ("photo", "jpeg", "sendPhoto"),
        ("video", "mp4", "sendVideo"),
        ("audio", "mp3", "sendAudio"),
        ("audio", "m4a", "sendAudio"),
        ("audio", "ogg", "sendVoice"),
        ("photo", "gif", "sendAnimation"),
        ("document", "gif", "sendAnimation"),
        ("video", "png", "sendPhoto"),
        ("photo", "webp", "sendPhoto"),
        ("any", "webp", "sendDocument"),  # a sticker has no caption
        ("document", "jpeg", "sendDocument"),
        ("photo", "pdf", "sendDocument"),
    ],
)
async def test_a_file_is_uploaded_as_what_it_is(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, desk: str, *, kind: FileKind, start: str, method: str
) -> None:
    """Bytes, name and caption arrive; the URL is not given to Telegram."""
    await send_step(bot, fetcher, HERE, SendFile(kind, f"{desk}/70000/{start}", "Ünï 1.bin", "a *caption*"))
    assert sent(telegram) == [(method, [("Ünï 1.bin", 70_000)])]
    assert telegram.calls[0].files[0].data == STARTS[start].ljust(70_000, b"\0")
    assert telegram.calls[0].params["caption"] == "a *caption*"
    assert telegram.calls[0].params.get("supports_streaming") == (True if method == "sendVideo" else None)
    assert desk not in repr(telegram.calls[0].params)


@pytest.mark.parametrize(
    ("content", "method", "told"),
    [
        (film(), "sendVideo", {"duration": 2, "width": 640, "height": 360, "supports_streaming": True}),
        (moving(), "sendAnimation", {"duration": 1, "width": 60, "height": 40}),
        (m4a(), "sendAudio", {"duration": 3, "title": TITLE, "performer": PERFORMER}),
        (mp3(), "sendAudio", {"duration": 3, "title": TITLE, "performer": PERFORMER}),
        (opus(), "sendVoice", {"duration": 3}),
    ],
)
async def test_telegram_is_told_what_it_wants_to_know(
    telegram: TelegramLookAlike,
    bot: Bot,
    fetcher: FileFetcher,
    kit: KitLookAlike,
    *,
    content: bytes,
    method: str,
    told: dict[str, object],
) -> None:
    """Duration and sides, title and performer; films and moving pictures bring the picture that stands for them."""
    url = kit.host_file(content, "file")
    await send_step(bot, fetcher, HERE, SendFile("photo", url, "file"))
    (made,) = telegram.calls
    assert (made.method, [file.data for file in made.files]) == (method, [content])
    assert {name: value for name, value in made.params.items() if name not in {"chat_id", "thumbnail"}} == told
    assert [file.data[:3] for file in made.thumbnails] == ([JPEG] if "width" in told else [])


async def test_an_album_brings_the_same(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, kit: KitLookAlike
) -> None:
    """Each film of it with its sides, its duration and its picture."""
    items = [SendFile("video", kit.host_file(film(*sides), "file"), "a.mp4") for sides in ((640, 360), (320, 400))]
    await send_step(bot, fetcher, HERE, SendAlbum(tuple(items)))
    (made,) = telegram.calls
    assert [(item["width"], item["height"], item["duration"]) for item in made.params["media"]] == [
        (640, 360, 2),
        (320, 400, 2),
    ]
    assert [file.data[:3] for file in made.thumbnails] == [JPEG, JPEG]
    assert [file.data for file in made.files] == [film(), film(320, 400)]


@pytest.mark.parametrize(
    "step",
    [
        SendText("x", KEYBOARD),
        SendFile("photo", "", "a.jpg", reply_markup=KEYBOARD),
        SendLocation(1, 2, KEYBOARD),
        SendVenue(1, 2, "a", "b", KEYBOARD),
        SendContact("+4930", "Anna", reply_markup=KEYBOARD),
    ],
)
async def test_a_keyboard_that_is_refused_takes_nothing_along(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, desk: str, step: Step
) -> None:
    """It goes under whatever is sent; if Telegram does not take it, that goes without it, as what it is."""
    if isinstance(step, SendFile):
        step = replace(step, url=f"{desk}/10")
    await send_step(bot, fetcher, HERE, step)
    telegram.next_answer(400, "Bad Request: BUTTON_DATA_INVALID")
    await send_step(bot, fetcher, HERE, step)
    first, second = telegram.calls
    assert (first.method, first.params["reply_markup"]) == (second.method, KEYBOARD)
    assert {**second.params, "reply_markup": KEYBOARD} == first.params


async def test_link_previews_can_be_left_out(telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher) -> None:
    """By a setting."""
    await send_step(bot, fetcher, HERE, SendText("https://example.com"), manner=Manner(link_previews=False))
    assert telegram.calls[0].params["link_preview_options"] == {"is_disabled": True}


async def test_a_sticker_without_words_goes_as_a_sticker(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, desk: str
) -> None:
    """A WebP of a sticker's size and sides."""
    await send_step(bot, fetcher, HERE, SendFile("any", f"{desk}/9000/webp", "a.webp"))
    assert sent(telegram) == [("sendSticker", [("a.webp", 9000)])]


def album(desk: str, *files: tuple[FileKind, str]) -> SendAlbum:
    return SendAlbum(
        tuple(
            SendFile(kind, f"{desk}/{5000 + number}/{start}", f"{number} é.{start}", None if number else "words")
            for number, (kind, start) in enumerate(files)
        )
    )


@pytest.mark.parametrize(
    ("files", "types"),
    [
        ([("photo", "jpeg"), ("video", "mp4"), ("photo", "png")], ["photo", "video", "photo"]),
        ([("video", "png"), ("photo", "mp4")], ["photo", "video"]),
        ([("audio", "mp3"), ("audio", "m4a")], ["audio", "audio"]),
        ([("document", "pdf"), ("document", "jpeg")], ["document", "document"]),
        ([("photo", "pdf"), ("photo", "pdf")], ["document", "document"]),
    ],
)
async def test_an_album_arrives_together(
    telegram: TelegramLookAlike,
    bot: Bot,
    fetcher: FileFetcher,
    desk: str,
    files: list[tuple[FileKind, str]],
    types: list[str],
) -> None:
    """In one call, in order, as what the files are."""
    step = album(desk, *files)
    await send_step(bot, fetcher, HERE, step)
    assert telegram.refused == []
    (made,) = telegram.calls
    assert made.method == "sendMediaGroup"
    assert [item["type"] for item in made.params["media"]] == types
    assert [item.get("caption") for item in made.params["media"]] == ["words"] + [None] * (len(files) - 1)
    assert all(item.get("supports_streaming") for item in made.params["media"] if item["type"] == "video")
    uploads = {file.field: file for file in made.files}
    arrived = [uploads[item["media"].removeprefix("attach://")] for item in made.params["media"]]
    assert [file.file_name for file in arrived] == [item.name for item in step.items]
    assert [file.data for file in arrived] == [
        STARTS[start].ljust(5000 + number, b"\0") for number, (_, start) in enumerate(files)
    ]


async def test_an_album_whose_files_cannot_stand_together_is_taken_apart(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, desk: str
) -> None:
    """Nothing is sent yet: what is to be done instead keeps the order, and every file its own step or album."""
    step = album(desk, ("photo", "jpeg"), ("video", "png"), ("photo", "gif"), ("photo", "mp4"), ("photo", "mp4"))
    first, second, third, *last = step.items
    instead = await send_step(bot, fetcher, HERE, step)
    assert instead == Instead((SendAlbum((first, second)), third, SendAlbum(tuple(last))))
    assert telegram.calls == []


async def test_a_refused_album_is_not_sent_in_another_form(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, desk: str
) -> None:
    """Telegram does not say which file it refuses: whoever sends finds it out, and the others stay what they are."""
    telegram.next_answer(400, "Bad Request: PHOTO_INVALID_DIMENSIONS")
    with pytest.raises(NotAccepted):
        await send_step(bot, fetcher, HERE, album(desk, ("photo", "jpeg"), ("video", "mp4")))
    assert (len(telegram.calls), len(telegram.refused)) == (0, 1)


async def test_who_sends_learns_the_ids_of_the_messages(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, desk: str
) -> None:
    """Whatever the step is, and also when it took a second try in another form."""
    steps: list[Step] = [
        SendText("a"),
        SendFile("photo", f"{desk}/10", "a.jpg"),
        album(desk, ("photo", "jpeg"), ("photo", "jpeg")),
        SendContact("+4930", "Anna"),
    ]
    ids: list[object] = []
    for number, step in enumerate([*steps, steps[1], steps[3]]):
        if number >= len(steps):
            telegram.next_answer(400, "Bad Request: no")
        ids += cast("tuple[int, ...]", await send_step(bot, fetcher, HERE, step))
    assert ids == [message["message_id"] for message in telegram.chat(CHAT).messages]
    assert len(ids) == 7


@pytest.mark.parametrize("odd", ["9223372036854775808", "-9223372036854775808", "true", '"5"', "1.5", "null", "[1]"])
async def test_an_odd_id_in_the_answer_is_none(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, odd: str
) -> None:
    """What no database could hold, or is no number, is not handed on: the message was sent all the same."""
    body = f'{{"ok": true, "result": {{"message_id": {odd}}}}}'.encode()
    telegram.faults.answer_next(200, body=body, on="sendMessage")
    assert await send_step(bot, fetcher, HERE, SendText("a")) == ()


async def test_an_album_goes_without_the_file_that_cannot_be_had(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, desk: str
) -> None:
    """The healthy ones are to go together and at once, under the words; the other one by itself. No file stays."""
    first, bad, last = (SendFile("photo", f"{desk}/{path}", "a.jpg") for path in ("10", "none/x/y", "11"))
    instead = await send_step(bot, fetcher, HERE, SendAlbum((replace(bad, caption="words"), first, last)))
    assert instead == Instead((SendAlbum((replace(first, caption="words"), last)), bad))
    instead = await send_step(bot, fetcher, HERE, SendAlbum((first, replace(bad, caption="words"))))
    assert instead == Instead((replace(first, caption="words"), bad))
    instead = await send_step(bot, fetcher, HERE, SendAlbum((replace(bad, caption="words"), bad)))
    assert instead == Instead((replace(bad, caption="words"), bad))
    assert telegram.calls == []


async def test_a_page_to_sign_in_at_is_not_the_file(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher
) -> None:
    """HTML under a name or a type that promises something else is a file that could not be had; a page may be sent."""
    page = b"<!DOCTYPE html><html><title>Sign in</title></html>"

    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=page, content_type=request.query["type"])

    application = web.Application()
    application.router.add_get("/{name}", handle)
    async with TestServer(application) as server:
        for name, media_type in (("invoice.pdf", "text/html"), ("a.jpg", "image/jpeg"), ("3f2a", "text/html")):
            with pytest.raises(SourceRefused) as refused:
                await send_step(
                    bot, fetcher, HERE, SendFile("document", str(server.make_url(f"/{name}?type={media_type}")), name)
                )
            assert refused.value.why == "file_is_page"
        for name, media_type in (("offer.html", "text/html"), ("notes.txt", "text/plain")):
            url = str(server.make_url(f"/{name}?type={media_type}"))
            await send_step(bot, fetcher, HERE, SendFile("document", url, name))
    assert [file.file_name for made in telegram.calls for file in made.files] == ["offer.html", "notes.txt"]


@pytest.mark.parametrize(
    ("given", "path", "header", "media_type", "arrives"),
    [
        ("a.pdf", "3f2a9c0e", 'attachment; filename="b.pdf"', "application/pdf", "a.pdf"),
        (None, "3f2a9c0e", 'attachment; filename="b c.pdf"', "application/pdf", "b c.pdf"),
        (None, "download.php", "attachment; filename*=UTF-8''%D0%A1%D1%87%D1%91%D1%82.pdf", "", "Счёт.pdf"),
        (None, "x", "attachment; filename=\"a.pdf\"; filename*=UTF-8''%E2%82%AC.pdf", "", "€.pdf"),
        (None, "x", 'attachment; filename="../../etc/b.pdf"', "", "b.pdf"),
        (None, "3f2a9c0e", None, "application/pdf", "3f2a9c0e.pdf"),
        (None, "download.php", None, "application/pdf", "download.pdf"),
        (None, "get.cfm", None, "application/pdf", "get.pdf"),
        (None, "file.bin", None, "application/pdf", "file.pdf"),
        ("firmware.bin", "x", None, "application/pdf", "firmware.bin"),
        (None, "download.php", None, "application/octet-stream", "download.php"),
        ("Invoice", "x", None, "application/pdf; charset=x", "Invoice.pdf"),
        ("Offer 2.0", "x", None, "application/vnd.ms-excel", "Offer 2.0.xls"),
    ],
)
async def test_a_file_is_called_as_whoever_knows_best_says(  # noqa: PLR0917 - a table's columns
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher,
    given: str | None, path: str, header: str | None, media_type: str, arrives: str,
) -> None:  # fmt: skip
    """Kit's name, else its server's (RFC 6266, RFC 5987), else the link's; an ending by its type."""

    async def handle(_: web.Request) -> web.Response:
        headers = {"Content-Type": media_type} if media_type else {}
        return web.Response(body=b"\x01\x02", headers=headers | ({"Content-Disposition": header} if header else {}))

    application = web.Application()
    application.router.add_get("/{name}", handle)
    async with TestServer(application) as server:
        url = str(server.make_url(f"/{path}"))
        step = SendFile("document", url, given or path, guessed=None if given else True)
        await send_step(bot, fetcher, HERE, step)
    assert sent(telegram) == [("sendDocument", [(arrives, 2)])]
    assert telegram.calls[0].params["disable_content_type_detection"] is True


async def test_what_is_too_large_as_a_whole_is_not_sent_again(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, desk: str
) -> None:
    """A 413 is final: as a document it would be as large."""
    telegram.next_answer(413, "Request Entity Too Large")
    with pytest.raises(NotAccepted) as refused:
        await send_step(bot, fetcher, HERE, SendFile("photo", f"{desk}/10", "a.jpg"))
    assert (refused.value.why, len(telegram.refused)) == ("file_too_large", 1)


@pytest.mark.parametrize(
    ("step", "method", "words"),
    [
        (SendLocation(55.75, 37.6), "sendLocation", "55.75, 37.6"),
        (SendVenue(55.75, 37.6, "Moscow", "Moscow, Arbat 1"), "sendVenue", "Moscow, Arbat 1\n55.75, 37.6"),
        (SendContact("+4930", "Anna"), "sendContact", "Anna\n+4930"),
        (SendContact("+4930", "Anna", "Lee"), "sendContact", "Anna Lee\n+4930"),
    ],
)
async def test_places_and_people_arrive_as_cards(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, step: Step, method: str, words: str
) -> None:
    """Each field as the step says; what Telegram refuses is told in words, once."""
    await send_step(bot, fetcher, HERE, step)
    fields = {name: value for name, value in asdict(step).items() if name != "step" and value is not None}
    assert [(made.method, made.params) for made in telegram.calls] == [(method, {"chat_id": CHAT, **fields})]
    telegram.next_answer(400, "Bad Request: PHONE_NUMBER_INVALID", on=method)
    await send_step(bot, fetcher, HERE, step)
    assert telegram.chat(CHAT).texts == [words]


@pytest.mark.parametrize(
    ("step", "action"),
    [
        (SendFile("photo", "/10", "a"), "upload_photo"),
        (SendFile("video", "/10/mp4", "a"), "upload_video"),
        (SendFile("audio", "/10/mp3", "a"), "upload_voice"),
        (SendFile("document", "/10/pdf", "a"), "upload_document"),
        (SendAlbum((SendFile("photo", "/10", "a"), SendFile("photo", "/10", "b"))), "upload_photo"),
        (SendText("hi"), None),
        (SendLocation(1, 2), None),
    ],
)
async def test_the_customer_sees_that_a_file_is_on_its_way(
    telegram: TelegramLookAlike,
    bot: Bot,
    fetcher: FileFetcher,
    desk: str,
    *,
    step: Step,
    action: str | None,
) -> None:
    """While a file is fetched and uploaded its action is shown again and again, and never for what has no file."""
    match step:
        case SendFile():
            step = replace(step, url=desk + step.url)
        case SendAlbum():
            step = SendAlbum(tuple(replace(item, url=desk + item.url) for item in step.items))
    telegram.faults.hold = asyncio.Event()
    telegram.faults.hold_on = None if action else "none"
    sending = asyncio.create_task(send_step(bot, fetcher, HERE, step, manner=Manner(refresh=0.05)))
    if action:
        await telegram.wait_for(lambda: len(telegram.actions) >= 3)
    telegram.faults.hold.set()
    await sending
    assert {made.params["action"] for made in telegram.actions} == ({action} if action else set())
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("action")], "it goes on for ever"


@pytest.mark.parametrize("status", [400, 403, 429, 500])
async def test_a_refused_action_harms_nothing(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, desk: str, status: int
) -> None:
    """It is a courtesy: whatever becomes of it, the file arrives."""
    telegram.next_answer(status, "no", on="sendChatAction", times=100, retry_after=60)
    await send_step(bot, fetcher, HERE, SendFile("photo", f"{desk}/10", "a.jpg"))
    assert [made.method for made in telegram.calls] == ["sendPhoto"]


async def test_a_photo_over_ten_megabytes_goes_as_a_document(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, desk: str
) -> None:
    """Telegram would refuse it as a photo, so that it is not tried."""
    size = 10 * 2**20
    await send_step(bot, fetcher, HERE, SendFile("photo", f"{desk}/{size}", "a.jpg"))
    await send_step(bot, fetcher, HERE, SendFile("photo", f"{desk}/{size + 1}", "a.jpg"))
    assert sent(telegram) == [("sendPhoto", [("a.jpg", size)]), ("sendDocument", [("a.jpg", size + 1)])]
    assert telegram.refused == []


@pytest.mark.parametrize(
    ("start", "method"),
    [
        ("jpeg", "sendPhoto"),
        ("mp4", "sendVideo"),
        ("mp3", "sendAudio"),
        ("ogg", "sendVoice"),
        ("gif", "sendAnimation"),
    ],
)
async def test_refused_content_goes_as_a_document_once(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, desk: str, start: str, method: str
) -> None:
    """A 400 for the content is answered with sendDocument, caption included; a second 400 is final."""
    url = f"{desk}/{len(STARTS[start])}/{start}"
    telegram.next_answer(400, "Bad Request: PHOTO_INVALID_DIMENSIONS", on=method)
    await send_step(bot, fetcher, HERE, SendFile("photo", url, "a.jpg", "see"))
    assert sent(telegram) == [("sendDocument", [("a.jpg", len(STARTS[start]))])]
    assert telegram.calls[0].params["caption"] == "see"
    telegram.next_answer(400, "Bad Request: PHOTO_INVALID_DIMENSIONS", times=2)
    with pytest.raises(NotAccepted):
        await send_step(bot, fetcher, HERE, SendFile("photo", url, "a.jpg", "see"))
    assert len(telegram.calls) == 1
    assert [refused.method for refused in telegram.refused] == [method, method, "sendDocument"]


async def test_errors_leave_by_what_they_mean(telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher) -> None:
    """Blocked is final, 429 says how long, a moved chat says where to, 502 is later, a lost answer is uncertain."""
    telegram.next_answer(403, "Forbidden: bot was blocked by the user")
    with pytest.raises(NotAccepted, match="blocked"):
        await send_step(bot, fetcher, HERE, SendText("x"))
    telegram.next_answer(429, "Too Many Requests", retry_after=3)
    with pytest.raises(Throttled) as throttled:
        await send_step(bot, fetcher, HERE, SendText("x"))
    assert throttled.value.retry_after == 3
    telegram.next_answer(400, "group chat was upgraded", migrate_to_chat_id=-100123)
    with pytest.raises(ChatMoved) as moved:
        await send_step(bot, fetcher, HERE, SendText("x"))
    assert moved.value.new_chat_id == -100123
    telegram.next_answer(502, "Bad Gateway")
    with pytest.raises(Unavailable) as unavailable:
        await send_step(bot, fetcher, HERE, SendText("x"))
    assert type(unavailable.value) is Unavailable
    telegram.faults.lose_next()
    with pytest.raises(Uncertain):
        await send_step(bot, fetcher, HERE, SendText("x"))


async def test_an_upload_whose_answer_is_lost_is_not_sent_as_something_else(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, desk: str
) -> None:
    """Only a 400 falls back: after a lost answer the photo may have arrived."""
    telegram.faults.lose_next()
    with pytest.raises(Uncertain):
        await send_step(bot, fetcher, HERE, SendFile("photo", f"{desk}/10", "a.jpg"))
    assert [made.method for made in telegram.calls] == ["sendPhoto"]


async def test_an_unfetchable_file_sends_nothing(telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher) -> None:
    """A refused URL ends the step before Telegram hears of it."""
    with pytest.raises(NotAccepted):
        await send_step(bot, fetcher, HERE, SendFile("photo", "https://10.0.0.1/x", "a.jpg"))
    assert telegram.calls == []


def telegrams_reading(header: str) -> dict[str, str]:
    """Content-Disposition as Telegram reads it: tdnet/td/net/HttpReader.cpp, parse_multipart_form_data."""
    read: dict[str, str] = {}
    for part in header.removeprefix("form-data;").split(";"):
        key, equals, value = part.partition("=")
        if equals:
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] == '"'
            read[key.strip()] = value[1:-1] if quoted else value
    return read


async def disposition_of(name: str, tmp_path: Path) -> tuple[str, bytes]:
    """The upload's Content-Disposition line as it is on the wire, and the whole request."""
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        if b"sendDocument" in request:
            seen.append(request)
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n{"ok":true,"result":true}')
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfile")
        await writer.drain()
        writer.write_eof()
        await reader.read()

    async with wire(talk) as url, aiohttp.ClientSession() as session:
        fetcher = FileFetcher(tmp_path, frozenset({"127.0.0.1"}))
        try:
            await send_step(open_bot("1:t", url, session), fetcher, Address(1), SendFile("document", f"{url}/f", name))
        finally:
            await fetcher.close()
    match = re.search(rb"\r\nContent-Disposition: ([^\r\n]*filename[^\r\n]*)\r\n", seen[0])
    assert match is not None
    return match[1].decode(), seen[0]


@pytest.mark.parametrize(
    ("name", "arrives"),
    [
        ("Договор № 7.pdf", "Договор № 7.pdf"),
        ("契約書 (最終) 100%25.pdf", "契約書 (最終) 100%25.pdf"),
        ("naïve+café&co=1.txt", "naïve+café&co=1.txt"),
        ("👩‍👩‍👧 family.png", "👩‍👩‍👧 family.png"),
        ('a";name="chat_id.pdf', "a',name='chat_id.pdf"),
        ("a; name=chat_id", "a, name=chat_id"),
        ("a\r\nX-Injected: 1\r\n\r\nbody.pdf", "aX-Injected: 1body.pdf"),
        ("..\\..\\evil/../../etc/passwd", ".._.._evil_.._.._etc_passwd"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("nul\x00.pdf", "nul.pdf"),
        ("", "file"),
        ("..", "file"),
        ("x" * 300 + ".pdf", "x" * (MAX_NAME - 4) + ".pdf"),
    ],
)
async def test_file_names_arrive_as_telegram_reads_them(name: str, arrives: str, tmp_path: Path) -> None:
    """Any name reaches Telegram's own reader as plain UTF-8, and none can rename the form's fields or add headers."""
    header, request = await disposition_of(name, tmp_path)
    assert telegrams_reading(header) == {"name": "document", "filename": arrives}
    assert b"\r\nX-Injected" not in request


@given(st.text())
def test_any_name_becomes_a_fit_one(name: str) -> None:
    """Whatever it was, a name is short, never empty, encodable, on one line, and stays as it is the second time."""
    for fit in (fit_name(name), upload_name(name)):
        assert 0 < len(fit) <= MAX_NAME
        assert fit.encode()
        assert fit.splitlines() == [fit]
        assert fit_name(fit) == fit
        assert fit.strip(".")
    assert not set('";\\/') & set(upload_name(name))


async def test_memory_stays_flat_for_a_fifty_megabyte_upload(
    telegram: TelegramLookAlike, bot: Bot, fetcher: FileFetcher, desk: str
) -> None:
    """Neither download nor upload holds the file in memory."""
    before = resident()
    await send_step(bot, fetcher, HERE, SendFile("document", f"{desk}/{49 * 2**20}", "a.bin"))
    assert sent(telegram) == [("sendDocument", [("a.bin", 49 * 2**20)])]
    assert resident() - before < 20 * 2**20


async def test_a_thousand_calls_take_a_moment(session: aiohttp.ClientSession) -> None:
    """The transport is not what limits sending: 30 calls a second are Telegram's limit, hundreds are ours."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n{"ok":true,"result":true}')

    async with wire(talk) as url:
        bot = open_bot("1:t", url, session)

        async def lane() -> None:
            for _ in range(50):
                await call(bot, "sendMessage", {"chat_id": 1, "text": "hello"})

        bare = await _seconds(bare_lane(url) for _ in range(20))
        took = await _seconds(lane() for _ in range(20))
        assert took < max(5, 40 * bare), "five seconds; on a busy machine, forty times what bare sockets need"
        await session.close()


async def bare_lane(url: str) -> None:
    """Fifty questions and answers without a transport."""
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(url).port)
    for _ in range(50):
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
        await reader.readuntil(b"true}")
    writer.close()
    await writer.wait_closed()


async def _seconds(lanes: Iterable[Coroutine[None, None, None]]) -> float:
    """How long they take together."""
    began = time.perf_counter()
    await asyncio.gather(*lanes)
    return time.perf_counter() - began
