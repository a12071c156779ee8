"""What a relay has around it, for a hostile child to try: secrets, files, sockets, and another process."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from relay.media.subprocesses import run_child
from tests.confinement.hostile import DENIED

HOSTILE: Final = "tests.confinement.hostile"
#: What really makes a process or a queue, so that nobody tries it where nothing stands in the way.
FORKS: Final = ("call fork", "call vfork", "call clone", "call msgget")
SECRET: Final = "7:canary-of-the-relay"

VICTIM: Final = """
import signal, sys
came = []
signal.signal(signal.SIGUSR1, lambda *_: came.append(1))
print("ready", flush=True)
sys.stdin.readline()
print(len(came), flush=True)
"""


@dataclass
class Surroundings:
    """What a relay has around it, in this test's own process and folders."""

    folder: Path
    told: dict[str, Any]
    victim: subprocess.Popen[str]
    heard: socket.socket  #: Takes datagrams.
    before: dict[Path, tuple[bytes, int, int]] = field(default_factory=dict)

    async def tries(self, **more: Any) -> dict[str, Any]:
        """Everything, by a child that was started as every child is."""
        told = json.dumps({**self.told, **more})
        code, printed = await run_child(HOSTILE, self.folder / "source", self.folder / "result", told, seconds=50)
        assert code == 0, printed
        found: dict[str, Any] = json.loads(printed)
        return found

    def signals(self) -> int:
        """How many the victim got. Asks it once."""
        said, _ = self.victim.communicate("\n", timeout=90)
        return int(said)

    def state(self) -> dict[Path, tuple[bytes, int, int]]:
        """Content, mode and age of every file."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.name != "result"]
        return {path: (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns) for path in sorted(files)}


def got_through(found: dict[str, Any]) -> dict[str, str]:
    """What was not denied, with what came of it. A process that had ended meanwhile is none that was looked into."""
    answers = found["attempts"].items()
    ended = {name for name, answer in answers if answer == "ENOENT" and name.startswith("read /proc/")}
    return {name: answer for name, answer in answers if answer not in DENIED and name not in ended}


@contextmanager
def surrounded(folder: Path) -> Iterator[Surroundings]:
    """A database, settings, sockets that listen, and another process of the same user."""
    (folder / "data").mkdir()
    files = [folder / name for name in (".env", "data/relay.db", "data/relay.db-wal", "source")]
    for file in files:
        file.write_text(SECRET)
    link = folder / "link"
    link.symlink_to("data/relay.db")
    abstract = f"relay-{os.getpid()}"
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.socket(*kind)) for kind in [(2, 1), (2, 2), (1, 1), (1, 1)]]
        for each, address in zip(opened, [("127.0.0.1", 0)] * 2 + [str(folder / "s"), "\0" + abstract], strict=True):
            each.bind(address)
        for each in (opened[0], opened[2], opened[3]):
            each.listen()
        opened[1].setblocking(False)  # noqa: FBT003 - that is its name
        command = [sys.executable, "-I", "-c", VICTIM]
        victim = stack.enter_context(subprocess.Popen(command, stdin=-1, stdout=-1, text=True))
        stack.callback(victim.kill)
        assert victim.stdout is not None
        assert victim.stdout.readline() == "ready\n"
        told = {
            "processes": psutil.pids(),
            "files": [str(file) for file in files],
            "links": [str(link), "/proc/self/root/etc/passwd", "/dev/fd/../environ"],
            "folders": [str(folder), str(folder / "data"), "/tmp"],  # noqa: S108 - to be tried
            "tcp": opened[0].getsockname()[1],
            "udp": opened[1].getsockname()[1],
            "unix": str(folder / "s"),
            "abstract": abstract,
            "victim": victim.pid,
        }
        found = Surroundings(folder, told, victim, opened[1])
        found.before = found.state()
        yield found
