import asyncio
import os
import re
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from relay.sandbox.demo.running import can_show_a_browser
from tests.starting import run
from tests.waiting import eventually

ENVIRONMENT = {"PATH": os.environ["PATH"]}
PLAYED = [
    "Anna writes:  Hello! My parcel arrived damaged.",
    "the desk shows:  Hello! My parcel arrived damaged.",
    "the desk shows:  Look at this",
    "the browser opens it: 200 image/jpeg, the same bytes",
    "Anna sees a photo:  I am sorry! A new one is on its way, here is the label.",
    "a message and a photo went both ways",
]


@asynccontextmanager
async def demo(*arguments: str, directory: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A demo, which does not outlive its test."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay", "demo", *arguments, cwd=directory, stdout=-1, stderr=asyncio.subprocess.STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def next_line(process: asyncio.subprocess.Process) -> str:
    """What it says next."""
    assert process.stdout is not None
    line = await process.stdout.readline()
    assert line, "it has ended"
    return line.decode()


async def test_the_demo_plays_a_conversation_and_ends(tmp_path: Path) -> None:
    """A text and a photo go both ways through the real relay, and it stops by itself; a kept database does not mind."""
    home = tmp_path / "home"
    for _ in range(2):
        done = await run(("demo", "--once", "--directory", str(home)), home=tmp_path, environment=ENVIRONMENT)
        assert done.code == 0, done
        positions = [done.said.index(line) for line in PLAYED]
        assert positions == sorted(positions)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "relay.db").stat().st_mode) == 0o600


async def test_a_wrong_log_level_is_said_in_words(tmp_path: Path) -> None:
    """Exit 2 and one line, not a traceback."""
    done = await run(("demo", "--once"), home=tmp_path, environment=ENVIRONMENT | {"RELAY_LOG_LEVEL": "loud"})
    [line] = done.complained.splitlines()
    assert done.code == 2
    assert line.startswith("RELAY_LOG_LEVEL: must be one of: DEBUG, INFO")


async def test_a_port_that_is_taken_is_said_in_words(tmp_path: Path) -> None:
    """Asked for by name, it is an error in one line and exit 2; the usual one would give way to another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = ("demo", "--port", str(port), "--no-browser")
        done = await run(arguments, home=tmp_path, environment=ENVIRONMENT)
    assert done.code == 2
    [line] = [*done.said.splitlines(), *done.complained.splitlines()]
    assert line.startswith(f"--port: cannot listen on 127.0.0.1:{port} (Address already in use)")


async def test_the_relay_ends_with_the_demo_however_that_ends(tmp_path: Path) -> None:
    """`kill -9` the demo, and no relay stays behind."""

    async def has_ended() -> bool:
        return not relay.is_running() or relay.status() == psutil.STATUS_ZOMBIE

    async with demo("--port", "0", "--no-browser", directory=tmp_path) as process, asyncio.timeout(90):
        while not (found := re.search(r"as process (\d+)", await next_line(process))):
            pass
        relay = psutil.Process(int(found[1]))
        process.kill()
        await process.wait()
        await eventually(has_ended)


async def test_the_demo_stays_up_says_how_to_talk_and_ends_on_a_signal(tmp_path: Path) -> None:
    """Without --once it waits for a person, the curl lines that it prints work, and it shows what arrives."""
    lines: list[str] = []
    async with demo("--port", "0", "--no-browser", directory=tmp_path) as process, asyncio.timeout(90):
        while not lines or "Ctrl-C ends it" not in lines[-1]:
            lines.append(await next_line(process))
        assert any(line.startswith("The page: http://127.0.0.1:") for line in lines)
        for hint, arrives in (("as the customer", "Thank you!"), ("as the agent", "You are welcome")):
            said = next(line for line in lines if line.strip().startswith(hint))
            curl = await asyncio.create_subprocess_shell(said.split(hint, 1)[1].strip() + " --silent --fail", stdout=-1)
            assert await curl.wait() == 0
            while arrives not in await next_line(process):
                pass
        page = next(line for line in lines if "... as a page" in line).split()[-1]
        curl = await asyncio.create_subprocess_exec("curl", "--silent", "--fail", page, stdout=-1)
        assert b"What needs a person" in (await curl.communicate())[0]
        process.terminate()
        rest, _ = await process.communicate()
    assert process.returncode == 0, rest.decode()


@pytest.mark.parametrize(
    ("terminal", "display", "shown"), [(True, ":0", True), (True, "", False), (False, ":0", False)]
)
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a screen")
def test_a_browser_opens_only_where_somebody_sits(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool, display: str, shown: bool
) -> None:
    """A pipe, a server or a container gets the address in words, and no text browser takes over the terminal."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert can_show_a_browser() is shown
