"""The Telegram look-alike's control API, for the demo, for curl and for benchmarks. JSON both ways.

It stays up while faults are on.
"""

from typing import Any

from aiohttp import BodyPartReader, web

from relay.sandbox.shared.delays import delays
from relay.sandbox.shared.ordering import out_of_order
from relay.sandbox.shared.request_body import asked_of
from relay.sandbox.telegram.files import Kind
from relay.sandbox.telegram.server import TelegramLookAlike

_KINDS: tuple[tuple[str, Kind], ...] = (
    ("image/gif", "animation"),
    ("image/", "photo"),
    ("video/", "video"),
    ("audio/ogg", "voice"),
    ("audio/", "audio"),
)
_MEDIA = ("photo", "video", "animation", "audio", "voice", "video_note", "sticker", "document")


def control_routes(telegram: TelegramLookAlike) -> list[web.RouteDef]:
    """The routes under /sandbox."""
    control = Control(telegram)
    return [
        web.post("/sandbox/customers/{id:-?[0-9]+}/messages", control.say),
        web.get("/sandbox/customers/{id:-?[0-9]+}/messages", control.conversation),
        web.post("/sandbox/backlog", control.backlog),
        web.get("/sandbox/stats", control.stats),
        web.post("/sandbox/faults", control.faults),
        web.post("/sandbox/reset", control.reset),
    ]


class Control:
    """The handlers."""

    def __init__(self, telegram: TelegramLookAlike) -> None:
        self._telegram = telegram

    async def say(self, request: web.Request) -> web.Response:
        """A customer writes {"text", "first_name"?, "language_code"?}, or sends a file (multipart: file, caption)."""
        user_id = int(request.match_info["id"])
        if request.content_type == "multipart/form-data":
            update = await self._send_file(request, user_id)
        else:
            asked = await asked_of(request)
            if not isinstance(asked.get("text"), str):
                raise web.HTTPBadRequest(text="text is missing\n")
            about = {name: asked[name] for name in ("first_name", "last_name", "language_code") if name in asked}
            update = self._telegram.customer(user_id, **about).writes(asked["text"])
        message_id = update["message"]["message_id"]
        return web.json_response({"update_id": update["update_id"], "message_id": message_id})

    async def _send_file(self, request: web.Request, user_id: int) -> dict[str, Any]:
        data, name, mime_type, caption = None, None, "application/octet-stream", None
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                continue
            if part.filename is not None:
                data, name = bytes(await part.read()), part.filename
                mime_type = part.headers.get("Content-Type", mime_type)
            elif part.name == "caption":
                caption = await part.text()
        if data is None:
            raise web.HTTPBadRequest(text="no file")
        kind: Kind = next((kind for prefix, kind in _KINDS if mime_type.startswith(prefix)), "document")
        customer = self._telegram.customer(user_id)
        return customer.sends(kind, data, caption=caption, file_name=name, mime_type=mime_type)

    async def conversation(self, request: web.Request) -> web.Response:
        """What both ends said in a chat, in order."""
        chat = self._telegram.chat(int(request.match_info["id"]))
        return web.json_response([summary(message) for message in chat.conversation])

    async def backlog(self, request: web.Request) -> web.Response:
        """Queue {"updates", "chats"} texts; see TelegramLookAlike.backlog."""
        asked = await asked_of(request)
        self._telegram.backlog(int(asked["updates"]), int(asked["chats"]))
        return web.json_response({"pending": self._telegram.updates.pending_count})

    async def stats(self, _: web.Request) -> web.Response:
        """Counts; monotonic times of the first and the last message sent; how many came out of order in their chat."""
        telegram = self._telegram
        sent = [call for call in telegram.calls if call.message_id is not None]
        return web.json_response(
            {
                "calls": len(telegram.calls),
                "messages": len(sent),
                "refused": len(telegram.refused),
                "too_many_requests": telegram.limits.given,
                "broken_retry_after": telegram.limits.broken,
                "out_of_order": out_of_order((call.chat_id, call.params.get("text")) for call in sent),
                "delay_ms": delays((call.params.get("text"), call.at) for call in sent),
                "first_at": sent[0].at if sent else None,
                "last_at": sent[-1].at if sent else None,
                "polls": telegram.updates.polls,
                "updates_pending": telegram.updates.pending_count,
                "updates_confirmed": telegram.updates.confirmed,
                "answers_lost": telegram.faults.lost,
            }
        )

    async def faults(self, request: web.Request) -> web.Response:
        """Set switches; see Faults.apply. `limits` (a boolean) is one more here."""
        switches = await asked_of(request)
        if isinstance(limits := switches.pop("limits", None), bool):
            self._telegram.limits.on = limits
        try:
            self._telegram.faults.apply(switches)
        except (ValueError, TypeError) as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        return web.json_response({"ok": True})

    async def reset(self, _: web.Request) -> web.Response:
        """Forget everything."""
        self._telegram.reset()
        return web.json_response({"ok": True})


def summary(message: dict[str, Any]) -> dict[str, Any]:
    """A message as a reader of the conversation wants it."""
    line: dict[str, Any] = {"from": "bot" if message.get("from", {}).get("is_bot") else "customer"}
    line |= {name: message[name] for name in ("message_id", "date", "text", "caption") if name in message}
    kind = next((kind for kind in _MEDIA if kind in message), None)
    if kind is not None:
        media = message[kind][-1] if kind == "photo" else message[kind]
        line["kind"] = kind
        line["file"] = {
            name: media[name] for name in ("file_name", "mime_type", "file_size", "file_id") if name in media
        }
    return line
