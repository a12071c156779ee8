"""Child processes for work on media files: what strangers made is decoded there, where a crash or a hang harms nobody.

A child gets no secrets (its environment is nearly empty), little of the machine (see `confinement`), and a time limit.
"""

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
    # Nor the loop's own few threads: names are looked up in them, which would wait for the children.
    own = ThreadPoolExecutor(1)
    try:
        talk = partial(child.communicate, timeout=seconds)
        printed, _ = await asyncio.get_running_loop().run_in_executor(own, talk)
    except subprocess.TimeoutExpired:
        printed = b""
    finally:
        child.kill()
        child.wait()
        own.shutdown(wait=False)
    if child.stdout is not None:
        child.stdout.close()
    return child.returncode, printed
