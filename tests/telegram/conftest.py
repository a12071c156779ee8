from collections.abc import AsyncIterator

import aiohttp
import pytest
from telegram import Bot

from relay.sandbox.telegram.server import TelegramLookAlike
from relay.telegram.api import open_bot
from relay.telegram.request import open_session


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as opened:
        yield opened


@pytest.fixture
async def bot(telegram: TelegramLookAlike, session: aiohttp.ClientSession) -> Bot:
    return open_bot(telegram.token, telegram.url, session)
