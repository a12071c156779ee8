"""A filter on system calls, https://docs.kernel.org/userspace-api/seccomp_filter.html, written as the kernel reads it.

A program in classic BPF looks at each call of this process before the kernel does. It lets `syscalls.ALLOWED` through,
answers every other as a kernel that does not have it, and kills a process that calls in another processor's way.
"""

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Iterator
from typing import Final

from relay.linux import PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, prctl
from relay.media.confinement.syscalls import ALLOWED, Call, Only

#: AUDIT_ARCH_… of <linux/audit.h>, by the name that the kernel gives the machine.
PROCESSORS: Final = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}

#: Where things stand in `struct seccomp_data`. Of an argument the lower half: both processors are little-endian.
_NUMBER: Final = 0
_PROCESSOR: Final = 4
_ARGUMENTS: Final = 16

# <linux/bpf_common.h>, put together.
LOAD: Final = 0x20
MASK: Final = 0x54
JUMP_IF_EQUAL: Final = 0x15
JUMP_IF_ANY: Final = 0x45
RETURN: Final = 0x06

_FILTER: Final = 2  #: SECCOMP_MODE_FILTER
ALLOW: Final = 0x7FFF_0000
REFUSE: Final = 0x0005_0000 | errno.ENOSYS
KILL: Final = 0x8000_0000

#: Code, jumps if true and if false, value.
Instruction = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def has_filters() -> bool:
    """Whether system calls can be filtered here: on a processor that is known, and a kernel with filters built in."""
    if sys.platform != "linux" or platform.machine() not in PROCESSORS or sys.maxsize <= 2**32:
        return False
    try:
        # Nothing is set without a program. The error says whether there would be something to set.
        prctl(PR_SET_SECCOMP, _FILTER, None)
    except OSError as error:
        return error.errno == errno.EFAULT
    return True


def allow_only_what_decoding_takes() -> None:
    """From now on the kernel takes no other calls of this thread and those that it starts, if it has filters.

    Raises OSError if it cannot be done on a kernel that has them.
    """
    if not has_filters():
        return
    instructions = program(platform.machine())
    raw = b"".join(struct.pack("HBBI", *each) for each in instructions)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, _FILTER, _Program(len(instructions), raw))


def program(processor: str) -> list[Instruction]:
    """The filter for this processor."""
    written = [
        (LOAD, 0, 0, _PROCESSOR),
        (JUMP_IF_EQUAL, 1, 0, PROCESSORS[processor]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, _NUMBER),
    ]
    for call in ALLOWED:
        written += _about(call, processor)
    return [*written, (RETURN, 0, 0, REFUSE)]


def _about(call: Call, processor: str) -> Iterator[Instruction]:
    number = call.x86_64 if processor == "x86_64" else call.aarch64
    if number is None:
        return
    verdict = [(RETURN, 0, 0, ALLOW)] if call.only is None else list(_examine(call.only))
    yield JUMP_IF_EQUAL, 0, len(verdict), number
    yield from verdict


def _examine(only: Only) -> Iterator[Instruction]:
    at = _ARGUMENTS + 8 * only.argument
    if only.without:
        yield LOAD, 0, 0, at
        yield JUMP_IF_ANY, 0, 1, only.without
        yield RETURN, 0, 0, REFUSE
    if only.with_all:
        yield LOAD, 0, 0, at
        yield MASK, 0, 0, only.with_all
        yield JUMP_IF_EQUAL, 1, 0, only.with_all
        yield RETURN, 0, 0, REFUSE
    if only.values:
        yield LOAD, 0, 0, at
        for value in only.values:
            yield JUMP_IF_EQUAL, 0, 1, value
            yield RETURN, 0, 0, ALLOW
        yield RETURN, 0, 0, REFUSE
        return
    yield RETURN, 0, 0, ALLOW
