"""What a visitor can do on the page: as a customer, as an agent, and as bad luck."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiohttp import BodyPartReader, web

from relay.sandbox.page.cast import LINKED, person
from relay.sandbox.page.process import RelayProcess
from relay.sandbox.page.relay_view import SETTINGS
from relay.sandbox.page.samples import Sample, sample
from relay.sandbox.page.switches import Switches
from relay.sandbox.page.watch import Watch
from relay.sandbox.shared.request_body import asked_of
from relay.sandbox.telegram.customers import Customer
from relay.sandbox.telegram.files import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of one file, and files of one message.
FILE_LIMIT: Final = 20 << 20
FILES: Final = 10
_KINDS: Final[tuple[tuple[str, Kind], ...]] = (
    ("image/gif", "animation"),
    ("image/svg", "document"),
    ("image/", "photo"),
    ("video/", "video"),
    ("audio/ogg", "voice"),
    ("audio/", "audio"),
)
_REASONS: Final = ("CLOSED_BY_AGENT", "CLOSED_BY_BOT", "CLOSED_BY_CLIENT_TIMEOUT", "CLOSED_BY_UNKNOWN_REASON")

Json = dict[str, Any]


class Deeds:
    """The handlers."""

    def __init__(self, watch: Watch, process: RelayProcess, switches: Switches) -> None:
        self._watch = watch
        self._telegram = watch.telegram
        self._kit = watch.kit
        self._process = process
        self._switches = switches
        self._samples: dict[str, Callable[[Customer], object]] = {
            "start": lambda one: one.starts(_payload_of(one)),
            "link": lambda one: one.starts(LINKED),
            "photo": lambda one: one.sends_photo(sample("parcel.jpg").data),
            "album": lambda one: one.sends_album(
                [("photo", sample(name).data, None) for name in ("parcel.jpg", "corner.jpg", "receipt.jpg")]
            ),
            "voice": lambda one: one.sends_voice(sample("voice.ogg").data),
            "sticker": lambda one: one.sends_sticker(sample("sticker.webp").data, emoji="👋"),
            "location": lambda one: one.sends_location(),
            "contact": lambda one: one.sends_contact(_phone_of(one), own=True),
        }

    def routes(self) -> list[web.RouteDef]:
        """The routes under /do."""
        customer, client = "/do/phone/{id:[0-9]{1,15}}", "/do/desk/{client}"
        return [
            web.post(f"{customer}/text", self.text),
            web.post(f"{customer}/edit", self.edit),
            web.post(f"{customer}/react", self.react),
            web.post(f"{customer}/sample", self.sample),
            web.post(f"{customer}/files", self.files),
            web.post(f"{customer}/press", self.press),
            web.post(f"{customer}/block", self.block),
            web.post(f"{client}/say", self.say),
            web.post(f"{client}/close", self.close),
            web.post("/do/switch", self.switch),
            web.post("/do/setting", self.setting),
            web.post("/do/kill", self.kill),
            web.post("/do/retry", self.retry),
        ]

    async def text(self, request: web.Request) -> web.Response:
        """{"text", "reply_to"?}."""
        asked, customer = await asked_of(request), self._customer(request)
        replied = self._telegram.chat(customer.id).find(asked.get("reply_to") or 0)
        fields = {"reply_to_message": {k: v for k, v in replied.items() if k != "reply_to_message"}} if replied else {}
        customer.writes(_words(asked), **fields)
        return _done()

    async def edit(self, request: web.Request) -> web.Response:
        """{"message_id", "text"}."""
        asked = await asked_of(request)
        message = self._message(request, asked)
        customer, now = self._customer(request), _words(asked)
        if "text" in message:
            customer.edits(message["message_id"], now)
        else:
            edited = {**message, "caption": now, "edit_date": message["date"]}
            customer.sends_raw(edited, "edited_message")
        return _done()

    async def react(self, request: web.Request) -> web.Response:
        """{"message_id", "emoji"}."""
        asked = await asked_of(request)
        message = self._message(request, asked)
        self._customer(request).reacts(message["message_id"], _words(asked, "emoji")[:8])
        return _done()

    async def sample(self, request: web.Request) -> web.Response:
        """{"what"}: one of the things that lie ready."""
        send = self._samples.get(str((await asked_of(request)).get("what")))
        if send is None:
            raise web.HTTPBadRequest(text="there is no such sample\n")
        send(self._customer(request))
        return _done()

    async def files(self, request: web.Request) -> web.Response:
        """Multipart: files, caption. Several pictures become an album."""
        customer = self._customer(request)
        caption, files = await read_form(request)
        if not files:
            raise web.HTTPBadRequest(text="no file\n")
        kinds = [_kind(file) for file in files]
        if len(files) > 1 and set(kinds) <= {"photo", "video"}:
            captions = [caption or None, *([None] * (len(files) - 1))]
            customer.sends_album(
                [(kind, file.data, said) for kind, file, said in zip(kinds, files, captions, strict=True)]
            )
            return _done()
        for kind, file in zip(kinds, files, strict=True):
            customer.sends(kind, file.data, caption=caption or None, file_name=file.name, mime_type=file.mime_type)
            caption = ""
        return _done()

    async def press(self, request: web.Request) -> web.Response:
        """{"message_id", "data"}: a button under a message; {"key"}: one of the keyboard."""
        asked, customer = await asked_of(request), self._customer(request)
        try:
            if "key" in asked:
                customer.presses_key(_words(asked, "key"), phone_number=_phone_of(customer))
            else:
                customer.presses(self._message(request, asked), _words(asked, "data"))
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None
        return _done()

    async def block(self, request: web.Request) -> web.Response:
        """{"blocked"}."""
        asked, customer = await asked_of(request), self._customer(request)
        if asked.get("blocked") is True:
            customer.blocks_bot()
        else:
            customer.unblocks_bot()
        return _done()

    async def say(self, request: web.Request) -> web.Response:
        """An agent answers. Multipart: text, files; or {"text"?, "items"} with Kit's own payload items."""
        client = self._client(request)
        if request.content_type == "multipart/form-data":
            text, files = await read_form(request)
            payload = [self._hosted(file) for file in files]
        else:
            asked = await asked_of(request)
            text, payload = str(asked.get("text") or ""), asked.get("items") or []
        if not text.strip() and not payload:
            raise web.HTTPBadRequest(text="there is nothing to send\n")
        self._kit.enqueue_callbacks([self._kit.callbacks.message(client, text or None, payload)])
        return _done()

    async def close(self, request: web.Request) -> web.Response:
        """{"reason"}."""
        reason = (await asked_of(request)).get("reason")
        if reason not in _REASONS:
            raise web.HTTPBadRequest(text=f"reason must be one of {', '.join(_REASONS)}\n")
        self._kit.enqueue_callbacks([self._kit.callbacks.closing(self._client(request), reason)])
        return _done()

    async def switch(self, request: web.Request) -> web.Response:
        """{"name", "on"}."""
        asked = await asked_of(request)
        try:
            self._switches.turn(str(asked.get("name")), on=asked.get("on") is True)
        except KeyError:
            raise web.HTTPBadRequest(text="there is no such switch\n") from None
        return _done()

    async def setting(self, request: web.Request) -> web.Response:
        """{"name", "on"}: one of the relay's own settings; it restarts with it."""
        asked = await asked_of(request)
        setting = SETTINGS.get(str(asked.get("name")))
        if setting is None:
            raise web.HTTPBadRequest(text="there is no such setting\n")
        self._process.switch(setting, on=asked.get("on") is True)
        return _done()

    async def kill(self, _: web.Request) -> web.Response:
        """`kill -9` the relay."""
        return web.json_response({"killed": self._process.kill()})

    async def retry(self, request: web.Request) -> web.Response:
        """{"delivery"}: `relay dead retry`, as an operator would do it."""
        delivery = (await asked_of(request)).get("delivery")
        if type(delivery) is not int:
            raise web.HTTPBadRequest(text="delivery is missing\n")
        self._watch.reopen(delivery)  # before the log tells what became of it
        code, said = await self._process.command("dead", "retry", str(delivery))
        if "no such dead letter" in said:
            self._watch.bury(delivery, "")
            self._watch.drop(delivery)
            raise web.HTTPConflict(text="somebody else has retried it or dropped it\n")
        if code != 0:
            said = "; ".join(said.splitlines())
            self._watch.bury(delivery, said)
            raise web.HTTPConflict(text=said)
        self._watch.retried(delivery)
        return _done()

    def _customer(self, request: web.Request) -> Customer:
        someone = person(int(request.match_info["id"]))
        if someone is None:
            raise web.HTTPNotFound(text="nobody has this number\n")
        return self._telegram.customer(someone.id)

    def _message(self, request: web.Request, asked: Json) -> Json:
        chat = self._telegram.chat(self._customer(request).id)
        number = asked.get("message_id")
        message = chat.find(number) if isinstance(number, int) else None
        if message is None:
            raise web.HTTPNotFound(text="there is no such message\n")
        return message

    def _client(self, request: web.Request) -> str:
        client = request.match_info["client"]
        if client not in self._kit.clients:
            raise web.HTTPNotFound(text="this client never wrote\n")
        return client

    def _hosted(self, file: Sample) -> Json:
        kind = _kind(file)
        url = self._kit.host_file(file.data, file.name, file.mime_type)
        shown = {"voice": "audio", "animation": "photo"}.get(kind, kind)
        return {"type": shown, "file_name": file.name, "file_url": url}


