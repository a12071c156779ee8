"""One Chromium for all tests of a module, since it takes a second to start; a demo for each that breaks things."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.page.cast import gather
from relay.sandbox.page.process import RelayProcess
from relay.sandbox.page.server import Page
from relay.sandbox.page.watch import Watch
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.page.demo import Visit, chromium, running_demo, visiting

#: What must come on a page has as long as everywhere else: five seconds are too few on a busy machine.
expect.set_options(timeout=90_000)


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
    """The address of a demo that tests share which leave it whole: what they break they mend, what waits arrives."""
    async with running_demo(tmp_path_factory.mktemp("demo")) as address:
        yield address


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Browser, shared_url: str) -> AsyncIterator[Visit]:
    """The page on a laptop, of a demo where others have been."""
    async with visiting(browser, shared_url) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def first_visit(browser: Browser, url: str) -> AsyncIterator[Visit]:
    """The page on a laptop, of a demo where nobody has been."""
    async with visiting(browser, url) as one:
        yield one


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramLookAlike]:
    """Telegram, with the demo's customers."""
    async with TelegramLookAlike() as look_alike:
        gather(look_alike)
        yield look_alike


@pytest.fixture
async def kit() -> AsyncIterator[KitLookAlike]:
    """Kit."""
    async with KitLookAlike() as look_alike:
        yield look_alike


@pytest.fixture
def watch(telegram: TelegramLookAlike, kit: KitLookAlike) -> Watch:
    """What follows both, when it is told to."""
    return Watch(telegram, kit)


@pytest.fixture
async def page(telegram: TelegramLookAlike, kit: KitLookAlike, watch: Watch, tmp_path: Path) -> AsyncIterator[Page]:
    """The page between look-alikes, with a relay that was never started."""
    process = RelayProcess(("false",), {}, tmp_path, watch.hear)
    page = Page(telegram, kit, process, watch, relay_url="http://127.0.0.1:1")
    async with page.server:
        yield page
