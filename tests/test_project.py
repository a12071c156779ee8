"""What holds for the code as a whole: who may import whom, which versions are safe, and what no file may contain."""

import ast
import importlib.metadata
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from relay.doctor.advisories import FLOORS

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "relay").rglob("*.py"))

#: Which rooms of the relay a room may import, beside itself. A room not named here is free, but for COMPOSITION.
ARROWS: dict[str, set[str]] = {
    "model": set(),
    "errors": set(),
    "steps": set(),
    "shapes": set(),
    "environment": set(),
    "redaction": set(),
    "healthcheck": set(),
    "settings": {"environment", "shapes", "words"},
    "loading": {"settings", "environment", "words"},
    "log": {"redaction"},
    "words": {"model", "errors"},
    "mapping": {"kit.models", "kit.events", "kit.values", "model", "steps", "words"},
    "kit": {"model", "errors"},
    "children": set(),
    "confinement": set(),
    "inspection": {"children", "confinement"},
    "telegram": {"inspection", "model", "errors", "steps", "words"},
    "store": {"model", "errors"},
    "conversion": {"children", "confinement", "model"},  # the files come in as streams, whoever sends them
    "policy": {"model", "errors"},
    "turns": {"policy"},
    "chats": {"policy"},
    "intake": {"mapping", "store", "model", "errors", "kit", "metrics", "words", "accounts", "presses"},
    "accounts": {"mapping", "store", "errors"},
    "presses": {"errors", "metrics"},
    "backfill": {"store", "model", "errors"},
    "attempt": {"store", "model", "errors"},
    "courier": {"attempt", "mapping", "store", "model", "errors", "policy", "metrics"},
    "avatars": {"store", "model", "errors"},
    "monitoring": {"store"},
    "web": {"intake", "monitoring", "store", "telegram", "conversion", "model", "errors", "kit", "metrics", "words"},
    # What a person asks for goes through all the rooms that have something to tell or to mend.
    "control": {"channels", "rereading", "store", "model", "errors", "monitoring", "web.admin"},
    "sandbox": {"kit.models"},
    "setup": {"doctor", "loading", "settings", "environment", "kit", "web"},
    "doctor": {
        "channels", "loading", "settings", "environment", "store", "kit", "telegram", "web", "words", "errors",
        "monitoring",
        "setup.stand_in",
    },
}  # fmt: skip
#: Where it is put together: nothing else imports these.
COMPOSITION = {"app", "cli", "demo", "__main__", "sandbox"}
#: And who may import the look-alikes.
SANDBOX_USERS = {"cli", "demo", "sandbox"}

PURE = [
    *(path for path in MODULES if path.parts[:2] == ("relay", "mapping")),
    *(
        path
        for path in MODULES
        if path.as_posix().removeprefix("relay/")
        in {
            "policy.py", "kit/protocol.py", "kit/signature.py", "kit/models.py", "kit/events.py", "kit/reading.py",
            "kit/payload.py", "kit/values.py",
            "model.py", "errors.py", "steps.py", "shapes.py", "redaction.py",
        }
    ),
]  # fmt: skip
IMPURE = {
    "aiohttp", "aiosqlite", "asyncio", "httpx", "os", "random", "secrets", "socket", "sqlalchemy", "subprocess",
    "threading", "time", "uvloop",
}  # fmt: skip


def imported(module: Path) -> set[str]:
    """The dotted names of everything that a module imports, in whatever corner of it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports hide the arrows"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room(dotted: str) -> str:
    """relay.kit.client.KitClient lives in kit."""
    return dotted.split(".")[1]


def arrows(module: Path) -> set[str]:
    """What a module imports of the relay's other rooms, without the leading `relay.`."""
    here = room(".".join(module.with_suffix("").parts))
    ours = {name for name in imported(module) if name.startswith("relay.") and "__version__" not in name}
    return {name.removeprefix("relay.") for name in ours if room(name) != here}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_the_arrows_hold(module: Path) -> None:
    """A room imports only the rooms that the plan gives it; adapters never meet."""
    here = room(".".join(module.with_suffix("").parts))
    if here in COMPOSITION - {"sandbox"} or here == "__init__":
        return
    found = arrows(module)
    if here in ARROWS:
        allowed = ARROWS[here]
        assert not {name for name in found if not any(f"{name}.".startswith(f"{each}.") for each in allowed)}
    assert not {name for name in found if name.split(".")[0] in COMPOSITION}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_only_the_demo_knows_the_look_alikes(module: Path) -> None:
    """Production never loads the sandbox."""
    if room(".".join(module.with_suffix("").parts)) not in SANDBOX_USERS:
        assert not {name for name in imported(module) if name.startswith("relay.sandbox")}


