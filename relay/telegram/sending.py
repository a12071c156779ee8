"""One step, one Bot API call: how a `relay.steps.Step` reaches a chat."""

import asyncio
from typing import Final

import structlog
from telegram import Bot, InputFile

from relay.steps import FileKind, SendFile, SendText, Step
from relay.telegram.api import BadContent, call
from relay.telegram.download import FetchedFile, FileFetcher
from relay.telegram.names import upload_name

#: Bytes. https://core.telegram.org/bots/api#sendphoto
MAX_PHOTO: Final = 10 * 2**20
#: Seconds each; together they bound an upload: 50 MB at 3.5 Mbit/s.
UPLOAD_TIMEOUT: Final = 60.0

_METHODS: Final[dict[FileKind, str]] = {
    "photo": "sendPhoto",
    "video": "sendVideo",
    "audio": "sendAudio",
    "document": "sendDocument",
}

log = structlog.get_logger()


async def send_step(bot: Bot, fetcher: FileFetcher, chat_id: int, step: Step) -> None:
    """Carry out the step. Returns when Telegram has confirmed it.

    Raises relay.errors: Uncertain when the request was sent and its answer lost, NotAccepted when another attempt is
    pointless. Not to be cancelled while it runs: whether the message was sent would stay unknown.
    """
    match step:
        case SendText():
            await call(bot, "sendMessage", {"chat_id": chat_id, "text": step.text})
        case SendFile():
            async with fetcher.fetch(step.url) as file:
                await _send_file(bot, chat_id, step, file)


async def _send_file(bot: Bot, chat_id: int, step: SendFile, file: FetchedFile) -> None:
    kind = step.kind
    if kind == "photo" and file.size > MAX_PHOTO:
        kind = "document"
    try:
        await _upload(bot, chat_id, kind, step, file)
    except BadContent as error:
        if kind == "document":
            raise
        # Too wide, no real picture, a codec that Telegram doesn't take: as a plain file it still arrives.
        log.info("step.sent_as_document", chat_id=chat_id, kind=kind, reason=str(error))
        await _upload(bot, chat_id, "document", step, file)


async def _upload(bot: Bot, chat_id: int, kind: FileKind, step: SendFile, file: FetchedFile) -> None:
    with await asyncio.to_thread(file.path.open, "rb") as content:
        await call(
            bot,
            _METHODS[kind],
            {
                "chat_id": chat_id,
                kind: InputFile(content, filename=upload_name(step.name), read_file_handle=False),
                "caption": step.caption,
            },
            read_timeout=UPLOAD_TIMEOUT,
            write_timeout=UPLOAD_TIMEOUT,
        )
