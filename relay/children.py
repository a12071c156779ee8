"""Child processes for work on media files: what strangers made is decoded there, where a crash or a hang harms nobody.

A child gets no secrets (its environment is nearly empty), little of the machine (see `confinement`), and a time limit.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path


async def run_child(module: str, *arguments: str, seconds: float, directory: Path | None = None) -> tuple[int, bytes]:
    """Run a module as a program of its own: its exit code (negative when it was killed) and what it printed.

    It is killed after so many seconds. Cancelling kills it too.
    """
    # Not asyncio's own processes: one that is cancelled while it begins can leave its waiter waiting for ever.
    child = subprocess.Popen(  # noqa: S603, ASYNC220 - our own module; to start it takes a few milliseconds
        (sys.executable, "-I", "-m", module, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        cwd=directory,
        start_new_session=True,
    )
    try:
        printed, _ = await asyncio.to_thread(child.communicate, timeout=seconds)
    except subprocess.TimeoutExpired:
        printed = b""
    finally:
        child.kill()
        child.wait()
    if child.stdout is not None:
        child.stdout.close()
    return child.returncode, printed
