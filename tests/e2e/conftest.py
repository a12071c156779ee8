"""A relay between the look-alikes, for tests that want no other than the usual one, set up before anything happens."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import InnerRelay, relay_inside
from tests.e2e.process import RelayProcess, relay_between


@pytest.fixture
async def relay(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> AsyncIterator[RelayProcess]:
    """A process of its own that has started."""
    async with relay_between(telegram, kit, tmp_path) as process:
        await process.start()
        yield process


@pytest.fixture
async def inner(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> AsyncIterator[InnerRelay]:
    """In the test's own process, and running: quicker, and its code can be looked into."""
    async with relay_inside(telegram, kit, tmp_path) as running:
        yield running
