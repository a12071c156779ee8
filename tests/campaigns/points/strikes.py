"""A command of the relay under strace, which strikes it at a chosen call of the kernel."""

import asyncio
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from tests.campaigns.points.scenes import Scene, environment
from tests.starting import Started, forked
from tests.waiting import eventually

#: What writes, forces to the disk, or changes a directory.
CALLS: Final = ("pwrite64", "write", "fdatasync", "fsync", "ftruncate", "rename", "link", "unlink")
#: How a call fails on a disk that is full, and on one that is broken.
FULL: Final = ("pwrite64", "write", "ftruncate")
BROKEN: Final = ("pwrite64", "fdatasync", "fsync")
_WITHIN: Final = 120.0
_CALL: Final = re.compile(r"^(\d+) +(\w+)\(")


async def take(scene: Scene, home: Path, *strace: str) -> int | None:
    """Take the path with these options of strace. Its exit code; None when it was ended by force."""
    process, tracer = await traced(scene.command, home, environment(home), home / "scene.log", strace)
    if scene.until is not None:
        await _ask_to_end(process, home, scene.until)
    code = await asyncio.wait_for(process.wait(), _WITHIN)
    await asyncio.wait_for(tracer.wait(), _WITHIN)  # a process of its own may go on for a moment
    return None if code == -signal.SIGKILL else code


async def traced(
    arguments: Sequence[str], home: Path, values: Mapping[str, str], log: Path, strace: Sequence[str]
) -> tuple[Started, asyncio.subprocess.Process]:
    """`relay ARGUMENTS` with this environment, and the strace that holds it from its first call on."""
    with log.open("ab") as file:
        streams = None, file, file
        process = await forked(arguments, home=home, environment=values, streams=streams, stopped=True)
        await eventually(partial(_has, process.pid, "State", "Tt"))
        tracer = await asyncio.create_subprocess_exec(
            "strace", "-f", "-qq", *strace, "-p", str(process.pid), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    await eventually(partial(_has, process.pid, "TracerPid", "123456789"))
    process.send_signal(signal.SIGCONT)
    return process, tracer


async def _has(pid: int, name: str, beginnings: str) -> bool:
    """Whether the kernel says one of these of the process."""
    lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return status[name][0] in beginnings


async def _ask_to_end(process: Started, home: Path, line: str) -> None:
    async def is_over() -> bool:
        return process.returncode is not None or line in (home / "scene.log").read_text()

    await eventually(is_over, within=_WITHIN)
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)


async def count(scene: Scene, home: Path) -> Counter[str]:
    """How many of each call the path makes."""
    trace = home.with_name(home.name + ".trace")
    code = await take(scene, home, *noting(trace, CALLS))
    if code != 0:
        raise AssertionError((home / "scene.log").read_text()[-2000:])
    return counted(trace)


def noting(trace: Path, calls: Sequence[str]) -> tuple[str, ...]:
    """The options of strace that write these calls down."""
    return ("-o", str(trace), "-e", f"trace={','.join(calls)}")


def counted(trace: Path) -> Counter[str]:
    """How many of each call were written down, in the thread that makes the most of it; strace counts by thread."""
    by_thread: Counter[tuple[str, str]] = Counter()
    for line in trace.read_text().splitlines():
        if (found := _CALL.match(line)) is not None:
            by_thread[found[2], found[1]] += 1
    most: Counter[str] = Counter()
    for (call, _), times in by_thread.items():
        most[call] = max(most[call], times)
    return most


def strike(call: str, how: str, which: int, times: int = 1) -> tuple[str, ...]:
    """The options of strace for the so many-th of these calls, or so many from there on."""
    effect = {"kill": "signal=KILL", "full": "error=ENOSPC", "broken": "error=EIO"}[how]
    when = f"{which}..{which + times - 1}" if times > 1 else str(which)
    return ("-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{effect}:when={when}")
