"""One Chromium for all tests of a module, since it takes a second to start; a demo for each that breaks things."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.page.demo import Visit, chromium, running_demo, visiting


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A Chromium."""
    async with chromium() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a demo that runs."""
    async with running_demo(tmp_path) as address:
        yield address


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a demo that tests share which leave it in peace."""
    async with running_demo(tmp_path_factory.mktemp("demo")) as address:
        yield address


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Browser, url: str) -> AsyncIterator[Visit]:
    """The page on a laptop."""
    async with visiting(browser, url) as one:
        yield one
