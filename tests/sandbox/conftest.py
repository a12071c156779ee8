"""Both look-alikes, and a client to talk to them."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from telegram import Bot

from relay.sandbox.telegram.control import control_routes as telegram_routes
from relay.sandbox.telegram.server import TelegramLookAlike

CHAT = 107804195


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramLookAlike]:
    async with TelegramLookAlike(control=telegram_routes) as look_alike:
        yield look_alike


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


@pytest.fixture
async def bot(telegram: TelegramLookAlike) -> AsyncIterator[Bot]:
    telegram.limits.on = False
    telegram.customer(CHAT).writes("hi")
    async with Bot(telegram.token, base_url=f"{telegram.url}/bot", base_file_url=f"{telegram.url}/file/bot") as bot:
        yield bot
