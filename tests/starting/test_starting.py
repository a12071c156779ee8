"""A process that was forked is, for whoever looks at it from outside, as one that a shell has started."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import relay_between
from tests.starting import Done, Started, run

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def cold(arguments: list[str], home: Path, environment: dict[str, str]) -> Done:
    command = [sys.executable, "-m", "relay", *arguments]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False, input="")
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (["--help"], {}),
        (["--version"], {}),
        (["no-such-command"], {}),
        (["run"], {}),
        (["run"], {"TELEGRAM_BOT_TOKEN": "not a token", "RELAY_PORT": "x"}),
        (["status", "--json"], {}),
        (["link", "--utm-source", "flyer"], {}),
    ],
    ids=str,
)
async def test_it_says_and_returns_the_same(tmp_path: Path, arguments: list[str], more: dict[str, str]) -> None:
    """Whatever the arguments, the environment and the .env beside it: the same exit code, output and complaints."""
    (tmp_path / ".env").write_text("KIT_DOMAIN=acme\nKIT_REGION=nowhere\n")
    environment = ENVIRONMENT | more
    warm = await run(arguments, home=tmp_path, environment=environment)
    assert warm == await asyncio.to_thread(cold, arguments, tmp_path, environment)


async def test_it_has_only_what_it_was_given(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """Its own directory, and no file but its own: nothing of the tests, nothing of what was started before it."""
    homes = [tmp_path / "one", tmp_path / "two"]
    async with relay_between(telegram, kit, homes[0]) as one, relay_between(telegram, kit, homes[1]) as two:
        for home, relay in zip(homes, (one, two), strict=True):
            await relay.start()
            assert isinstance(relay.process, Started)
            seen = psutil.Process(relay.process.pid)
            assert seen.cwd() == str(home)
            assert {Path(file.path).parent for file in seen.open_files()} == {home}
        await one.kill()
        assert await two.stop() == 0
    assert one.process is not None
    assert one.process.returncode == -signal.SIGKILL
