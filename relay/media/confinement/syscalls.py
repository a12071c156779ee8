"""Which system calls a process may make that decodes a stranger's file, and their numbers on both kinds of processor.

What it takes to read and write what is open, to open what Landlock lets it, to have memory and threads, and to end.
Every other call, also one that is yet to be invented, is answered as by a kernel that does not have it.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Only:
    """What the lower half of one argument, counted from 0, must be."""

    argument: int
    values: tuple[int, ...] = ()  #: One of these; any, if there are none.
    without: int = 0  #: None of these bits.
    with_all: int = 0  #: All of these bits.


@dataclass(frozen=True, slots=True)
class Call:
    """A system call, its number on each processor (None: it has none there), and what an argument of it must be."""

    name: str
    x86_64: int | None
    aarch64: int | None
    only: Only | None = None


_EXECUTABLE: Final = 4  #: PROT_EXEC: what was loaded before is all the code that there will be.
#: CLONE_VM and CLONE_THREAD: a thread of this process, not a process.
_THREAD: Final = 0x0000_0100 | 0x0001_0000
#: CLONE_NEWNS, …CGROUP, …UTS, …IPC, …USER, …PID, …NET, and CLONE_PTRACE, CLONE_VFORK, CLONE_PIDFD.
_NOT_A_THREAD: Final = 0x7E02_0000 | 0x0000_2000 | 0x0000_4000 | 0x0000_1000
#: F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC. Not F_SETOWN: it makes the kernel send signals to others.
_DESCRIPTOR: Final = (1, 2, 3, 1030)

ALLOWED: Final = (
    Call("read", 0, 63),
    Call("write", 1, 64),
    Call("readv", 19, 65),
    Call("writev", 20, 66),
    Call("pread64", 17, 67),
    Call("pwrite64", 18, 68),
    Call("lseek", 8, 62),
    Call("open", 2, None),
    Call("openat", 257, 56),
    Call("close", 3, 57),
    Call("fstat", 5, 80),
    Call("newfstatat", 262, 79),
    Call("fsync", 74, 82),
    Call("fcntl", 72, 25, Only(1, values=_DESCRIPTOR)),
    Call("mmap", 9, 222, Only(2, without=_EXECUTABLE)),
    Call("mprotect", 10, 226, Only(2, without=_EXECUTABLE)),
    Call("munmap", 11, 215),
    Call("mremap", 25, 216),
    Call("madvise", 28, 233),
    Call("brk", 12, 214),
    Call("clone", 56, 220, Only(0, without=_NOT_A_THREAD, with_all=_THREAD)),
    Call("set_robust_list", 273, 99),
    Call("rseq", 334, 293),
    Call("futex", 202, 98),
    Call("sched_yield", 24, 124),
    Call("sched_getaffinity", 204, 123),
    Call("getpid", 39, 172),
    Call("gettid", 186, 178),
    Call("clock_gettime", 228, 113),
    Call("clock_getres", 229, 114),
    Call("clock_nanosleep", 230, 115),
    Call("nanosleep", 35, 101),
    Call("gettimeofday", 96, 169),
    Call("getrandom", 318, 278),
    Call("rt_sigaction", 13, 134),
    Call("rt_sigprocmask", 14, 135),
    Call("rt_sigreturn", 15, 139),
    Call("sigaltstack", 131, 132),
    Call("restart_syscall", 219, 128),
    Call("exit", 60, 93),
    Call("exit_group", 231, 94),
)
