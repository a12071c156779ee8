"""Landlock: which files a process may open from now on, https://docs.kernel.org/userspace-api/landlock.html.

Everything that the running kernel knows of it is used: from its second version (Linux 5.19; Debian 12 has it) files and
ptrace, from the fourth TCP, from the fifth devices, from the sixth signals and abstract sockets of other processes.
What it does not know, `seccomp` holds.
"""

import ctypes
import os
import struct
import sys
from pathlib import Path
from typing import Final

from relay.linux import PR_SET_NO_NEW_PRIVS, prctl, system_call

#: The same numbers on every processor.
_CREATE: Final = 444
_ADD_RULE: Final = 445
_RESTRICT: Final = 446
_VERSION: Final = 1  #: Flag of `_CREATE`: only say which version the kernel has.
_PATH_BENEATH: Final = 1
#: The newest version that is used here.
NEWEST: Final = 6

#: Rights on files by the version that brought them, as how many of the lowest bits it knows.
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16}
_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_TRUNCATE: Final = 1 << 14
_TCP: Final = 0b11  #: To listen and to connect.
_SCOPES: Final = 0b11  #: Abstract Unix sockets, and signals.


def landlock_version() -> int:
    """The version of Landlock that this kernel has; 0 if it has none, or it is switched off."""
    if sys.platform != "linux":
        return 0
    try:
        return system_call(_CREATE, None, 0, _VERSION)
    except OSError:
        return 0


def open_nothing_but(result: Path) -> None:
    """From now on this process opens one file, which exists, and no other. Without Landlock nothing changes.

    Holds for the calling thread and those that it starts. What is open stays open. Raises OSError if it cannot be done
    on a kernel that knows it.
    """
    version = min(landlock_version(), NEWEST)
    if not version:
        return
    rules = _new_rules(version)
    try:
        _allow(rules, result, _WRITE_FILE | _READ_FILE | (_TRUNCATE & _file_rights(version)))
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        system_call(_RESTRICT, rules, 0)
    finally:
        os.close(rules)


def _new_rules(version: int) -> int:
    """A set of rules that forbids everything that this version can forbid, as a descriptor."""
    tcp, scopes = _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0
    attributes = struct.pack("QQQ", _file_rights(version), tcp, scopes)
    return system_call(_CREATE, ctypes.create_string_buffer(attributes, len(attributes)), len(attributes), 0)


def _file_rights(version: int) -> int:
    known = max(bits for since, bits in _FILE_RIGHTS.items() if since <= version)
    return (1 << known) - 1


def _allow(rules: int, file: Path, rights: int) -> None:
    descriptor = os.open(file, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        attributes = struct.pack("=Qi", rights, descriptor)
        system_call(_ADD_RULE, rules, _PATH_BENEATH, ctypes.create_string_buffer(attributes, len(attributes)), 0)
    finally:
        os.close(descriptor)
