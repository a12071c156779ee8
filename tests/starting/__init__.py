"""Relays and their commands as processes of their own, without loading the relay anew for each.

Loading takes a second of processor time, and the suite starts hundreds of processes. One has loaded everything and
forks for each of them (`tests/starting/server.py`). What is tested begins after the loading: arguments, environment,
directory, streams, signals and the way it ends are each process's own. Who wants to see the loading says `cold=True`.
"""

import array
import asyncio
import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

_REPOSITORY: Final = Path(__file__).parents[2]


class Started:
    """A process, as far as asyncio's own `Process` is the same. Must be waited for in the loop that started it."""

    def __init__(self, pid: int, end: socket.socket) -> None:
        self.pid = pid
        self._end = end
        self._returncode: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(end, self._ended)

    @property
    def returncode(self) -> int | None:
        """The exit code, or the signal's number below zero; None while it runs."""
        return self._returncode.result() if self._returncode.done() else None

    async def wait(self) -> int:
        """The exit code once it has ended."""
        return await asyncio.shield(self._returncode)

    def send_signal(self, number: int) -> None:
        """Nothing, if it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._end)
        said = self._end.recv(64)
        self._end.close()
        self._returncode.set_result(int(said or -signal.SIGKILL))


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a process that was run to its end."""

    code: int
    said: str  #: On standard output.
    complained: str  #: On standard error.


async def start(
    arguments: Sequence[str],
    *,
    home: Path,
    environment: Mapping[str, str],
    streams: tuple[IO[Any] | int | None, IO[Any], IO[Any]],
    cold: bool = False,
) -> Started | asyncio.subprocess.Process:
    """`relay ARGUMENTS` in that directory, with that environment, and with standard input, output and error.

    What Python itself reads from the environment it reads when it starts: with any of that, the start is a cold one.
    """
    given, output, errors = streams
    if cold or sys.platform != "linux" or any(name.startswith("PYTHON") for name in environment):
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "relay", *arguments),
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL if given is None else given,
            stdout=output,
            stderr=errors,
        )
    return await forked(arguments, home=home, environment=environment, streams=streams)


async def forked(
    arguments: Sequence[str],
    *,
    home: Path,
    environment: Mapping[str, str],
    streams: tuple[IO[Any] | int | None, IO[Any], IO[Any]],
    stopped: bool = False,
) -> Started:
    """The same, never cold. If it is to be `stopped`, it does nothing before SIGCONT: whoever wants to trace it can."""
    given, output, errors = streams
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(0)
    request = json.dumps(
        {"arguments": list(arguments), "home": str(home), "environment": dict(environment), "stopped": stopped}
    )
    with theirs, open(os.devnull, "rb") as nothing:  # noqa: ASYNC230, PTH123 - no disk is waited for
        files = [theirs, nothing if given is None else given, output, errors]
        _send(request.encode(), [file if isinstance(file, int) else file.fileno() for file in files])
    pid = await asyncio.get_running_loop().sock_recv(ours, 64)
    return Started(int(pid), ours)


async def run(
    arguments: Sequence[str], *, home: Path, environment: Mapping[str, str], say: str = "", within: float = 30.0
) -> Done:
    """Run `relay ARGUMENTS` to its end; `say` goes in. Raises TimeoutError, and ends it, after so many seconds."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        given.write(say.encode())
        given.seek(0)
        process = await start(arguments, home=home, environment=environment, streams=(given, output, errors))
        try:
            code = await asyncio.wait_for(process.wait(), within)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        output.seek(0)
        errors.seek(0)
        return Done(code, output.read().decode(), errors.read().decode())


def _send(request: bytes, files: list[int]) -> None:
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
    _server().sendmsg([request], ancillary)


@functools.cache
def _server() -> socket.socket:
    """The other end of the process that forks: one for this process, until it ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            (sys.executable, "-m", "tests.starting.server", str(theirs.fileno())),
            cwd=_REPOSITORY,
            env={"PATH": os.environ["PATH"]},
            pass_fds=(theirs.fileno(),),
        )
    atexit.register(process.wait)
    atexit.register(ours.close)  # first, which ends it
    return ours
