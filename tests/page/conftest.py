from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.page.demo import Visit, chromium, running_demo, visiting


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a demo that runs."""
    async with running_demo(tmp_path) as address:
        yield address


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A Chromium."""
    async with chromium() as one:
        yield one


@pytest.fixture
async def visit(browser: Browser, url: str) -> AsyncIterator[Visit]:
    """The page on a laptop."""
    async with visiting(browser, url) as one:
        yield one
