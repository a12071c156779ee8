"""Telegram brings updates to a webhook: one of a chat at a time, again until it gets a 2xx.

https://core.telegram.org/bots/api#setwebhook; where that is silent, tdlib/telegram-bot-api WebhookActor.cpp: the pause
after a failure doubles from one second, Retry-After is obeyed, and JSON in the answer is executed if it names a method.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import orjson

from relay.sandbox.telegram.world import World

_LONGEST_PAUSE: Final = 60.0  #: Seconds.
_PATIENCE: Final = aiohttp.ClientTimeout(total=60)

Json = dict[str, Any]


class WebhookSender:
    """Brings what waits in a world's queue to the webhook that is set. `world` and `settings` are asked each time."""

    def __init__(self, world: Callable[[], World], settings: Callable[[], Json]) -> None:
        self._world = world
        self._settings = settings
        self._busy: set[int] = set()  #: Chats with an update on its way.
        self._again_at: dict[int, float] = {}  #: By update: when it may be tried again.
        self._failures: dict[int, int] = {}
        self.last_error: Json = {}  #: What getWebhookInfo says of the last failure.
        self.executed: list[object] = []  #: Answers that the real server would have executed as calls.

    async def run(self) -> None:
        """Until cancelled."""
        async with aiohttp.ClientSession(timeout=_PATIENCE) as session, asyncio.TaskGroup() as tasks:
            while True:
                for update in self._due():
                    self._busy.add(_chat_of(update))
                    tasks.create_task(self._bring(session, update))
                await asyncio.sleep(0.01 if self._world().updates.webhook_url else 0.1)

    def _due(self) -> list[Json]:
        """The first update of each chat that has none on its way, unless it must wait."""
        if not self._world().updates.webhook_url:
            return []
        now, seen, due = time.monotonic(), set(self._busy), []
        for update in self._world().updates.pending:
            chat = _chat_of(update)
            if chat in seen:
                continue
            seen.add(chat)
            if self._again_at.get(update["update_id"], 0.0) <= now:
                due.append(update)
        return due

    async def _bring(self, session: aiohttp.ClientSession, update: Json) -> None:
        number = update["update_id"]
        try:
            pause = await self._post(session, update)
        except (aiohttp.ClientError, TimeoutError) as error:
            pause = self._failed(number, f"Connection failed: {type(error).__name__}")
        finally:
            self._busy.discard(_chat_of(update))
        if pause is None:
            self._world().updates.take(number)
        else:
            self._again_at[number] = time.monotonic() + pause

    async def _post(self, session: aiohttp.ClientSession, update: Json) -> float | None:
        """None when it was taken; else the seconds until the next try."""
        headers = {"Content-Type": "application/json"}
        if secret := self._settings().get("secret_token"):
            headers["X-Telegram-Bot-Api-Secret-Token"] = secret
        url = self._world().updates.webhook_url
        async with session.post(url, data=orjson.dumps(update), headers=headers) as answer:
            body = await answer.read()
            if 200 <= answer.status < 300:
                self._note_execution(body)
                return None
            pause = self._failed(
                update["update_id"], f"Wrong response from the webhook: {answer.status} {answer.reason}"
            )
            asked = answer.headers.get("Retry-After", "")
            return float(asked) if asked.isdecimal() else pause

    def _failed(self, number: int, reason: str) -> float:
        self._failures[number] = self._failures.get(number, 0) + 1
        self.last_error = {"last_error_date": int(time.time()), "last_error_message": reason}
        return min(_LONGEST_PAUSE, 2.0 ** (self._failures[number] - 1))

    def _note_execution(self, body: bytes) -> None:
        try:
            said = orjson.loads(body)
        except orjson.JSONDecodeError:
            return
        if isinstance(said, dict) and "method" in said:
            self.executed.append(said)


def _chat_of(update: Json) -> int:
    """Whose queue it is in: the chat's, or the user's."""
    for held in update.values():
        if isinstance(held, dict):
            whose = held.get("chat") or held.get("from") or held.get("user")
            if isinstance(whose, dict) and isinstance(whose.get("id"), int):
                return int(whose["id"])
    return 0
