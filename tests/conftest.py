"""Tests see nothing of the developer's own settings, and, where that is asked for, may not skip."""

import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from heapq import merge
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from relay.sandbox.kit.control import control_routes as kit_routes
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.control import control_routes as telegram_routes
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.tracing import Tracing

#: Where the tests' files lie unless TMPDIR says otherwise: thousands of times a database waits until it is on its disk.
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - pytest makes directories there that are nobody else's
ENOUGH: Final = 2 << 30  # bytes; a run needs a tenth of it

#: What every run of the suite tries: the same examples each time, however slow the machine is.
settings.register_profile(
    "suite",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
#: Other examples each time, and many: `python -m tests.campaigns.fuzz`.
settings.register_profile(
    "long",
    settings.get_profile("suite"),
    derandomize=False,
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "10000")),
)
settings.load_profile("suite")


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
    async with TelegramLookAlike(limits=False, control=telegram_routes) as look_alike:
        yield look_alike


@pytest.fixture
async def kit() -> AsyncIterator[KitLookAlike]:
    async with KitLookAlike(control=kit_routes) as look_alike:
        yield look_alike


def pytest_configure(config: pytest.Config) -> None:
    """Forget the shell's settings before any test module is imported; lay files into memory, if there is room."""
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)
        tempfile.tempdir = None  # it may have been looked up already
    if os.environ.get("RELAY_TESTS_NO_SKIPS"):
        config.pluginmanager.register(_NoSkips())
    config.pluginmanager.register(Tracing())
    for name in list(os.environ):
        if name.startswith(("RELAY_", "TELEGRAM_", "KIT_")):
            del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files whose tests mostly wait stand among those that compute: while one worker waits, another one works."""
    files = [list(file) for _, file in groupby(items, key=lambda item: item.path)]
    waiting = [file for file in files if "e2e" in file[0].path.parts]
    computing = [file for file in files if "e2e" not in file[0].path.parts]
    mixed = merge(_placed(waiting), _placed(computing), key=itemgetter(0))
    items[:] = [item for _, file in mixed for item in file]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What is loaded by now stays: looking through it for garbage again and again took a sixth of all tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, *gc.get_threshold()[1:])


def _placed(files: list[list[pytest.Item]]) -> Iterator[tuple[float, list[pytest.Item]]]:
    """Each file, and what share of the tests stands before it."""
    total, before = sum(map(len, files)), 0
    for file in files:
        yield before / total, file
        before += len(file)


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