async def read_form(request: web.Request) -> tuple[str, list[Sample]]:
    """The text and the files of a form. Raises HTTPRequestEntityTooLarge and HTTPBadRequest, in words."""
    text = ""
    files: list[Sample] = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        if part.filename is None:
            text = (await part.text())[:4096]
            continue
        if len(files) == FILES:
            raise web.HTTPBadRequest(text=f"at most {FILES} files at a time\n")
        data = bytearray()
        while chunk := await part.read_chunk(1 << 16):
            data += chunk
            if len(data) > FILE_LIMIT:
                raise web.HTTPRequestEntityTooLarge(FILE_LIMIT, len(data), text="at most 20 MB a file here\n")
            await asyncio.sleep(0)
        mime_type = part.headers.get("Content-Type", "application/octet-stream")
        files.append(Sample(part.filename or "file", mime_type, bytes(data)))
    return text, files


def _kind(file: Sample) -> Kind:
    return next((kind for prefix, kind in _KINDS if file.mime_type.startswith(prefix)), "document")


def _words(asked: Json, name: str = "text") -> str:
    said = asked.get(name)
    if not isinstance(said, str) or not said.strip():
        raise web.HTTPBadRequest(text=f"{name} is missing\n")
    return said[:4096]


def _payload_of(customer: Customer) -> str:
    someone = person(customer.id)
    return someone.payload if someone else ""


def _phone_of(customer: Customer) -> str:
    someone = person(customer.id)
    return someone.phone if someone else ""


def _done() -> web.Response:
    return web.json_response({"ok": True})
