"""Programs that tests need and pip does not bring: without one its tests skip, with a line that says how to get it.

`python -m tests.components` prints the Debian packages of those that are missing here: `.ci/run` installs them.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest


@dataclass(frozen=True, slots=True)
class Component:
    """A program, under any of its names or, where one place is meant, at its path."""

    names: tuple[str, ...]
    packages: tuple[str, ...]  #: Debian's, the program's own first.

    def find(self) -> Path | None:
        """Where it is on this machine."""
        found = filter(None, map(shutil.which, self.names))
        return next(map(Path, found), None)

    @property
    def found(self) -> Path:
        """Where it is, for tests that need it."""
        path = self.find()
        assert path is not None
        return path


COMPONENTS: Final = {
    # Letters and emoji are what a page shows.
    "chromium": Component(
        ("chromium", "chromium-browser"), ("chromium", "fonts-dejavu-core", "fonts-noto-color-emoji")
    ),
    # The development lock has the newest one; this is the one that distributions have.
    "caddy": Component(("/usr/bin/caddy",), ("caddy",)),
    # The development lock has the newest one; this is the one that the distribution has. Its programs are on no PATH.
    "postgresql": Component(
        tuple(f"/usr/lib/postgresql/{version}/bin/postgres" for version in range(14, 19)), ("postgresql",)
    ),
    "pgbouncer": Component(("pgbouncer", "/usr/sbin/pgbouncer"), ("pgbouncer",)),
    # Strikes a process at a chosen call of the kernel: full disks, kills.
    "strace": Component(("strace",), ("strace",)),
    "systemd-analyze": Component(("systemd-analyze",), ("systemd",)),
    "promtool": Component(("promtool",), ("prometheus",)),
}


def needs(name: str) -> pytest.MarkDecorator:
    """Skip the test where the component is missing, and say how to get it."""
    component = COMPONENTS[name]
    reason = f"{name} is missing: apt-get install {' '.join(component.packages)}"
    return pytest.mark.skipif(component.find() is None, reason=reason)


def missing_packages() -> list[str]:
    """What `apt-get install` is to be given."""
    return [package for each in COMPONENTS.values() if each.find() is None for package in each.packages]


if __name__ == "__main__":
    print(*missing_packages())  # noqa: T201 - a command's answer
