"""One step, one Bot API call: how a `relay.steps.Step` reaches a chat."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from telegram import (
    Bot,
    InputFile,
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
)

from relay.model import Address
from relay.steps import FileKind, SendAlbum, SendContact, SendFile, SendLocation, SendText, SendVenue, Step
from relay.telegram.actions import showing
from relay.telegram.api import BadContent, call
from relay.telegram.download import FetchedFile, FileFetcher
from relay.telegram.kinds import HEAD, Native, native_kind
from relay.telegram.names import upload_name

#: Seconds each; together they bound the upload of one file: 50 MB at 3.5 Mbit/s.
UPLOAD_TIMEOUT: Final = 60.0

_METHODS: Final[dict[Native, str]] = {
    "photo": "sendPhoto",
    "animation": "sendAnimation",
    "video": "sendVideo",
    "voice": "sendVoice",
    "audio": "sendAudio",
    "sticker": "sendSticker",
    "document": "sendDocument",
}
_MEDIA: Final = {
    "photo": InputMediaPhoto,
    "video": InputMediaVideo,
    "audio": InputMediaAudio,
    "document": InputMediaDocument,
}
#: Which kinds may stand in an album whose files have these labels.
_COMPANY: Final[dict[FileKind, frozenset[Native]]] = {
    "photo": frozenset({"photo", "video"}),
    "video": frozenset({"photo", "video"}),
    "audio": frozenset({"audio"}),
    "document": frozenset({"document"}),
}

_Card = SendLocation | SendVenue | SendContact

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Ready:
    """A file on disk, and what it is."""

    step: SendFile
    file: FetchedFile
    kind: Native


async def send_step(bot: Bot, fetcher: FileFetcher, address: Address, step: Step) -> tuple[int, ...]:
    """Carry out the step. Returns the ids of the messages when Telegram has confirmed them, in their order.

    Raises relay.errors: Uncertain when the request was sent and its answer lost, NotAccepted when another attempt is
    pointless. Not to be cancelled while it runs: whether the message was sent would stay unknown.
    """
    match step:
        case SendText():
            keyboard = {} if step.reply_markup is None else {"reply_markup": step.reply_markup}
            return _ids(await call(bot, "sendMessage", {**address.parameters(), "text": step.text, **keyboard}))
        case SendLocation() | SendVenue() | SendContact():
            return await _send_card(bot, address, step)
        case SendFile():
            async with showing(bot, address, step.kind), _fetched(fetcher, [step]) as (ready,):
                return await _send_file(bot, address, ready)
        case SendAlbum():
            async with showing(bot, address, step.items[0].kind), _fetched(fetcher, step.items) as files:
                return await _send_album(bot, address, files)


def _ids(sent: object) -> tuple[int, ...]:
    """The ids in Telegram's answer: a message, or the messages of an album."""
    messages = sent if isinstance(sent, list) else [sent]
    ids = (message.get("message_id") for message in messages if isinstance(message, dict))
    return tuple(number for number in ids if isinstance(number, int))


async def _send_card(bot: Bot, address: Address, card: _Card) -> tuple[int, ...]:
    method, parameters, words = _card(card)
    try:
        return _ids(await call(bot, method, {**address.parameters(), **parameters}))
    except BadContent as error:
        # A number or an address that Telegram does not take still says what it says.
        log.info("step.sent_in_words", chat_id=address.chat_id, method=method, reason=str(error))
        return _ids(await call(bot, "sendMessage", {**address.parameters(), "text": words}))


def _card(card: _Card) -> tuple[str, dict[str, object], str]:
    """Method, parameters, and the same in words."""
    match card:
        case SendContact(number, first, last):
            names = {"first_name": first, "last_name": last}
            return "sendContact", {"phone_number": number, **names}, f"{first} {last or ''}".rstrip() + f"\n{number}"
        case SendVenue(latitude, longitude, title, address):
            point = {"latitude": latitude, "longitude": longitude}
            return "sendVenue", {**point, "title": title, "address": address}, f"{address}\n{latitude}, {longitude}"
        case SendLocation(latitude, longitude):
            return "sendLocation", {"latitude": latitude, "longitude": longitude}, f"{latitude}, {longitude}"


@asynccontextmanager
async def _fetched(fetcher: FileFetcher, steps: Sequence[SendFile]) -> AsyncIterator[list[_Ready]]:
    """The files, all on disk at once and looked at, until the block ends. Raises what `FileFetcher.fetch` raises."""
    async with AsyncExitStack() as stack:
        files: list[_Ready] = []
        for step in steps:
            file = await stack.enter_async_context(fetcher.fetch(step.url))
            head = await asyncio.to_thread(_head, file)
            files.append(_Ready(step, file, native_kind(step.kind, head, file.size, file.content_type, step.name)))
        yield files


def _head(file: FetchedFile) -> bytes:
    with file.path.open("rb") as content:
        return content.read(HEAD)


async def _send_file(bot: Bot, address: Address, ready: _Ready) -> tuple[int, ...]:
    # A sticker has no caption: its words would be lost.
    kind = "document" if ready.kind == "sticker" and ready.step.caption else ready.kind
    try:
        return await _upload(bot, address, kind, ready)
    except BadContent as error:
        if kind == "document":
            raise
        # Too wide, no real picture, a codec that Telegram doesn't take: as a plain file it still arrives.
        log.info("step.sent_as_document", chat_id=address.chat_id, kind=kind, reason=str(error))
        return await _upload(bot, address, "document", ready)


async def _send_album(bot: Bot, address: Address, files: Sequence[_Ready]) -> tuple[int, ...]:
    kinds = [ready.kind for ready in files]
    if not all(ready.kind in _COMPANY[ready.step.kind] for ready in files):
        kinds = ["document"] * len(files)  # which may always stand together
    try:
        return await _upload_album(bot, address, kinds, files)
    except BadContent as error:
        if "document" in kinds:
            raise
        log.info("step.sent_as_document", chat_id=address.chat_id, kind="album", reason=str(error))
        return await _upload_album(bot, address, ["document"] * len(files), files)


async def _upload(bot: Bot, address: Address, kind: Native, ready: _Ready) -> tuple[int, ...]:
    with await asyncio.to_thread(ready.file.path.open, "rb") as content:
        parameters: dict[str, object] = {
            **address.parameters(),
            kind: InputFile(content, filename=upload_name(ready.step.name), read_file_handle=False),
            "caption": ready.step.caption,
        }
        if kind == "video":
            parameters["supports_streaming"] = True
        sent = await call(bot, _METHODS[kind], parameters, read_timeout=UPLOAD_TIMEOUT, write_timeout=UPLOAD_TIMEOUT)
        return _ids(sent)


async def _upload_album(
    bot: Bot, address: Address, kinds: Sequence[Native], files: Sequence[_Ready]
) -> tuple[int, ...]:
    with ExitStack() as stack:
        media = []
        for kind, ready in zip(kinds, files, strict=True):
            content = stack.enter_context(await asyncio.to_thread(ready.file.path.open, "rb"))
            upload = InputFile(content, filename=upload_name(ready.step.name), attach=True, read_file_handle=False)
            more = {"supports_streaming": True} if kind == "video" else {}
            media.append(_MEDIA[kind](upload, caption=ready.step.caption, **more))
        sent = await call(
            bot,
            "sendMediaGroup",
            {**address.parameters(), "media": media},
            read_timeout=UPLOAD_TIMEOUT,
            write_timeout=UPLOAD_TIMEOUT * len(files),
        )
        return _ids(sent)
