"""The relay as the demo's child: it may die, and comes back; and it never outlives the demo."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from relay.sandbox.page.process import Line, RelayProcess, read_line

READY = 'import sys, json, time; print(json.dumps({"event": "relay.ready"}), file=sys.stderr, flush=True); '


def process(tmp_path: Path, code: str, heard: list[Line] | None = None) -> RelayProcess:
    lines = heard if heard is not None else []
    made = RelayProcess((sys.executable, "-c", code), {"PATH": os.environ["PATH"]}, tmp_path, lines.append)
    made.pause = 0.05
    return made


async def test_a_killed_one_is_started_again(tmp_path: Path) -> None:
    """With a new process id, until it is told to stop; then it is asked to end."""
    relay = process(tmp_path, READY + "time.sleep(60)")
    running = asyncio.create_task(relay.run())
    pids = []
    for kills in range(2):
        await relay.changes.wait_for(lambda: relay.state == "running", 90)
        pids.append(relay.pid)
        if not kills:
            assert relay.kill()
            await relay.changes.wait_for(lambda: relay.state == "killed", 90)
    relay.stop()
    assert await asyncio.wait_for(running, 90) == -signal.SIGTERM
    assert len(set(pids)) == relay.starts == 2
    assert relay.kills == 1
    assert not relay.kill()


async def test_one_that_was_never_ready_is_not_started_again(tmp_path: Path) -> None:
    """Wrong settings do not get better by repetition."""
    relay = process(tmp_path, "import sys; print('no', file=sys.stderr); sys.exit(2)")
    running = asyncio.create_task(relay.run())
    assert not await asyncio.wait_for(relay.ready(), 90)
    assert await running == 2
    assert relay.starts == 1


async def test_what_it_logs_is_heard(tmp_path: Path) -> None:
    """Lines of JSON as they are; anything else, a traceback for one, as an event in words."""
    heard: list[Line] = []
    relay = process(tmp_path, READY + "print('Traceback', file=sys.stderr)", heard)
    running = asyncio.create_task(relay.run())
    await relay.changes.wait_for(lambda: relay.state == "killed", 90)
    relay.stop()
    await asyncio.wait_for(running, 90)
    assert heard[:2] == [{"event": "relay.ready"}, {"level": "error", "event": "Traceback"}]


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"event": 1}', b"\xff\xfe", b'"x"'])
def test_any_line_can_be_read(raw: bytes) -> None:
    """Whatever a dying process leaves behind."""
    assert isinstance(read_line(raw)["event"], str)
