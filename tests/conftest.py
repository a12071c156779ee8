"""Tests see nothing of the developer's own settings, and, where that is asked for, may not skip."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from relay.sandbox.kit import KitLookAlike
from relay.sandbox.telegram import TelegramLookAlike

#: For `pytest --hypothesis-profile long`: minutes where the suite takes seconds.
settings.register_profile("long", max_examples=10_000, deadline=None)


@pytest.fixture(scope="session", autouse=True)
def _away_from_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No `.env` and no `data/` of the developer's: tests run in a directory of their own."""
    home = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("cwd"))
    yield
    os.chdir(home)


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramLookAlike]:
    """A Telegram that sends nobody away for writing too fast."""
    async with TelegramLookAlike(limits=False) as look_alike:
        yield look_alike


@pytest.fixture
async def kit() -> AsyncIterator[KitLookAlike]:
    async with KitLookAlike() as look_alike:
        yield look_alike


def pytest_configure(config: pytest.Config) -> None:
    """Forget the shell's settings before any test module is imported."""
    if os.environ.get("RELAY_TESTS_NO_SKIPS"):
        config.pluginmanager.register(_NoSkips())
    for name in list(os.environ):
        if name.startswith(("RELAY_", "TELEGRAM_", "KIT_")):
            del os.environ[name]


class _NoSkips:
    """Where every test must run, a skipped one fails the session."""

    def __init__(self) -> None:
        self._skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._skipped.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._skipped.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._skipped:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for nodeid in self._skipped:
            terminalreporter.write_line(f"skipped, which counts as a failure here: {nodeid}", red=True)
