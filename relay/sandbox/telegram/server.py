"""A look-alike of Telegram's Bot API server: one bot, its chats, and the customers behind them.

Stricter than the original where a mistake would otherwise stay unseen: unknown parameters are refused. What it does not
have: entity parsing, editing and deleting.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self, TypeVar

from aiohttp import web

from relay.sandbox.shared.changes import Changes
from relay.sandbox.shared.content import serve
from relay.sandbox.shared.faults import Faults, ScriptedAnswer, cut
from relay.sandbox.shared.serving import Server, no_browser
from relay.sandbox.telegram.administration import Administration
from relay.sandbox.telegram.call import Incoming, read_call
from relay.sandbox.telegram.chats import Chat, Chats
from relay.sandbox.telegram.customers import Customer
from relay.sandbox.telegram.files import LOCAL_LIMIT, FileStore
from relay.sandbox.telegram.ledger import Call, RefusedCall, made
from relay.sandbox.telegram.limits import Limits
from relay.sandbox.telegram.methods import check_parameters
from relay.sandbox.telegram.refusal import Refused, bad_request
from relay.sandbox.telegram.sending import Sending
from relay.sandbox.telegram.updates import UpdateQueue
from relay.sandbox.telegram.webhooks import WebhookSender
from relay.sandbox.telegram.world import World

TOKEN = "123456789:TEST-bot-token-AAE3x0nothing-to-steal"  # noqa: S105 - opens nothing but the look-alike
UPLOAD_LIMIT = 50 << 20  #: Bytes.
FIRST_UPDATE_ID = 700_000_001
REQUEST_LIMIT = 64 << 20  #: Bytes of a body that is not multipart.

Seen = TypeVar("Seen")


class TelegramLookAlike:
    """The Bot API of one bot at `url`; use `url` as the API's base, `token` as the bot's."""

    def __init__(  # noqa: PLR0913 - a server has so many values
        self,
        token: str = TOKEN,
        *,
        username: str = "sandbox_support_bot",
        limits: bool = True,
        port: int = 0,
        clock: Callable[[], float] = time.monotonic,
        first_update_id: int = FIRST_UPDATE_ID,
        control: "Callable[[TelegramLookAlike], list[web.RouteDef]] | None" = None,
    ) -> None:
        self._control = control  #: The routes of `control.control_routes`, for whoever wants them.
        self.token = token
        self.bot = {
            "id": int(token.partition(":")[0]),
            "is_bot": True,
            "first_name": "Sandbox support",
            "username": username,
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }
        # A message names its author more briefly than getMe does.
        self._author = {name: self.bot[name] for name in ("id", "is_bot", "first_name", "username")}
        self.clock = clock
        self.server = Server(self.application, port=port)
        self.faults = Faults(spared=frozenset({"getUpdates", "file", "sendChatAction", "getUserProfilePhotos"}))
        self.changes = Changes()
        self.upload_limit = UPLOAD_LIMIT
        self._spool: tempfile.TemporaryDirectory[str] | None = None
        self._limited = limits
        self._begin(first_update_id)
        self.webhooks = WebhookSender(lambda: self.world, lambda: self.administration.webhook)
        self._bringing: asyncio.Task[None] | None = None

    def _begin(self, first_update_id: int) -> None:
        self.limits = Limits(self.clock, self._limited)
        self.world = World(self.bot, FileStore(self.clock), self.changes, first_update_id)
        self.sending = Sending(self.files)
        self.administration = Administration(self.world)
        self.administration.webhook_error = lambda: self.webhooks.last_error
        self.customers: dict[int, Customer] = {}
        self.calls: list[Call] = []
        self.actions: list[Call] = []  #: sendChatAction, apart from `calls`: how many there are depends on time.
        self.lookups: list[Call] = []  #: getUserProfilePhotos, apart for the same reason.
        self.introductions: list[Call] = []  #: getMe: it comes when it comes.
        self.refused: list[RefusedCall] = []

    def reset(self) -> None:
        """Forget every chat, call, file and update; update ids go on, faults are cleared."""
        self.faults.clear()
        self._begin(self.updates.next_id)
        self.changes.notify()

    @property
    def chats(self) -> Chats:
        """The chats that the bot may know."""
        return self.world.chats

    @property
    def files(self) -> FileStore:
        """The files that Telegram holds."""
        return self.world.files

    @property
    def updates(self) -> UpdateQueue:
        """What waits for the bot."""
        return self.world.updates

    @property
    def url(self) -> str:
        """Where the server listens, without a slash at the end."""
        return self.server.url

    def customer(
        self, user_id: int = 107804195, *, first_name: str = "Anna", language_code: str | None = "en", **user: str
    ) -> Customer:
        """The customer with this id: the known one, or a new one. `user` adds last_name or username."""
        known = self.customers.get(user_id)
        if known is None:
            details = {"id": user_id, "is_bot": False, "first_name": first_name, **user}
            if language_code is not None:
                details["language_code"] = language_code
            known = self.customers[user_id] = Customer(self.world, details)
        return known

    def chat(self, chat_id: int) -> Chat:
        """What was said in a chat; an empty one for a chat that never wrote."""
        return self.chats.get(chat_id) or Chat(chat_id, {"id": chat_id, "type": "private"})

    def push_update(self, update: dict[str, Any]) -> dict[str, Any]:
        """Queue any raw update; without an update_id it gets the next one. Chats in it are known from now on."""
        self.push_updates([update])
        return update

    def push_updates(self, updates: Iterable[dict[str, Any]]) -> None:
        """Queue many raw updates at once."""
        self.world.push_updates(updates)

    def backlog(self, updates: int, chats: int, *, first_chat: int = 5_000_001) -> None:
        """Queue texts `CHAT:SEQ` from so many customers in turn; SEQ counts from 0 in each chat."""
        customers = [self.customer(first_chat + number, first_name=f"Load {number}") for number in range(chats)]
        self.push_updates(
            {"message": customers[n % chats].message({"text": f"{first_chat + n % chats}:{n // chats}"})}
            for n in range(updates)
        )

    def run_locally(self, directory: Path) -> None:
        """Be a local Bot API server in local mode (`--local`): getFile names files below this directory."""
        self.files.local, self.files.download_limit = directory / self.token, LOCAL_LIMIT
        self.upload_limit = LOCAL_LIMIT

    def kill_file(self, file_id: str) -> None:
        """Make a file unavailable for good."""
        self.files[file_id].alive = False

    def next_answer(
        self,
        status: int,
        description: str = "scripted",
        *,
        on: str | None = None,
        of: int | None = None,
        times: int = 1,
        **parameters: int,
    ) -> None:
        """Answer the next `times` calls (of method `on`, to chat `of`) with a failure in the API's own form.

        `parameters` are retry_after and migrate_to_chat_id.
        """
        document: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
        if parameters:
            document["parameters"] = parameters
        self.faults.answer_next(status, payload=document, on=on, of=of, times=times)

    async def wait_for(self, predicate: Callable[[], Seen], timeout: float = 90) -> Seen:  # noqa: ASYNC109 - the deadline is the contract
        """What `predicate` returns, as soon as it is true. Raises TimeoutError, with what had happened until then."""
        try:
            return await self.changes.wait_for(predicate, timeout)
        except TimeoutError:
            said = ", ".join(
                f"{refused.method} {refused.status} {refused.description}" for refused in self.refused[-3:]
            )
            raise TimeoutError(
                f"not within {timeout} s: {len(self.calls)} calls, {len(self.refused)} refused ({said}),"
                f" {self.updates.pending_count} updates pending, {self.updates.polls} polls"
            ) from None

    async def __aenter__(self) -> Self:
        await self.server.start()
        self._bringing = asyncio.create_task(self.webhooks.run(), name="webhooks")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop serving and remove the spooled uploads."""
        if self._bringing is not None:
            self._bringing.cancel()
            await asyncio.gather(self._bringing, return_exceptions=True)
        await self.server.stop()
        if self._spool is not None:
            self._spool.cleanup()
            self._spool = None

    def application(self) -> web.Application:
        """The routes, for one start of the server."""
        application = web.Application(client_max_size=REQUEST_LIMIT, middlewares=[no_browser])
        application.router.add_route("*", "/bot{token}/{method}", self._bot_api)
        application.router.add_get("/file/bot{token}/{path:.+}", self._download)
        if self._control is not None:
            application.add_routes(self._control(self))
        return application

    async def _bot_api(self, request: web.Request) -> web.Response:
        if await self.faults.is_away(request):
            return cut(request)
        call = Incoming(request.match_info["method"])
        try:
            self._check_entry(request)
            call = await read_call(request, spool=self._spool_path(), upload_limit=self.upload_limit)
            scripted = self.faults.take_scripted(call.method, call.chat)
            answer = self._give(scripted, call) if scripted else self._ok(await self._perform(call))
        except Refused as refused:
            self._note_refusal(call, refused.status, refused.description)
            answer = refused.response()
        return await self.faults.let_out(request, answer, call.method, call.chat)

    def _check_entry(self, request: web.Request) -> None:
        if request.match_info["token"] != self.token:
            raise Refused(401, "Unauthorized")
        if request.method not in ("GET", "POST"):
            raise bad_request("only GET and POST are allowed")

    async def _perform(self, call: Incoming) -> object:
        params = check_parameters(call)
        if call.method == "getUpdates":
            return await self.updates.get(
                offset=params.get("offset", 0),
                limit=params.get("limit", 100),
                seconds=params.get("timeout", 0),
                allowed=params.get("allowed_updates"),
            )
        message_id: int | None = None
        result: object
        if self.sending.sends(call.method):
            messages = self._send(call, params)
            message_id = messages[0]["message_id"]
            result = messages if call.method == "sendMediaGroup" else messages[0]
        else:
            result = self.administration.perform(call.method, params)
        aside = {
            "sendChatAction": self.actions,
            "getUserProfilePhotos": self.lookups,
            "getMe": self.introductions,
        }
        aside.get(call.method, self.calls).append(made(call, params, self.clock(), message_id))
        self.changes.notify()
        return result

    def _send(self, call: Incoming, params: dict[str, Any]) -> list[dict[str, Any]]:
        chat = self.chats.open_chat(params)
        chat.check_thread(params)
        album = params.get("media")
        self.limits.admit(chat.id, len(album) if isinstance(album, list) else 1)
        frame = chat.frame(self._author, params)
        if "business_connection_id" in params:
            frame |= {"from": self.chats.connection(params).raw["user"], "sender_business_bot": self._author}
        contents = self.sending.contents(call.method, params, call.uploads)
        if call.method == "sendMediaGroup":
            frame["media_group_id"] = str(len(self.calls) + 13_000_000_000)
        messages = [{"message_id": chat.next_message_id(), **frame, **fields} for fields in contents]
        for message in messages:
            chat.remember(message)
        chat.show_keyboard(params.get("reply_markup", {}), messages[-1])
        return messages

    def _give(self, scripted: ScriptedAnswer, call: Incoming) -> web.Response:
        chat = call.chat or ""
        self.limits.note_arrival(chat)
        description = "scripted"
        if scripted.status >= 400:
            try:
                document = json.loads(scripted.body)
                description = document["description"]
                self.limits.park(chat, document["parameters"]["retry_after"])
            except (ValueError, KeyError, TypeError):
                pass  # not the API's own form: nothing to remember
        self._note_refusal(call, scripted.status, description)
        return scripted.response()

    def _note_refusal(self, call: Incoming, status: int, description: str) -> None:
        self.refused.append(RefusedCall(call.method, call.chat, call.params, status, description, self.clock()))
        self.changes.notify()

    def _ok(self, result: object) -> web.Response:
        return web.Response(body=json.dumps({"ok": True, "result": result}).encode(), content_type="application/json")

    def _spool_path(self) -> Path:
        if self._spool is None:
            self._spool = tempfile.TemporaryDirectory(prefix="relay-sandbox-")
        return Path(self._spool.name)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        if await self.faults.is_away(request):
            return cut(request)
        scripted = self.faults.take_scripted("file", None)
        if scripted is not None:
            return scripted.response()
        await self.faults.delay("file")
        if self.faults.loses("file", None):
            return cut(request)
        stored = self.files.at(request.match_info["path"])
        if request.match_info["token"] != self.token or stored is None:
            return Refused(404, "Not Found").response()
        return await serve(request, stored.content, content_type="application/octet-stream")
