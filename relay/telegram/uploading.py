"""Agents' files: fetched to disk, looked at, uploaded from there as what they are."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from telegram import Bot, InputFile, InputMediaAudio, InputMediaDocument, InputMediaPhoto, InputMediaVideo

from relay.errors import NotAccepted
from relay.media.inspection.facts import Facts, facts_of
from relay.media.kinds import HEAD, Native, format_of, native_kind
from relay.media.names import upload_name
from relay.model import Address
from relay.steps import Instead, SendFile
from relay.telegram.albums import regroup
from relay.telegram.api import BadContent, call
from relay.telegram.download import FetchedFile, FileFetcher

#: Seconds that an upload may take whatever its size, and bytes a second that it must make beyond that.
UPLOAD_TIMEOUT: Final = 60.0
SLOWEST: Final = 2**19

_METHODS: Final[dict[Native, str]] = {
    "photo": "sendPhoto",
    "animation": "sendAnimation",
    "video": "sendVideo",
    "voice": "sendVoice",
    "audio": "sendAudio",
    "sticker": "sendSticker",
    "document": "sendDocument",
}
#: What Telegram wants to be told of each kind.
_FACTS: Final[dict[Native, tuple[str, ...]]] = {
    "animation": ("duration", "width", "height"),
    "video": ("duration", "width", "height"),
    "voice": ("duration",),
    "audio": ("duration", "title", "performer"),
}
_MEDIA: Final = {
    "photo": InputMediaPhoto,
    "video": InputMediaVideo,
    "audio": InputMediaAudio,
    "document": InputMediaDocument,
}
_WITH_PREVIEW: Final = frozenset({"animation", "video"})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ready:
    """A file on disk, and what it is."""

    step: SendFile
    file: FetchedFile
    kind: Native
    facts: Facts

    def told(self, kind: Native) -> dict[str, object]:
        """What Telegram is told of the file when it goes as this kind."""
        told = {name: value for name in _FACTS.get(kind, ()) if (value := getattr(self.facts, name)) is not None}
        return told | ({"supports_streaming": True} if kind == "video" else {})

    def preview(self, kind: Native) -> Path | None:
        """The picture that stands for the file until it is loaded."""
        return self.facts.preview if kind in _WITH_PREVIEW else None


@asynccontextmanager
async def fetched(fetcher: FileFetcher, steps: Sequence[SendFile], max_bytes: int) -> AsyncIterator[list[Ready]]:
    """The files, all on disk at once and looked at, until the block ends. Raises what `FileFetcher.fetch` raises.

    A refusal that leaves the block says whether the files are there for everybody.
    """
    async with AsyncExitStack() as stack:
        files: list[Ready] = []
        for step in steps:
            file = await stack.enter_async_context(fetcher.fetch(step.url, max_bytes))
            head = await asyncio.to_thread(_head, file)
            kind = native_kind(step.kind, head, file.size, file.content_type, step.name)
            facts = Facts()
            if kind in _FACTS:
                preview = file.path.with_name(f"{file.path.name}.jpg")
                stack.push_async_callback(asyncio.to_thread, preview.unlink, missing_ok=True)
                facts = await facts_of(file.path, format_of(head, file.content_type, step.name), preview)
            files.append(Ready(step, file, kind, facts))
        try:
            yield files
        except NotAccepted as error:
            error.file_is_public = all(ready.file.is_public for ready in files)
            raise


def _head(file: FetchedFile) -> bytes:
    with file.path.open("rb") as content:
        return content.read(HEAD)


async def send_file(bot: Bot, address: Address, ready: Ready, markup: Mapping[str, object]) -> object:
    """Send one file as what it is, or, if Telegram does not take it so, as a document. Returns Telegram's answer."""
    # A sticker has no caption: its words would be lost.
    kind = "document" if ready.kind == "sticker" and ready.step.caption else ready.kind
    try:
        return await _upload(bot, address, kind, ready, markup)
    except BadContent as error:
        if kind == "document" or error.blames_keyboard:
            raise
        # Too wide, no real picture, a codec that Telegram doesn't take: as a plain file it still arrives.
        log.info("step.sent_as_document", chat_id=address.chat_id, kind=kind, reason=str(error))
        return await _upload(bot, address, "document", ready, markup)


async def send_album(bot: Bot, address: Address, files: Sequence[Ready]) -> object:
    """Send files together. Returns Telegram's answer, or, if they cannot all stand together, how they can."""
    steps = regroup([ready.step for ready in files], [ready.kind for ready in files])
    if len(steps) > 1:
        return Instead(steps)
    kinds = [ready.kind for ready in files]
    try:
        return await _upload_album(bot, address, kinds, files)
    except BadContent as error:
        if "document" in kinds:
            raise
        log.info("step.sent_as_document", chat_id=address.chat_id, kind="album", reason=str(error))
        return await _upload_album(bot, address, ["document"] * len(files), files)


async def _upload(bot: Bot, address: Address, kind: Native, ready: Ready, markup: Mapping[str, object]) -> object:
    with ExitStack() as stack:
        parameters: dict[str, object] = {
            **address.parameters(),
            kind: await _open(stack, ready.file.path, ready.step.name),
            "caption": ready.step.caption,
            **ready.told(kind),
            **markup,
        }
        if preview := ready.preview(kind):
            parameters["thumbnail"] = await _open(stack, preview, "preview.jpg", attach=True)
        return await _call(bot, _METHODS[kind], parameters, [ready])


async def _upload_album(bot: Bot, address: Address, kinds: Sequence[Native], files: Sequence[Ready]) -> object:
    with ExitStack() as stack:
        media = []
        for kind, ready in zip(kinds, files, strict=True):
            told: dict[str, Any] = {"caption": ready.step.caption, **ready.told(kind)}
            if preview := ready.preview(kind):
                told["thumbnail"] = await _open(stack, preview, "preview.jpg", attach=True)
            media.append(_MEDIA[kind](await _open(stack, ready.file.path, ready.step.name, attach=True), **told))
        return await _call(bot, "sendMediaGroup", {**address.parameters(), "media": media}, files)


async def _open(stack: ExitStack, path: Path, name: str, *, attach: bool = False) -> InputFile:
    content = stack.enter_context(await asyncio.to_thread(path.open, "rb"))
    return InputFile(content, filename=upload_name(name), attach=attach, read_file_handle=False)


async def _call(bot: Bot, method: str, parameters: dict[str, object], files: Sequence[Ready]) -> object:
    size = sum(ready.file.size for ready in files)
    return await call(
        bot, method, parameters, read_timeout=UPLOAD_TIMEOUT, write_timeout=UPLOAD_TIMEOUT + size / SLOWEST
    )
