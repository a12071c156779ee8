"""The relay as a process of its own, which may be killed at any moment and is started again, as a supervisor would.

What it logs is the page's window into it: one JSON object a line.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from relay.sandbox.shared.changes import Changes

State = Literal["starting", "running", "killed", "stopped"]
Line = dict[str, Any]

#: Seconds from a death to the next start: long enough to be seen.
PAUSE = 3.0
#: Bytes of the longest line that is read; a longer one is passed over.
LONGEST_LINE = 1 << 20


class RelayProcess:
    """One relay: `command` in `home`, with nothing but `environment`. `on_line` is called with what it logs.

    `tool` is how its other commands begin.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        home: Path,
        on_line: Callable[[Line], None],
        *,
        tool: Sequence[str] = (sys.executable, "-m", "relay"),
    ) -> None:
        self.changes = Changes()
        self.state: State = "stopped"
        self.pid: int | None = None
        self.since = 0.0  #: Unix time of the state's beginning.
        self.back_at = 0.0  #: Unix time of the next start, while it is killed.
        self.starts = 0
        self.kills = 0
        self.pause = PAUSE
        self._command = tuple(command)
        self._tool = tuple(tool)
        self._environment = dict(environment)
        self._started_with = dict(environment)
        self._home = home
        self._on_line = on_line
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._was_ready = False
        self._restarting = False

    async def run(self) -> int:
        """Keep it running until `stop`; its exit code. One that ends before it was ever ready is not started again."""
        while True:
            code = await self._live()
            if self._stopping.is_set() or not self._was_ready:
                self._become("stopped")
                return code
            if self._restarting:
                self._restarting = False
                continue
            self.back_at = time.time() + self.pause
            self._become("killed")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self.pause)
            if self._stopping.is_set():
                self._become("stopped")
                return 0

    def kill(self) -> bool:
        """`kill -9`. Whether there was anything to kill."""
        if self._process is None or self._process.returncode is not None:
            return False
        self.kills += 1
        self._process.kill()
        return True

    def is_on(self, setting: str) -> bool:
        """Whether the relay runs, or starts, with this setting switched on."""
        return self._started_with.get(setting) == "true"

    def switch(self, setting: str, *, on: bool) -> None:
        """Switch a setting on or off: the relay stops as it does when it is told to, and starts with it at once."""
        self._environment[setting] = "true" if on else "false"
        self._restart_if_changed()

    def _restart_if_changed(self) -> None:
        """One that starts is left to do so, and one that stops already will start with everything."""
        if self.state != "running" or self._restarting or self._started_with == self._environment:
            return
        if self._process is not None:
            self._restarting = True
            self._process.terminate()

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Another command of `relay`, beside the one that runs: its exit code, and what it said."""
        process = await asyncio.create_subprocess_exec(
            *self._tool,
            *arguments,
            env=self._environment,
            cwd=self._home,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return await process.wait(), said.decode(errors="replace")

    def stop(self) -> None:
        """SIGTERM: it finishes what is in hand; `run` returns."""
        self._stopping.set()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()

    async def ready(self) -> bool:
        """Wait until it relays. False: it ended instead."""
        await self.changes.wait_for(lambda: self.state == "running" or (self.starts and self.state == "stopped"), None)
        return self.state == "running"

    async def _live(self) -> int:
        self.starts += 1
        self._started_with = dict(self._environment)
        self._become("starting")
        process = self._process = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._started_with,
            cwd=self._home,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )
        self.pid = process.pid
        try:
            if self._stopping.is_set():  # asked for while the process was being made
                process.terminate()
            assert process.stderr is not None  # noqa: S101 - a pipe was asked for
            await self._read(process.stderr)
            return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
            self.pid = None

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                raw = await stream.readline()
            except ValueError:
                continue  # longer than LONGEST_LINE
            if not raw:
                return
            line = read_line(raw)
            if line["event"] == "relay.ready":
                self._was_ready = True
                self._become("running")
                self._restart_if_changed()
            self._on_line(line)

    def _become(self, state: State) -> None:
        self.state, self.since = state, time.time()
        self.changes.notify()


def read_line(raw: bytes) -> Line:
    """What a line of the log says; a line that is no JSON object, as a crash leaves it, is an event in words."""
    try:
        line = json.loads(raw)
    except ValueError:
        line = None
    if isinstance(line, dict) and isinstance(line.get("event"), str):
        return line
    return {"level": "error", "event": raw.decode(errors="replace").rstrip()}
