"""What the bot is called at Telegram. Asked beside the messages: nobody waits for it."""

import asyncio
from typing import Any, Final

import structlog
from telegram import Bot

from relay.errors import RelayError
from relay.telegram.api import call

log = structlog.get_logger()

_PAUSE: Final = 60.0  #: Seconds until it is asked again.


class Identity:
    """The bot's name, once `run` has asked for it."""

    def __init__(self, bot: Bot) -> None:
        self.username: str | None = None  #: Without the @; None: not known yet.
        self._bot = bot

    async def run(self) -> None:
        """Ask until Telegram says it."""
        while self.username is None:
            try:
                me: Any = await call(self._bot, "getMe", {}, read_timeout=10.0)
            except RelayError:
                await asyncio.sleep(_PAUSE)  # what is wrong, the poller says
                continue
            name = me.get("username") if isinstance(me, dict) else None
            if not isinstance(name, str):
                return
            self.username = name
            log.info("bot.met", username=name)
