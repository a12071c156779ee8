"""Child processes for work on media files: what strangers made is decoded there, where a crash or a hang harms nobody.

A child gets no secrets (its environment is nearly empty, and it inherits no open file), nearly nothing of the machine
(see `confinement`), and a time limit.
"""

import asyncio
import os
import select
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

#: Bytes. No child has more to say; one that does has been taken over.
_MOST_PRINTED: Final = 64 * 2**10


async def run_child(module: str, source: Path, result: Path, *arguments: str, seconds: float) -> tuple[int, bytes]:
    """Let a child do the work that a module describes: its exit code (negative when it was killed) and what it printed.

    It reads `source` and writes `result`, and can open nothing else. It is killed after so many seconds, or when it
    prints without end. Cancelling kills it too.
    """
    # Not asyncio's own processes: one that is cancelled while it begins can leave its waiter waiting for ever.
    child = subprocess.Popen(  # noqa: S603, ASYNC220 - our own module; to start it takes a few milliseconds
        (sys.executable, "-I", "-m", "relay.media.child", module, str(source), str(result), *arguments),
        bufsize=0,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        start_new_session=True,
    )
    # Nor the loop's own few threads: names are looked up in them, which would wait for the children.
    own = ThreadPoolExecutor(1)
    try:
        printed = await asyncio.get_running_loop().run_in_executor(own, partial(_hear_out, child, seconds))
    finally:
        child.kill()
        child.wait()
        own.shutdown(wait=False)
    return child.returncode, printed


def _hear_out(child: subprocess.Popen[bytes], seconds: float) -> bytes:
    """What the child printed until it ended; nothing if it did not end in time, or would not stop."""
    deadline = time.monotonic() + seconds
    assert child.stdout is not None  # noqa: S101 - a pipe was asked for
    with child.stdout as pipe:
        printed = _read(pipe.fileno(), deadline)
    try:
        child.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return b""
    return printed


def _read(pipe: int, deadline: float) -> bytes:
    """All that comes out of a pipe; nothing if it does not end in time, or is too much."""
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    printed = b""
    while len(printed) <= _MOST_PRINTED and waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
        chunk = os.read(pipe, _MOST_PRINTED)
        if not chunk:
            return printed
        printed += chunk
    return b""
