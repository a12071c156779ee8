"""Updates by webhook: Telegram brings them, and this room sees to it that it knows where.

Telegram brings one update of a chat at a time, and again until it gets a 2xx, for 24 hours at most.
https://core.telegram.org/bots/api#setwebhook
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from telegram import Bot

from relay.errors import CredentialsRefused, RelayError, StoreUnavailable, Throttled, Unavailable
from relay.telegram.api import call
from relay.telegram.polling import ALLOWED_UPDATES, PollState, rest

#: Seconds between two questions to Telegram how its webhook is doing.
LOOK: Final = 30.0
#: Seconds after a failure, at first and at most; and at most while Telegram refuses the token.
_PAUSE: Final = 1.0
_LONGEST: Final = 4.0
_REFUSED: Final = 30.0
#: What Telegram may have open to us at the same time: one update for each chat. Its own default is 40.
_CONNECTIONS: Final = 100
_PATIENCE: Final = 10.0

log = structlog.get_logger()


class Webhook:
    """Keeps one bot's webhook set to `url`. `registered` is told each time that Telegram has been told anew."""

    def __init__(
        self,
        bot: Bot,
        url: str,
        secret: str,
        *,
        registered: Callable[[], Awaitable[None]],
        on_failure: Callable[[], None] = lambda: None,
        look: float = LOOK,
    ) -> None:
        self._bot = bot
        self._url = url
        self._secret = secret
        self._registered = registered
        self._on_failure = on_failure
        self._look = look
        self._hurried = asyncio.Event()
        self._state = PollState(last_success=None, error=None)

    def state(self) -> PollState:
        """How updates come in, for readiness. Success is an answer of Telegram's that says that all is well."""
        return self._state

    def hurry(self) -> None:
        """Telegram is there again: ask it now."""
        self._hurried.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Register, and look again and again, until `stop`. The webhook stays: what comes meanwhile waits there."""
        stopping = asyncio.create_task(stop.wait(), name="webhook: stop")
        failures = 0
        try:
            while not stop.is_set():
                self._hurried.clear()
                try:
                    await self._round()
                except RelayError as error:
                    failures += 1
                    seconds = _pause_after(error, failures)
                    self._failed(error, seconds)
                else:
                    failures, seconds = 0, self._look
                await rest(seconds, stopping, self._hurried)
        finally:
            stopping.cancel()

    async def _round(self) -> None:
        info = await self._ask("getWebhookInfo", {})
        if info.get("url") != self._url or not _asks_for_all(info):
            await self._register(known=str(info.get("url") or ""))
        self._note(info)

    async def _register(self, *, known: str) -> None:
        if known and known != self._url:
            log.warning("webhook.replaced", reason="Telegram brought the updates to another address")
        await call(
            self._bot,
            "setWebhook",
            {
                "url": self._url,
                "secret_token": self._secret,
                "allowed_updates": ALLOWED_UPDATES,
                "max_connections": _CONNECTIONS,
            },
            read_timeout=_PATIENCE,
        )
        await self._registered()
        log.info("webhook.registered")

    async def _ask(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        answer = await call(self._bot, method, parameters, read_timeout=_PATIENCE)
        if not isinstance(answer, dict):
            raise Unavailable(f"Telegram answered {method} with something else than an object")
        return answer

    def _note(self, info: dict[str, Any]) -> None:
        """What Telegram says of its last calls. An old error after which nothing waits is over."""
        waiting, said = info.get("pending_update_count"), info.get("last_error_message")
        if waiting and isinstance(said, str):
            reason = f"Telegram cannot bring updates ({waiting} wait): {said[:200]}"
            self._state = PollState(self._state.last_success, reason)
            log.warning("webhook.failing", waiting=waiting, reason=said[:200])
        else:
            self._state = PollState(time.monotonic(), None)

    def _failed(self, error: RelayError, pause: float) -> None:
        words = None if isinstance(error, StoreUnavailable) else str(error)
        self._state = PollState(self._state.last_success, words)
        log.warning("webhook.unasked", reason=str(error), pause=round(pause, 1))
        if not isinstance(error, CredentialsRefused | StoreUnavailable | Throttled):
            self._on_failure()


def _pause_after(error: RelayError, failures: int) -> float:
    if isinstance(error, Throttled):
        return error.retry_after
    longest = _REFUSED if isinstance(error, CredentialsRefused) else _LONGEST
    return min(longest, _PAUSE * 2.0 ** min(failures - 1, 10))


def _asks_for_all(info: dict[str, Any]) -> bool:
    kinds = info.get("allowed_updates")
    return isinstance(kinds, list) and set(kinds) == set(ALLOWED_UPDATES)


async def give_up_webhook(bot: Bot, url: str) -> bool:
    """End the webhook if it is ours, so that updates can be polled; nothing is dropped. Whether it was.

    Raises RelayError.
    """
    info = await call(bot, "getWebhookInfo", {}, read_timeout=_PATIENCE)
    if not isinstance(info, dict) or info.get("url") != url:
        return False
    await call(bot, "deleteWebhook", {"drop_pending_updates": False}, read_timeout=_PATIENCE)
    log.info("webhook.given_up", reason="the relay polls")
    return True
