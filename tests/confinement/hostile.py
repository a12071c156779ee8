"""What a child does that a stranger's file has taken over: it tries everything, and says what the kernel answered.

It is started as every child is, by `run_child`: `work` is told whom and what to try, as JSON.
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from relay.linux import system_call
from relay.media.confinement import landlock, seccomp
from relay.media.confinement.limits import Limits
from relay.media.work import Work

Attempt = Callable[[], object]

#: Answers that mean that it was not even tried.
DENIED: Final = {"EACCES", "EPERM", "ENOSYS"}
LIMITS: Final = Limits(memory=2**30, writes=2**20, work=20, time=60)

#: Calls that the kernel itself looks at only where nothing filters them. All their arguments are nonsense. x86-64.
_CALLS: Final = {
    "io_uring_setup": 425, "bpf": 321, "keyctl": 250, "add_key": 248, "request_key": 249, "mount": 165, "umount2": 166,
    "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308, "ptrace": 101, "process_vm_readv": 310,
    "process_vm_writev": 311, "process_madvise": 440, "kcmp": 312, "perf_event_open": 298, "userfaultfd": 323,
    "memfd_create": 319, "memfd_secret": 447, "pidfd_open": 434, "pidfd_getfd": 438, "pidfd_send_signal": 424,
    "kill": 62, "tkill": 200, "tgkill": 234, "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297, "prlimit64": 302,
    "setpriority": 141, "sched_setaffinity": 203, "sched_setscheduler": 144, "ioprio_set": 251, "migrate_pages": 256,
    "move_pages": 279, "execve": 59, "execveat": 322, "fork": 57, "vfork": 58, "clone": 56, "clone3": 435, "socket": 41,
    "socketpair": 53, "connect": 42, "bind": 49, "sendto": 44, "sendmsg": 46, "shmget": 29, "msgget": 68, "semget": 64,
    "mq_open": 240, "open_by_handle_at": 304, "name_to_handle_at": 303, "openat2": 437, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "mount_setattr": 442, "fanotify_init": 300, "inotify_init1": 294,
    "quotactl": 179, "swapon": 167, "init_module": 175, "finit_module": 313, "kexec_load": 246, "acct": 163,
    "personality": 135, "prctl": 157, "arch_prctl": 158, "modify_ldt": 154, "ioctl": 16, "ioperm": 173, "iopl": 172,
    "syslog": 103, "sethostname": 170, "settimeofday": 164, "clock_settime": 227, "adjtimex": 159, "setuid": 105,
    "setgid": 106, "capset": 126, "setrlimit": 160, "chmod": 90, "fchmod": 91, "chown": 92, "unlink": 87, "rename": 82,
    "link": 86, "symlink": 88, "mkdir": 83, "mknod": 133, "truncate": 76, "ftruncate": 77, "utimensat": 280,
    "setxattr": 188, "readlink": 89, "chdir": 80, "getdents64": 217, "name of a later kernel's call": 999,
}  # fmt: skip
#: The same processor's second set (x32), whose numbers have this bit, and some of which only that set has.
_X32: Final = 0x4000_0000
_X32_CALLS: Final = {"open": 2, "socket": 41, "connect": 42, "kill": 62, "execve": 520, "ptrace": 521, "readv": 539}
#: What to do for a call in i386's way, which numbers them otherwise: mov eax, 20 (getpid); int 0x80; ret.
_I386: Final = bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3])


def work(told: str) -> Work:
    """To try everything; `lacks` names what this kernel is to be without, `only` picks one way of behaving."""
    targets = json.loads(told)
    code = mmap.mmap(
        -1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    )  # it cannot be made any more later
    code.write(_I386)
    return Work(lambda: _make_lack(targets.get("lacks", ())), lambda _, result: _run(targets, result, code), _limits)


def _limits(_: int) -> Limits:
    return LIMITS


def _make_lack(lacks: list[str]) -> None:
    """Stand in for an older kernel. There is no other here."""
    if "newer than 2" in lacks:
        landlock.NEWEST = 2  # type: ignore[misc]
    if "Landlock" in lacks:
        landlock.landlock_version = lambda: 0
    if "seccomp" in lacks:
        seccomp.has_filters = lambda: False


def _run(targets: dict[str, Any], result: Path, code: mmap.mmap) -> int:
    match targets.get("only"):
        case "i386":
            ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
            return 0
        case "wait":
            time.sleep(60)
        case "print":
            while True:
                sys.stdout.write("x" * 4096)
        case _:
            print(json.dumps(_try_everything(targets, result)))  # noqa: T201 - that is what the relay reads
    return 0


def _try_everything(targets: dict[str, Any], result: Path) -> dict[str, Any]:
    skipped = set(targets.get("skip", ()))
    found = {name: _answer(attempt) for name, attempt in _attempts(targets, result) if name not in skipped}
    return {
        "attempts": found,
        "environment": sorted(os.environ),
        "open": sorted(_open_files()),
        "thread": _answer(_start_thread),
        "result": _answer(lambda: result.write_bytes(b"mine")),
        "memory": _answer(lambda: bytearray(2 * LIMITS.memory)),
    }


def _answer(attempt: Attempt) -> str:
    """The error's name, or what came of it."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    except Exception as error:  # noqa: BLE001 - it may fail in any way
        return type(error).__name__
    return "done"