@pytest.mark.parametrize("module", PURE, ids=str)
def test_pure_modules_touch_no_io(module: Path) -> None:
    """Mapping, policy and protocol import nothing that can wait, fail or differ by the hour."""
    assert not {name.split(".")[0] for name in imported(module)} & IMPURE


TESTS = sorted(path.relative_to(ROOT) for path in (ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("module", [path for path in TESTS if path.parts[1] != "store"], ids=str)
def test_only_the_stores_tests_know_its_engine(module: Path) -> None:
    """Whoever else wants to see what is stored asks `tests/databases.py`, whatever engine it lies in."""
    assert "sqlite3" not in imported(module)


def locked(name: str) -> dict[str, str]:
    """The requirements of a lock file: name and version."""
    pinned = re.compile(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", flags=re.MULTILINE)
    return dict(pinned.findall((ROOT / name).read_text()))


LOCKS = ["requirements.lock", "requirements-dev.lock"]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_version_has_a_hash(lock: str) -> None:
    """What is installed is what was locked, byte for byte."""
    logical = (ROOT / lock).read_text().replace("\\\n", " ").splitlines()
    requirements = [line for line in logical if line.strip() and not line.lstrip().startswith("#")]
    assert len(requirements) == len(locked(lock)) > 0
    assert all("==" in line and re.search(r"--hash=sha256:[0-9a-f]{64}", line) for line in requirements)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_place(lock: str) -> None:
    """Locks hold names, versions and hashes; where packages come from is the installing machine's matter."""
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|@ file|^-|--(index|extra|find)", text, flags=re.MULTILINE)


def test_locks_are_what_pyproject_asks_for() -> None:
    """Both locks satisfy pyproject.toml, and both agree."""
    runtime, dev = locked(LOCKS[0]), locked(LOCKS[1])
    for lock, wanted in (
        (runtime, PROJECT["project"]["dependencies"]),
        (dev, PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]),
    ):
        for requirement in map(Requirement, wanted):
            assert requirement.specifier.contains(lock[requirement.name.lower()]), requirement
    assert runtime.items() <= dev.items()


@pytest.mark.parametrize("name", FLOORS)
def test_nothing_is_older_than_its_last_advisory(name: str) -> None:
    """Neither what is installed nor what is locked is known to be unsafe."""
    floor, advisory = FLOORS[name]
    versions = [importlib.metadata.version(name), *(locked(lock)[name] for lock in LOCKS)]
    assert all(Version(version) >= Version(floor) for version in versions), advisory


def tracked() -> Iterator[tuple[str, str]]:
    """Every text file that git has: path and content."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listing.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            try:
                yield name, (ROOT / name).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


# Put together here, so that this file does not find itself.
UNWANTED = {
    "a path of one machine": r"(?<![\w.])/work" + "/|/opt" + "/py",
    "the place of a package registry": "py" + r"pi\.org|pytho" + r"nhosted|registry\.np" + "m",
    "a note to oneself without an issue": "TO" + r"DO(?!.*(#|issues/)\d+)",
}


@pytest.mark.parametrize("what", UNWANTED)
def test_no_file_contains(what: str) -> None:
    """A checkout is the same on every machine: no path and no mirror of one; and what is open is in an issue."""
    pattern = re.compile(UNWANTED[what])
    assert not [name for name, text in tracked() if pattern.search(text)]
