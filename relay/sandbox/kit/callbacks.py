"""Kit's calls to the relay's callback URL: signed, written as Kit writes them, and repeated if that is asked for.

https://voximplant.com/kit/docs/channels/custom
"""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp

from relay.sandbox.kit.writing import Style, go_json, php_json
from relay.sandbox.shared.changes import Changes

AGENT: Mapping[str, Any] = {
    "sender_id": 4217,
    "sender_username": "j.smith",
    "sender_display_name": "Джейн Smith",
    "sender_avatar": "https://example.com/a/4217.png",
    "sender_email": "j.smith@example.com",
    "sender_type": "agent",
    "is_bot": False,
}
REPEAT_AFTER = 0.2  #: Seconds between two tries of a callback that is repeated until it is answered 200.
PATIENCE = aiohttp.ClientTimeout(total=30)


@dataclass(frozen=True, slots=True)
class Callback:
    """One callback, ready to be posted."""

    client_id: str
    event_id: str
    body: bytes
    authorization: str


@dataclass(frozen=True, slots=True)
class Posted:
    """How one post of a callback ended."""

    event_id: str | None
    status: int | None  #: None when there was no answer.
    text: str
    seconds: float


class Callbacks:
    """Makes callbacks and posts them."""

    def __init__(self, salt: str, token: str, changes: Changes) -> None:
        self.salt = salt
        self.token = token
        self.url: str | None = None
        self.pretty = True  #: Whether bodies in PHP's style are indented.
        self.style: Style = "php"
        self.made: list[Callback] = []  #: Every event that there was to post, in order.
        self.posted: list[Posted] = []
        self._changes = changes
        self._session: aiohttp.ClientSession | None = None
        self._queues: dict[str, deque[Callback]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def sign(self, event_id: str) -> str:
        """MD5(salt:token:event_id), hexadecimal."""
        return hashlib.md5(f"{self.salt}:{self.token}:{event_id}".encode(), usedforsecurity=False).hexdigest()

    def sign_test(self) -> str:
        """MD5(salt:token), the signature of the request that tests a new channel."""
        return hashlib.md5(f"{self.salt}:{self.token}".encode(), usedforsecurity=False).hexdigest()

    def message(
        self,
        client_id: str,
        text: str | None = None,
        payload: Sequence[Mapping[str, Any]] | None = None,
        *,
        event_id: str | None = None,
        message_id: str | None = None,
        sender: Mapping[str, Any] | None = AGENT,
    ) -> Callback:
        """A send_message. Without `sender`, Kit leaves sender_data out."""
        said: dict[str, Any] = {"message_id": message_id or str(uuid4())}
        said |= {"text": text} if text is not None else {}
        said |= {"payload": list(payload)} if payload else {}
        data: dict[str, Any] = {"sender_data": dict(sender)} if sender is not None else {}
        return self.event(client_id, "send_message", {**data, "message": said}, event_id=event_id)

    def closing(
        self,
        client_id: str,
        reason: str = "CLOSED_BY_AGENT",
        *,
        event_id: str | None = None,
        sender: Mapping[str, Any] | None = None,
    ) -> Callback:
        """A close_conversation."""
        data = {"close_reason": reason} | ({"sender_data": dict(sender)} if sender is not None else {})
        return self.event(client_id, "close_conversation", data, event_id=event_id)

    def event(
        self, client_id: str, event_type: str, event_data: Mapping[str, Any], *, event_id: str | None = None
    ) -> Callback:
        """Any event."""
        event_id = event_id or str(uuid4())
        document = {
            "client_data": {"client_id": client_id},
            "event_id": event_id,
            "event_type": event_type,
            "event_data": dict(event_data),
        }
        body = go_json(document) if self.style == "go" else php_json(document, pretty=self.pretty)
        callback = Callback(client_id, event_id, body, self.sign(event_id))
        self.made.append(callback)
        self._changes.notify()
        return callback

    async def post(self, callback: Callback) -> Posted:
        """Post it once."""
        return await self.request("POST", callback.body, callback.authorization, callback.event_id)

    async def request(
        self, method: str, body: bytes | None, authorization: str | None, event_id: str | None = None
    ) -> Posted:
        """Send anything to the callback URL. Raises LookupError when none is set; every other failure is an outcome."""
        if self.url is None:
            raise LookupError("the look-alike has no callback_url")
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if authorization is not None:
            headers["Authorization"] = authorization
        began = time.monotonic()
        try:
            async with self._client().request(method, self.url, data=body, headers=headers) as answer:
                status, said = answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            status, said = None, type(error).__name__
        posted = Posted(event_id, status, said, time.monotonic() - began)
        self.posted.append(posted)
        self._changes.notify()
        return posted

    def enqueue(self, callbacks: Iterable[Callback]) -> None:
        """Post these in the background, in order for each client, each repeated until it is answered 200."""
        for callback in callbacks:
            queue = self._queues.get(callback.client_id)
            if queue is None:
                queue = self._queues[callback.client_id] = deque()
                task = asyncio.create_task(self._work(callback.client_id, queue), name=f"kit {callback.client_id}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            queue.append(callback)

    @property
    def waiting(self) -> int:
        """How many queued callbacks have not been answered 200 yet."""
        return sum(len(queue) for queue in self._queues.values())

    async def close(self) -> None:
        """Stop repeating and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._queues.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _work(self, client_id: str, queue: deque[Callback]) -> None:
        while queue:
            if (await self.post(queue[0])).status == 200:
                queue.popleft()
                self._changes.notify()
            else:
                await asyncio.sleep(REPEAT_AFTER)
        del self._queues[client_id]

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=PATIENCE, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session
