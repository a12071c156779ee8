"""Memory and environment of whoever holds secrets are closed to other programs of the same user."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import COMMAND, relay_between
from tests.waiting import eventually

#: What lets root look into everything. Tests may run as root: both sides go without.
RIGHTS: Final = "-sys_ptrace,-perfmon,-sys_admin"
WITHOUT: Final = () if os.geteuid() else ("setpriv", f"--bounding-set={RIGHTS}", f"--inh-caps={RIGHTS}", "--")


def can_read(path: str) -> bool:
    """Whether a program of the same user gets anything out of it."""
    done = subprocess.run([*WITHOUT, "head", "-c", "1", path], capture_output=True, check=False)
    return done.returncode == 0


def limits_of(pid: int) -> str:
    """What the kernel lets a process have."""
    return Path(f"/proc/{pid}/limits").read_text()


@asynccontextmanager
async def running(command: Sequence[str], **how: object) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(*WITHOUT, *command, **how)  # type: ignore[arg-type]
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def test_a_relays_environment_is_closed(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """Any other program's can be read, so the attempt is a real one; the relay's cannot, nor its memory."""
    async with running(["sleep", "60"]) as other:
        # It gives up rights itself, and until then has more than who reads.
        await eventually(lambda: asyncio.to_thread(can_read, f"/proc/{other.pid}/environ"))
    async with relay_between(telegram, kit, tmp_path) as relay:
        with (tmp_path / "log").open("wb") as log:
            async with running(COMMAND, cwd=tmp_path, env=relay.environment, stdout=log, stderr=log) as process:

                async def answers() -> bool:
                    return (await relay.get("/healthz"))[0] == 200

                await eventually(answers)
                assert not can_read(f"/proc/{process.pid}/environ")
                assert not can_read(f"/proc/{process.pid}/maps")


async def test_a_relay_may_have_as_many_files_open_as_the_machine_lets_it(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """However few a shell or a supervisor gives it to begin with."""
    few = ("prlimit", "--nofile=256:4096")
    async with relay_between(telegram, kit, tmp_path) as relay:
        with (tmp_path / "log").open("wb") as log:
            command = (*few, *COMMAND)
            async with running(command, cwd=tmp_path, env=relay.environment, stdout=log, stderr=log) as process:

                async def answers() -> bool:
                    return (await relay.get("/healthz"))[0] == 200

                await eventually(answers)
                assert "Max open files            4096                 4096" in limits_of(process.pid)
