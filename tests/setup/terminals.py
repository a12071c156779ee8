"""A terminal with `relay setup` in it, as somebody who sits before it has it."""

import asyncio
import fcntl
import os
import sys
import termios
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import eventually


@dataclass(slots=True)
class Terminal:
    """What is seen, and who types."""

    screen: int
    process: asyncio.subprocess.Process
    seen: str = ""
    _read: int = 0

    async def until(self, words: str) -> str:
        """Wait until these words stand there, below what was waited for before; what is new up to them."""
        return await asyncio.wait_for(asyncio.to_thread(self._read_until, words), 90)

    async def answers(self, words: str, line: str) -> str:
        """Wait for a question, and answer it."""
        seen = await self.until(words)
        os.write(self.screen, f"{line}\n".encode())
        return seen

    def press(self, keys: bytes) -> None:
        """Keys without Enter."""
        os.write(self.screen, keys)

    async def waits_for_keys(self) -> None:
        """Until it sleeps over its question: Python sees a Ctrl-C at once only from then on."""
        state = Path(f"/proc/{self.process.pid}/stat")

        async def sleeps() -> bool:
            return state.read_text().rpartition(")")[2].split()[0] == "S"  # noqa: ASYNC240 - proc is no disk

        await eventually(sleeps)

    async def ended(self) -> int:
        """Its exit code; what it said last is seen too."""
        code = await asyncio.wait_for(self.process.wait(), 90)
        await asyncio.to_thread(self._read_rest)
        return code

    def _read_until(self, words: str) -> str:
        while (found := self.seen.find(words, self._read)) < 0:
            self.seen += os.read(self.screen, 4096).decode()
        new, self._read = self.seen[self._read : found], found + len(words)
        return new

    def _read_rest(self) -> None:
        try:
            while data := os.read(self.screen, 4096):
                self.seen += data.decode()
        except OSError:  # Linux says so when the last who had it open is gone
            return


@asynccontextmanager
async def setting_up(
    home: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Terminal]:
    """`relay setup` on a terminal of its own until the end of the block."""
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "relay", "setup", *arguments),
        cwd=home,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), **(environment or {})},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=_with_this_terminal,
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(ours)


def _with_this_terminal() -> None:
    """As a shell starts a program: Ctrl-C on the terminal is a SIGINT to it."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
