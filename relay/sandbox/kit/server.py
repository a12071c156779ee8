"""A look-alike of Voximplant Kit, as far as a custom channel sees it: token desk, event intake, callbacks, files.

https://voximplant.com/kit/docs/channels/custom. Stricter than the original may be: an event must have exactly the
documented form.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

from aiohttp import web

from relay.sandbox.kit.callbacks import AGENT, Callback, Callbacks, Posted
from relay.sandbox.kit.events import check_event, client_of, parse
from relay.sandbox.kit.files import FileHost, HostedFile
from relay.sandbox.kit.functions import BOT, PROPERTIES
from relay.sandbox.kit.ledger import Ledger, Sent, Traffic
from relay.sandbox.kit.refusal import ACCEPTED, Refused
from relay.sandbox.kit.tokens import Tokens
from relay.sandbox.shared.changes import Changes
from relay.sandbox.shared.content import Content
from relay.sandbox.shared.faults import Faults, cut
from relay.sandbox.shared.serving import Server, no_browser

DOMAIN = "sandbox"
API_TOKEN = "api+token/1=="  # noqa: S105 - opens nothing but the look-alike; it needs percent-encoding on purpose
CHANNEL_UUID = "5f1d7c3a-6f0e-4b53-9a58-0f2f6d6d9b11"
SALT = "S3cr3t-salt"

Seen = TypeVar("Seen")


class KitLookAlike:
    """One Kit account with one custom channel."""

    def __init__(  # noqa: PLR0913 - a channel has so many values
        self,
        domain: str = DOMAIN,
        api_token: str = API_TOKEN,
        channel_uuid: str = CHANNEL_UUID,
        salt: str = SALT,
        *,
        callback_url: str | None = None,
        port: int = 0,
        clock: Callable[[], float] = time.monotonic,
        control: "Callable[[KitLookAlike], list[web.RouteDef]] | None" = None,
    ) -> None:
        self._control = control  #: The routes of `control.control_routes`, for whoever wants them.
        self.domain = domain
        self.api_token = api_token
        self.channel_uuid = channel_uuid
        self.salt = salt
        self.clock = clock
        self.server = Server(self.application, port=port)
        self.faults = Faults(spared=frozenset({"file", "unknown"}))
        self.changes = Changes()
        self.tokens = Tokens(clock, domain, api_token, channel_uuid)
        self.callbacks = Callbacks(salt, api_token, self.changes)
        self.callbacks.url = callback_url
        self.refusals_as_200 = False  #: Answer refusals with status 200 and `success: false`.
        self._begin()

    def _begin(self) -> None:
        self.files = FileHost()
        self.ledger = Ledger()
        self.traffic = Traffic()

    def reset(self) -> None:
        """Forget every event and file and clear the faults; tokens stay good."""
        self.faults.clear()
        self._begin()
        self.changes.notify()

    @property
    def url(self) -> str:
        """The API's base URL, without a slash at the end."""
        return self.server.url

    @property
    def callback_url(self) -> str | None:
        """Where callbacks are posted; may be set once the relay listens."""
        return self.callbacks.url

    @callback_url.setter
    def callback_url(self, url: str | None) -> None:
        self.callbacks.url = url

    def revoke_api_token(self) -> None:
        """Refuse every login and refresh from now on."""
        self.tokens.api_token_revoked = True

    def change_secrets(self, api_token: str, salt: str) -> None:
        """An administrator chooses another API token in the channel's form, and Kit shows another salt."""
        self.api_token = self.tokens.api_token = self.callbacks.token = api_token
        self.salt = self.callbacks.salt = salt
        self.tokens.revoke_all()

    def revoke_access_tokens(self) -> None:
        """End every access token; refresh tokens stay good."""
        self.tokens.revoke_access()

    @property
    def events(self) -> list[Sent]:
        """Every event that was accepted, duplicates too, in the order of arrival."""
        return self.ledger.events

    @property
    def refused(self) -> list[tuple[str, int, str]]:
        """Operation, code and reason of every refusal."""
        return self.ledger.refused

    @property
    def contradictions(self) -> list[str]:
        """event_ids that came again with another body."""
        return self.ledger.contradictions

    @property
    def in_flight_peak(self) -> int:
        """Most event requests at the same time."""
        return self.traffic.peak

    @property
    def overlaps(self) -> int:
        """How often an event came while another of the same client was in flight."""
        return self.traffic.overlaps.total()

    @property
    def clients(self) -> list[str]:
        """The clients that wrote, in the order of their first event."""
        return list(self.ledger.by_client)

    def messages(self, client_id: str | int) -> list[Sent]:
        """A client's events, each event_id once, in the order of first arrival."""
        return list(self.ledger.by_client.get(str(client_id), ()))

    def texts(self, client_id: str | int) -> list[str | None]:
        """The texts of `messages`."""
        return [sent.text for sent in self.ledger.by_client.get(str(client_id), ())]

    async def agent_says(
        self,
        client_id: str | int,
        text: str | None = None,
        payload: Sequence[Mapping[str, Any]] | None = None,
        *,
        event_id: str | None = None,
        message_id: str | None = None,
        sender: Mapping[str, Any] | None = AGENT,
    ) -> int | None:
        """Post an agent's message to the callback URL, once: the status of the answer, None without one."""
        callback = self.callbacks.message(
            str(client_id), text, payload, event_id=event_id, message_id=message_id, sender=sender
        )
        return (await self.callbacks.post(callback)).status

    async def function_says(
        self, client_id: str | int, text: str | None = None, *items: Mapping[str, Any]
    ) -> int | None:
        """Post what a function of Kit's answers, with items as its SDK makes them (`sandbox/kit/functions.py`)."""
        return await self.agent_says(client_id, text, [PROPERTIES, *items], sender=BOT)

    async def close_conversation(self, client_id: str | int, reason: str = "CLOSED_BY_AGENT") -> int | None:
        """Post the end of a conversation, once: the status it was answered with."""
        return (await self.callbacks.post(self.callbacks.closing(str(client_id), reason))).status

    async def test_callback(self, method: str = "GET") -> Posted:
        """The request that Kit makes when the channel is created."""
        return await self.callbacks.request(method, None, self.callbacks.sign_test())

    async def post_callback(self, body: bytes, authorization: str | None = None) -> Posted:
        """Post any bytes under any signature, or none."""
        return await self.callbacks.request("POST", body, authorization)

    def sign(self, event_id: str) -> str:
        """The signature of an event."""
        return self.callbacks.sign(event_id)

    def enqueue_callbacks(self, callbacks: Iterable[Callback]) -> None:
        """Post these in the background, in order for each client, each repeated every 0.2 s until it is answered 200.

        Make them with `kit.callbacks.message`, `.closing` or `.event`.
        """
        self.callbacks.enqueue(callbacks)

    async def callbacks_done(self, timeout: float = 90) -> None:  # noqa: ASYNC109 - the deadline is the contract
        """Wait until every queued callback was answered 200. Raises TimeoutError."""
        await self.wait_for(lambda: not self.callbacks.waiting, timeout)

    def host_file(
        self,
        what: "bytes | int | Content" = 1024,
        name: str = "file.bin",
        content_type: str = "application/octet-stream",
        **switches: Any,  # noqa: ANN401 - the fields of HostedFile
    ) -> str:
        """Host an agent's file (bytes, or so many generated ones): its URL. `switches` are HostedFile's fields."""
        return self.url + self.files.host(HostedFile(Content.of(what), name, content_type, **switches))

    def hosted(self, url: str) -> HostedFile:
        """The file behind a URL of `host_file`, to change its switches or to count its fetches."""
        return self.files.at(url)

    async def wait_for(self, predicate: Callable[[], Seen], timeout: float = 90) -> Seen:  # noqa: ASYNC109 - the deadline is the contract
        """What `predicate` returns, as soon as it is true. Raises TimeoutError, with what had happened until then."""
        try:
            return await self.changes.wait_for(predicate, timeout)
        except TimeoutError:
            raise TimeoutError(
                f"not within {timeout} s: {len(self.events)} events, {len(self.refused)} refused {self.refused[-3:]},"
                f" {self.tokens.logins} logins, {self.callbacks.waiting} callbacks waiting"
            ) from None

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop repeating callbacks and stop serving."""
        await self.callbacks.close()
        await self.server.stop()

    def application(self) -> web.Application:
        """The routes, for one start of the server."""
        application = web.Application(client_max_size=8 << 20, middlewares=[no_browser])
        application.router.add_post("/api/v3/botService/login", self._login)
        application.router.add_post("/api/v3/botService/refreshToken", self._refresh)
        application.router.add_get("/files/{number}/{name}", self._file)
        if self._control is not None:
            application.add_routes(self._control(self))
        application.router.add_post("/{channel_uuid}", self._event)
        application.router.add_get("/{channel_uuid}", self._unknown)
        return application

    async def _login(self, request: web.Request) -> web.Response:
        body = await request.read()
        query = list(request.query.items())
        return await self._answer(request, "login", lambda: self.tokens.login(query, request.content_type, body))

    async def _refresh(self, request: web.Request) -> web.Response:
        body = await request.read()
        query = list(request.query.items())
        return await self._answer(
            request,
            "refreshToken",
            lambda: self.tokens.refresh(query, request.headers, request.content_type, body),
        )

    async def _answer(self, request: web.Request, operation: str, grant: Callable[[], dict[str, str]]) -> web.Response:
        if await self.faults.is_away(request):
            return cut(request)
        scripted = self.faults.take_scripted(operation, None)
        if scripted is not None:
            answer = scripted.response()
        else:
            try:
                answer = web.json_response({"success": True, "result": grant()})
            except Refused as refused:
                answer = self._refuse(operation, refused)
        self.changes.notify()
        return await self.faults.let_out(request, answer, operation, None)

    async def _unknown(self, request: web.Request) -> web.Response:
        """Nothing is to be had there: whoever asks learns that somebody answers."""
        if await self.faults.is_away(request):
            return cut(request)
        scripted = self.faults.take_scripted("unknown", None)
        answer = scripted.response() if scripted is not None else Refused(405, "Method not allowed").response()
        return await self.faults.let_out(request, answer, "unknown", None)

    async def _event(self, request: web.Request) -> web.Response:
        if await self.faults.is_away(request):
            return cut(request)
        with self.traffic.request():
            document = _document(request, await request.read())
            client = client_of(document)
            with self.traffic.of_client(client):
                answer = self._accept(request, document, client)
                return await self.faults.let_out(request, answer, "event", client)

    def _accept(self, request: web.Request, document: object, client: str | None) -> web.Response:
        scripted = self.faults.take_scripted("event", client)
        if scripted is not None:
            self.refused.append(("event", scripted.status, "scripted"))
            self.changes.notify()
            return scripted.response()
        try:
            self._check(request, document)
            self.ledger.record(check_event(document), self.clock())
        except Refused as refused:
            return self._refuse("event", refused)
        self.changes.notify()
        return web.Response(body=ACCEPTED, content_type="application/json")

    def _check(self, request: web.Request, document: object) -> None:
        if request.match_info["channel_uuid"] != self.channel_uuid:
            raise Refused(404, "Channel not found")
        if request.query_string:
            raise Refused(400, "an event takes no query")
        self.tokens.check(request.headers.get("Authorization"))
        if isinstance(document, Refused):
            raise document

    def _refuse(self, operation: str, refused: Refused) -> web.Response:
        self.refused.append((operation, refused.code, refused.reason))
        self.changes.notify()
        return refused.response(as_200=self.refusals_as_200)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        if await self.faults.is_away(request):
            return cut(request)
        scripted = self.faults.take_scripted("file", None)
        if scripted is not None:
            return scripted.response()
        await self.faults.delay("file")
        return cut(request) if self.faults.loses("file", None) else await self.files.answer(request)


def _document(request: web.Request, body: bytes) -> object:
    """The JSON document, or the refusal that it earns: a token is checked first."""
    if request.content_type != "application/json":
        return Refused(400, "Content-Type must be application/json")
    try:
        return parse(body)
    except Refused as refused:
        return refused
