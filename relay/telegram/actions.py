"""What the customer sees while a file is on its way: "sending a photo…".

Only for files: a long text in parts that wait for their pace shows a part each second, and needs no "typing…" between.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from telegram import Bot

from relay.errors import NotAccepted, Throttled, Unavailable
from relay.model import Address
from relay.steps import FileKind
from relay.telegram.api import call

#: Seconds. Telegram shows an action for five, or until a message arrives.
#: https://core.telegram.org/bots/api#sendchataction
REFRESH: Final = 4.0

_ACTIONS: Final[dict[FileKind, str]] = {
    "photo": "upload_photo",
    "video": "upload_video",
    "audio": "upload_voice",
    "document": "upload_document",
    "any": "upload_document",
}


@asynccontextmanager
async def showing(bot: Bot, address: Address, kind: FileKind, refresh: float = REFRESH) -> AsyncIterator[None]:
    """Show in the chat that a file of this kind is being sent, until the block ends. Never fails and never delays it.

    It is shown again each `refresh` seconds.
    Telegram does not count actions as messages, so no pace holds them up.
    """
    task = asyncio.create_task(_keep_showing(bot, address, _ACTIONS[kind], refresh), name=f"action {address.chat_id}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep_showing(bot: Bot, address: Address, action: str, refresh: float) -> None:
    # It is a courtesy: the step itself will say what is wrong, if anything is.
    where = replace(address, direct_messages_topic_id=None).parameters()  # the one parameter that this method lacks
    while True:
        try:
            await call(bot, "sendChatAction", {**where, "action": action}, read_timeout=refresh)
        except (NotAccepted, Throttled):
            return
        except Unavailable:
            pass
        await asyncio.sleep(refresh)
