"""The filter says of every call, on both kinds of processor, what it should: it is run here as the kernel runs it."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from relay.media.confinement.seccomp import (
    ALLOW,
    JUMP_IF_ANY,
    JUMP_IF_EQUAL,
    KILL,
    LOAD,
    MASK,
    PROCESSORS,
    REFUSE,
    RETURN,
    program,
)
from relay.media.confinement.syscalls import ALLOWED, Call

X86_64, AARCH64 = "x86_64", "aarch64"
#: The kernel's own tables, where they are installed. aarch64 has the generic one.
HEADERS: Final = {
    X86_64: Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    AARCH64: Path("/usr/include/asm-generic/unistd.h"),
}
OTHER_NAMES: Final = {"newfstatat": "fstatat"}
THREAD: Final = 0x003D0F00  #: What the C library's pthread_create asks for.


def verdict(processor: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the filter for this processor answers to a call."""
    architecture = PROCESSORS[processor] if architecture is None else architecture
    data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    value, at, instructions = 0, 0, program(processor)
    while True:
        code, if_true, if_false, operand = instructions[at]
        at += 1
        match code:
            case _ if code == LOAD:
                [value] = struct.unpack_from("<I", data, operand)
            case _ if code == MASK:
                value &= operand
            case _ if code == JUMP_IF_EQUAL:
                at += if_true if value == operand else if_false
            case _ if code == JUMP_IF_ANY:
                at += if_true if value & operand else if_false
            case _:
                assert code == RETURN
                return operand


def number(call: Call, processor: str) -> int | None:
    return call.x86_64 if processor == X86_64 else call.aarch64


def numbers(processor: str) -> dict[str, int]:
    return {call.name: found for call in ALLOWED if (found := number(call, processor)) is not None}


@pytest.mark.parametrize("processor", PROCESSORS)
def test_what_is_not_listed_is_not_there(processor: str) -> None:
    """Every other number, also one of a later kernel and one of x86-64's second set (x32), which shares its name."""
    listed = set(numbers(processor).values())
    for each in range(1200):
        assert verdict(processor, each) == REFUSE or each in listed
        assert verdict(processor, each | 0x4000_0000) == REFUSE


@pytest.mark.parametrize("processor", PROCESSORS)
def test_calls_in_another_processors_way_kill(processor: str) -> None:
    """On x86-64 the numbers of i386 mean other calls: whoever uses them is no decoder."""
    for architecture in {0x4000_0003, 0x4000_0028, 0, *PROCESSORS.values()} - {PROCESSORS[processor]}:
        for each in range(500):
            assert verdict(processor, each, architecture=architecture) == KILL


def examined(processor: str) -> Iterator[tuple[str, tuple[int, ...], int]]:
    """Calls whose arguments count, with what is answered to them."""
    yield "clone", (THREAD,), ALLOW
    yield "clone", (17,), REFUSE  # fork
    yield "clone", (0x4100 | 17,), REFUSE  # vfork
    yield "clone", (0x100,), REFUSE  # a process that shares all memory
    for flag in (0x2000_0000, 0x1000_0000, 0x4000_0000, 0x0002_0000, 0x2000, 0x4000, 0x1000):
        yield "clone", (THREAD | flag,), REFUSE
    for name in ("mmap", "mprotect"):
        yield name, (0, 4096, 3), ALLOW
        yield name, (0, 4096, 5), REFUSE  # what may be executed
        yield name, (0, 4096, 7), REFUSE
    yield "fcntl", (0, 3), ALLOW
    for command in (4, 8, 10, 15, 1024, 1026, 1033):  # F_SETFL, F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, …
        yield "fcntl", (0, command), REFUSE
    yield "read" if processor == X86_64 else "openat", (2**64 - 1,) * 6, ALLOW


@pytest.mark.parametrize("processor", PROCESSORS)
def test_arguments_count(processor: str) -> None:
    """Threads, but no processes; memory, but no new code; one's own descriptors, but no signals by way of them."""
    for name, arguments, answer in examined(processor):
        assert verdict(processor, numbers(processor)[name], *arguments) == answer, (name, arguments)


def test_the_numbers_are_the_kernels() -> None:
    """As its headers have them, where those are installed; and none stands for two calls."""
    for processor, path in HEADERS.items():
        ours = numbers(processor)
        assert len(set(ours.values())) == len(ours)
        if not path.exists():
            continue
        theirs = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\s", path.read_text()))
        for name, found in ours.items():
            assert int(theirs.get(name) or theirs[OTHER_NAMES[name]]) == found, (processor, name)


def test_every_call_is_there_on_both() -> None:
    """But for `open`, which newer processors have never had."""
    assert [call.name for call in ALLOWED if call.aarch64 is None] == ["open"]
    assert len({call.name for call in ALLOWED}) == len(ALLOWED)
