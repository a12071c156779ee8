"""A child that a stranger's file has taken over finds nothing: no secret, no file, no process, no network."""

import asyncio
import json
import platform
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from relay.media.confinement.landlock import landlock_version
from relay.media.confinement.seccomp import has_filters
from relay.media.subprocesses import run_child
from tests.confinement.hostile import DENIED
from tests.confinement.surroundings import FORKS, HOSTILE, SECRET, Surroundings, got_through, surrounded
from tests.waiting import eventually

needs_kernel = pytest.mark.skipif(
    not (landlock_version() >= 2 and has_filters() and platform.machine() == "x86_64"),
    reason="needs Linux 5.19 or newer with Landlock and seccomp, on x86-64",
)


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Surroundings]:
    """What a relay has, with a secret in the environment of this process."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", SECRET)
    with surrounded(tmp_path) as found:
        yield found


@needs_kernel
@pytest.mark.parametrize("lacks", [[], ["newer than 2"]], ids=["this kernel", "Debian 12's"])
async def test_it_is_denied_everything(surroundings: Surroundings, lacks: list[str]) -> None:
    """Every /proc/*/environ and mem, the database, .env, TCP, UDP, Unix sockets, signals, exec, fork, ptrace, writing.

    Also where Landlock knows no rule for TCP and signals. It has its threads, its result and its memory, no more.
    """
    found = await surroundings.tries(lacks=lacks)
    assert got_through(found) == {}
    assert len(found["attempts"]) > 200
    assert (found["thread"], found["result"], found["memory"]) == ("done", "done", "MemoryError")
    assert found["environment"] == ["LANG", "LC_CTYPE", "PATH"] or found["environment"] == ["LANG", "PATH"]
    assert found["open"] == [0, 1, 2, 3], "standard streams, and the source"
    assert surroundings.state() == surroundings.before
    assert surroundings.signals() == 0
    with pytest.raises(BlockingIOError):
        surroundings.heard.recv(100)


@needs_kernel
async def test_the_attempts_are_real(surroundings: Surroundings) -> None:
    """The same child gets through with nearly all of it where nothing holds it: then a denial says something."""
    found = await surroundings.tries(lacks=["Landlock", "seccomp"], skip=FORKS)
    attempts: dict[str, str] = found["attempts"]
    asked = {name: answer for name, answer in attempts.items() if not name.startswith("call ")}
    missed = {name: answer for name, answer in asked.items() if answer in DENIED}
    assert len(missed) < len(asked) / 4, missed
    for name in ("TCP", "UDP", "Unix socket", "abstract Unix socket", "fork", "start a program", "signal by a pipe"):
        assert attempts[name] == "done", name
    assert attempts[f"read {surroundings.folder}/.env"] == attempts["read /proc/self/environ"] == "done"
    reached = [name for name, answer in attempts.items() if name.startswith("call ") and answer != "ENOSYS"]
    assert len(reached) > 60
    assert surroundings.signals() > 0
    assert surroundings.state() != surroundings.before


@needs_kernel
@pytest.mark.parametrize(
    ("lacks", "still"),
    [
        ("seccomp", ("read {}/.env", "read /proc/self/environ", "start a program", "list /proc", "TCP")),
        ("Landlock", ("TCP", "UDP", "Unix socket", "fork", "start a program", "signal to another", "call ptrace")),
    ],
)
async def test_one_holds_without_the_other(surroundings: Surroundings, lacks: str, still: tuple[str, ...]) -> None:
    """An older kernel may lack either: the child still works, and what the other one holds is held."""
    found = await surroundings.tries(lacks=[lacks], skip=FORKS)
    assert {found["attempts"][name.format(surroundings.folder)] for name in still} <= DENIED
    assert (found["thread"], found["result"]) == ("done", "done")


def of_process(process: psutil.Process, name: str) -> str:
    """What the kernel says of it."""
    return Path(f"/proc/{process.pid}/{name}").read_text()


@pytest.fixture
async def waiting(tmp_path: Path) -> AsyncIterator[psutil.Process]:
    """A child that has been confined, and waits."""
    (tmp_path / "source").touch()
    told = json.dumps({"only": "wait"})
    task = asyncio.create_task(run_child(HOSTILE, tmp_path / "source", tmp_path / "result", told, seconds=60))
    found: list[psutil.Process] = []

    async def is_confined() -> bool:
        found[:] = [each for each in psutil.Process().children() if HOSTILE in each.cmdline()]
        return bool(found) and "Seccomp:\t2" in of_process(found[0], "status")

    await eventually(is_confined)
    yield found[0]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@needs_kernel
async def test_it_can_gain_no_rights_and_goes_first_when_memory_is_short(waiting: psutil.Process) -> None:
    """No program with more rights gives it any, and the kernel ends it before the relay."""
    assert "NoNewPrivs:\t1" in of_process(waiting, "status")
    assert of_process(waiting, "oom_score_adj") == "1000\n"
    assert waiting.nice() >= 10


@needs_kernel
async def test_a_call_in_i386s_way_ends_it(tmp_path: Path) -> None:
    """Its numbers mean other calls on the same processor, so the kernel itself is asked whether the filter knows."""
    (tmp_path / "source").touch()
    codes = []
    for lacks in (["seccomp"], []):
        told = json.dumps({"only": "i386", "lacks": lacks})
        code, _ = await run_child(HOSTILE, tmp_path / "source", tmp_path / "result", told, seconds=50)
        codes.append(code)
    is_known = codes[0] == 0  # else this kernel has no such calls
    assert codes[1] == -(signal.SIGSYS if is_known else signal.SIGSEGV)


async def test_one_that_prints_without_end_is_ended(tmp_path: Path) -> None:
    """What a child says is kept in the relay's memory: it is let say a little, and then it is taken over."""
    (tmp_path / "source").touch()
    told = json.dumps({"only": "print"})
    code, printed = await run_child(HOSTILE, tmp_path / "source", tmp_path / "result", told, seconds=50)
    assert code != 0
    assert printed == b""


def test_its_result_is_nobody_elses_to_read(tmp_path: Path) -> None:
    """Whatever the umask was."""
    source, result = tmp_path / "source", tmp_path / "result"
    source.write_bytes(b"nonsense")
    command = [
        sys.executable,
        "-I",
        "-m",
        "relay.media.child",
        "relay.media.inspection.look",
        str(source),
        str(result),
        "mp4",
    ]
    subprocess.run(command, check=False, capture_output=True, umask=0)
    assert stat.S_IMODE(result.stat().st_mode) == 0o600