def _open_files() -> Iterator[int]:
    for number in range(64):
        try:
            os.fstat(number)
        except OSError:
            continue
        yield number


def _start_thread() -> None:
    done = threading.Event()
    threading.Thread(target=done.set).start()
    if not done.wait(5):
        raise TimeoutError


def _attempts(targets: dict[str, Any], result: Path) -> Iterator[tuple[str, Attempt]]:
    yield from _reading(targets)
    yield from _writing(targets, result)
    yield from _connecting(targets)
    yield from _harming(targets["victim"])
    yield from _becoming()
    for name, number in _CALLS.items():
        yield f"call {name}", lambda number=number: system_call(number, *[-1] * 5)  # type: ignore[misc]
    for name, number in _X32_CALLS.items():
        yield f"call {name} of x32", lambda number=number: system_call(_X32 | number, *[-1] * 5)  # type: ignore[misc]


def _reading(targets: dict[str, Any]) -> Iterator[tuple[str, Attempt]]:
    for pid in ["self", "thread-self", *targets["processes"]]:
        for name in ("environ", "mem", "maps", "cmdline", "status", "fd"):
            yield f"read /proc/{pid}/{name}", lambda path=f"/proc/{pid}/{name}": _read(path)  # type: ignore[misc]
    for path in [*targets["files"], *targets["links"], "/etc/passwd", "/dev/null", sys.executable, __file__]:
        yield f"read {path}", lambda path=path: _read(path)  # type: ignore[misc]
    for path in ("/", "/proc", ".", "/dev/shm", *targets["folders"]):  # noqa: S108 - to be tried
        yield f"list {path}", lambda path=path: os.listdir(path)  # type: ignore[misc]  # noqa: PTH208


def _read(path: str) -> None:
    opened = os.open(path, os.O_RDONLY)
    os.close(opened)


def _writing(targets: dict[str, Any], result: Path) -> Iterator[tuple[str, Attempt]]:
    for folder in targets["folders"]:
        place = Path(folder)
        yield f"make a file in {folder}", (place / "new").touch
        yield f"make a folder in {folder}", (place / "folder").mkdir
        yield f"make a link in {folder}", lambda place=place: (place / "link").symlink_to("/etc/passwd")  # type: ignore[misc]
        yield f"make a pipe in {folder}", lambda place=place: os.mkfifo(place / "pipe")  # type: ignore[misc]
    for path in targets["files"]:
        file = Path(path)
        yield f"write {path}", lambda file=file: file.open("r+b").close()  # type: ignore[misc]
        yield f"truncate {path}", lambda path=path: os.truncate(path, 0)  # type: ignore[misc]
        yield f"open for everybody {path}", lambda file=file: file.chmod(0o666)  # type: ignore[misc]
        yield f"age {path}", lambda path=path: os.utime(path, (0, 0))  # type: ignore[misc]
        yield f"tag {path}", lambda path=path: os.setxattr(path, "user.tag", b"")  # type: ignore[misc]
        yield f"second name for {path}", lambda file=file: file.with_suffix(".second").hardlink_to(file)  # type: ignore[misc]
        yield f"move {path}", lambda file=file: _move_and_back(file)  # type: ignore[misc]
    yield "move the result", lambda: _move_and_back(result)
    yield "make the result a program", lambda: result.chmod(0o700)


