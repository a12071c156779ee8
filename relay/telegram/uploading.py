"""Agents' files: fetched to disk, looked at, uploaded from there as what they are."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from telegram import Bot, InputFile, InputMediaAudio, InputMediaDocument, InputMediaPhoto, InputMediaVideo

from relay.errors import NotAccepted, SourceRefused, SourceUnavailable
from relay.media.inspection.facts import Facts, facts_of
from relay.media.kinds import HEAD, Native, format_of, is_page, native_kind, type_by_bytes
from relay.media.names import best_name, upload_name
from relay.model import Address
from relay.steps import Instead, SendFile
from relay.telegram.albums import kept_waiting, regroup, without
from relay.telegram.api import BadContent, upload
from relay.telegram.download import IDLE, FetchedFile, FileFetcher

#: Seconds after the last byte that moved after which an upload has failed: as long as Telegram may need to answer.
STALL_TIMEOUT: Final = 120.0

#: Between two questions for the same file.
_MOMENT: Final = 1.0

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
    name: str

    def told(self, kind: Native) -> dict[str, object]:
        """What Telegram is told of the file when it goes as this kind."""
        told = {name: value for name in _FACTS.get(kind, ()) if (value := getattr(self.facts, name)) is not None}
        if kind == "document" and (self.step.kind == "document" or self.kind != "document"):
            told["disable_content_type_detection"] = True  # else Telegram makes a sticker of a WebP, a film of an MP4
        return told | ({"supports_streaming": True} if kind == "video" else {})

    def preview(self, kind: Native) -> Path | None:
        """The picture that stands for the file until it is loaded."""
        return self.facts.preview if kind in _WITH_PREVIEW else None


@asynccontextmanager
async def fetched(fetcher: FileFetcher, step: SendFile, max_bytes: int) -> AsyncIterator[Ready]:
    """The file, on disk and looked at, until the block ends. Raises what `FileFetcher.fetch` raises.

    A refusal that leaves the block says whether the file is there for everybody.
    """
    async with AsyncExitStack() as stack:
        ready = await _prepare(stack, fetcher, step, max_bytes)
        with _saying_who_has_it([ready]):
            yield ready


@asynccontextmanager
async def fetched_together(
    fetcher: FileFetcher, items: Sequence[SendFile], max_bytes: int
) -> AsyncIterator[list[Ready] | Instead]:
    """The files of an album, as `fetched`; or, if some cannot be had, what can be done with the others."""
    async with AsyncExitStack() as stack:
        found = await asyncio.gather(
            *(_prepare(stack, fetcher, item, max_bytes) for item in items), return_exceptions=True
        )
        for each in found:
            if isinstance(each, BaseException) and not isinstance(each, SourceRefused | SourceUnavailable):
                raise each
        files = [each for each in found if isinstance(each, Ready)]
        if len(files) < len(items):
            bad = [
                _told_late(item, each) for item, each in zip(items, found, strict=True) if not isinstance(each, Ready)
            ]
            yield Instead(without([ready.step for ready in files], bad))
            return
        with _saying_who_has_it(files):
            yield files


def _told_late(item: SendFile, error: BaseException) -> SendFile:
    return kept_waiting(item, error) if isinstance(error, SourceUnavailable) else item


@contextmanager
def _saying_who_has_it(files: Sequence[Ready]) -> Iterator[None]:
    try:
        yield
    except NotAccepted as error:
        error.file_is_public = all(ready.file.is_public for ready in files)
        raise


async def _fetch_soon(stack: AsyncExitStack, fetcher: FileFetcher, url: str, max_bytes: int) -> FetchedFile:
    """The file, if it can be had soon: a hiccup of its server is not told to anybody."""
    now = asyncio.get_running_loop().time
    until = now() + IDLE
    while True:
        try:
            return await stack.enter_async_context(fetcher.fetch(url, max_bytes))
        except SourceUnavailable as error:
            pause = max(_MOMENT, error.retry_after)
            if now() + pause >= until:
                raise
        await asyncio.sleep(pause)


async def _prepare(stack: AsyncExitStack, fetcher: FileFetcher, step: SendFile, max_bytes: int) -> Ready:
    file = await _fetch_soon(stack, fetcher, step.url, max_bytes)
    head = await asyncio.to_thread(_head, file)
    if is_page(file.name or step.name, head, file.content_type):
        raise SourceRefused("a web page came in place of the file", why="file_is_page")
    name = best_name(
        step.name, is_guess=bool(step.guessed), told=file.name, media_type=type_by_bytes(head, file.content_type)
    )
    kind = native_kind(step.kind, head, file.size, file.content_type, name)
    facts = Facts()
    if kind in _FACTS:
        preview = file.path.with_name(f"{file.path.name}.jpg")
        stack.push_async_callback(asyncio.to_thread, preview.unlink, missing_ok=True)
        facts = await facts_of(file.path, format_of(head, file.content_type, name), preview)
    return Ready(step, file, kind, facts, name)


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
    """Send files together. Returns Telegram's answer, or, if they cannot all stand together, how they can.

    Raises BadContent if one of them is not taken: which one, Telegram does not say.
    """
    steps = regroup([ready.step for ready in files], [ready.kind for ready in files])
    if len(steps) > 1:
        return Instead(steps)
    return await _upload_album(bot, address, files)


async def _upload(bot: Bot, address: Address, kind: Native, ready: Ready, markup: Mapping[str, object]) -> object:
    with ExitStack() as stack:
        parameters: dict[str, object] = {
            **address.parameters(),
            kind: await _open(stack, ready.file.path, ready.name),
            "caption": ready.step.caption,
            **ready.told(kind),
            **_replying(ready.step),
            **markup,
        }
        if preview := ready.preview(kind):
            parameters["thumbnail"] = await _open(stack, preview, "preview.jpg", attach=True)
        return await upload(bot, _METHODS[kind], parameters, write_timeout=STALL_TIMEOUT)


def _replying(step: SendFile) -> dict[str, object]:
    if step.reply_to is None:
        return {}
    return {"reply_parameters": {"message_id": step.reply_to, "allow_sending_without_reply": True}}


async def _upload_album(bot: Bot, address: Address, files: Sequence[Ready]) -> object:
    with ExitStack() as stack:
        media = []
        for ready in files:
            told: dict[str, Any] = {"caption": ready.step.caption, **ready.told(ready.kind)}
            if preview := ready.preview(ready.kind):
                told["thumbnail"] = await _open(stack, preview, "preview.jpg", attach=True)
            media.append(_MEDIA[ready.kind](await _open(stack, ready.file.path, ready.name, attach=True), **told))
        return await upload(
            bot, "sendMediaGroup", {**address.parameters(), "media": media}, write_timeout=STALL_TIMEOUT
        )


async def _open(stack: ExitStack, path: Path, name: str, *, attach: bool = False) -> InputFile:
    content = stack.enter_context(await asyncio.to_thread(path.open, "rb"))
    return InputFile(content, filename=upload_name(name), attach=attach, read_file_handle=False)
