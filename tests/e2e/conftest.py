from collections.abc import AsyncIterator

import pytest

from relay.sandbox.kit import KitLookAlike
from relay.sandbox.telegram import TelegramLookAlike


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramLookAlike]:
    async with TelegramLookAlike(limits=False) as look_alike:
        yield look_alike


@pytest.fixture
async def kit() -> AsyncIterator[KitLookAlike]:
    async with KitLookAlike() as look_alike:
        yield look_alike