def _move_and_back(file: Path) -> None:
    file.rename(file.with_suffix(".moved"))
    file.with_suffix(".moved").rename(file)


def _connecting(targets: dict[str, Any]) -> Iterator[tuple[str, Attempt]]:
    def stream() -> None:
        with socket.socket() as caller:
            caller.connect(("127.0.0.1", targets["tcp"]))

    def datagram() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"secret", ("127.0.0.1", targets["udp"]))

    def listen() -> None:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()

    def unix(path: str) -> None:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(path)

    yield "TCP", stream
    yield "UDP", datagram
    yield "listen", listen
    yield "Unix socket", lambda: unix(targets["unix"])
    yield "abstract Unix socket", lambda: unix("\0" + targets["abstract"])
    yield "socket pair", socket.socketpair


def _harming(victim: int) -> Iterator[tuple[str, Attempt]]:
    def borrowed_signal() -> None:
        """The kernel sends it, because a pipe has news for its owner."""
        reader, writer = os.pipe()
        fcntl.fcntl(reader, fcntl.F_SETOWN, victim)
        fcntl.fcntl(reader, 10, signal.SIGUSR1)  # F_SETSIG
        fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)
        os.write(writer, b"x")

    def own_pipe_signal() -> None:
        fcntl.fcntl(1, fcntl.F_SETOWN, victim)

    yield "signal to the relay", lambda: os.kill(os.getppid(), 0)
    yield "signal to another", lambda: os.kill(victim, signal.SIGUSR1)
    yield "signal by a pipe", borrowed_signal
    yield "signal by its own pipe", own_pipe_signal
    yield "bind another to a core", lambda: os.sched_setaffinity(victim, {0})
    yield "slow another down", lambda: os.setpriority(os.PRIO_PROCESS, victim, 19)
    yield "limit another", lambda: resource.prlimit(victim, resource.RLIMIT_NOFILE, (64, 64))
    yield "trace another", lambda: _trace(victim)
    yield "read another's memory", lambda: _peek(victim)


def _trace(victim: int) -> None:
    system_call(101, 0x4206, victim, 0, 0)  # PTRACE_SEIZE
    system_call(101, 17, victim, 0, 0)  # PTRACE_DETACH; fails as it runs, and ends with us


def _peek(victim: int) -> None:
    local, remote = ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)
    mine = (ctypes.c_void_p * 2)(ctypes.addressof(local), 8)
    theirs = (ctypes.c_void_p * 2)(ctypes.addressof(remote), 8)
    try:
        system_call(310, victim, ctypes.addressof(mine), 1, ctypes.addressof(theirs), 1, 0)
    except OSError as error:
        if error.errno != errno.EFAULT:  # allowed, and there is nothing at that address
            raise


def _becoming() -> Iterator[tuple[str, Attempt]]:
    def fork() -> None:
        if not (child := os.fork()):
            os._exit(0)
        os.waitpid(child, 0)

    def run(path: str) -> None:
        pid = os.posix_spawn(path, [path], {})
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status):
            raise OSError(errno.EPERM, "it did not run")

    yield "fork", fork
    yield "start a program", lambda: run("/bin/true")
    yield "become a program", lambda: os.execve("/nowhere", ["/nowhere"], {})  # noqa: S606 - to be tried
    yield "make memory code", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()
    yield "turn memory into code", _turn_into_code
    yield "load a library", _load_library


def _load_library() -> None:
    try:
        ctypes.CDLL("libutil.so.1")
    except OSError as error:  # the loader's own words, without a number
        raise PermissionError(errno.EACCES, str(error)) from None


def _turn_into_code() -> None:
    with mmap.mmap(-1, 4096) as memory:
        at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        system_call(10, at, 4096, mmap.PROT_READ | mmap.PROT_EXEC)
