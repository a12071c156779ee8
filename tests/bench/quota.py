"""A part of a core for a process, by the kernel's control groups: as on a small host, and the same on any machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PERIOD: Final = 100_000  #: Microseconds.
#: Where the first and the second version of control groups lie.
_FIRST, _SECOND = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


@contextmanager
def quota(pid: int, cores: float) -> Iterator[None]:
    """Let a process with its threads use no more than this until the end of the block. Root may.

    Raises OSError where it may not be.
    """
    is_first = (_FIRST / "cpu.cfs_quota_us").exists() or (_FIRST / "cpu.shares").exists()
    root = _FIRST if is_first else _SECOND
    group = root / f"relay-bench-{pid}"
    group.mkdir()
    try:
        if is_first:
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(int(cores * _PERIOD)))
        else:
            (group / "cpu.max").write_text(f"{int(cores * _PERIOD)} {_PERIOD}")
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for member in (group / "cgroup.procs").read_text().split():
            (root / "cgroup.procs").write_text(member)
        group.rmdir()
