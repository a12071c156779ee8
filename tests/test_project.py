"""What holds for the code as a whole: who may import whom, which versions are safe, and what no file may contain."""

import ast
import functools
import graphlib
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
from relay.model import Address

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "relay").rglob("*.py"))

#: Every room, and which others it may import. A room is a file or folder of `relay/`; the large ones are listed by
#: their own rooms. Which one a module lives in: the longest name here that it begins with.
ARROWS: dict[str, set[str]] = {
    # The vocabulary.
    "model": set(),
    "errors": set(),
    "steps": {"model"},
    "linux": set(),
    "retry_after": set(),
    "words": set(),
    "settings": {"words"},
    # The mapping: each room imports only what stands above it.
    "mapping": set(),
    "mapping.text": {"media.types", "words"},
    "mapping.content": {"kit.limits", "mapping.text", "media.types", "model", "steps"},
    "mapping.event": {"kit.limits", "mapping.content", "mapping.text", "model", "words"},
    "mapping.to_telegram": {"kit.events", "kit.values", "mapping.event", "mapping.text", "model", "steps"},
    "mapping.failure": {
        "kit.events", "mapping.content", "mapping.event", "mapping.text", "mapping.to_telegram", "model", "steps",
    },
    "mapping.to_kit": {
        "mapping.content", "mapping.event", "mapping.failure", "mapping.text", "mapping.to_telegram", "model", "steps",
    },
    # The store: verbs stand on the engine.
    "store.engine": {"errors", "linux", "model"},
    "store": {"errors", "model", "store.engine"},
    # The two sides, and files.
    "kit": {"errors", "model", "retry_after"},
    "media.types": set(),
    "media.confinement": {"linux"},
    "media": {"errors", "media.confinement", "media.types", "steps"},
    "media.inspection": {"media", "media.confinement"},
    "media.conversion": {"media", "media.confinement", "model"},
    "telegram": {"errors", "media", "media.inspection", "model", "retry_after", "steps"},
    # What comes in, what goes out; they meet only in the store.
    "monitoring": {"errors", "model", "settings", "store", "words"},
    "intake": {
        "errors", "kit", "mapping.event", "mapping.failure", "mapping.text", "mapping.to_kit", "mapping.to_telegram",
        "media.conversion", "model", "monitoring", "settings", "store",
    },
    "delivery": {
        "errors", "kit", "mapping.content", "mapping.event", "mapping.failure", "model", "monitoring", "steps", "store",
        "telegram",
    },
    "web": {
        "errors", "intake", "kit", "media", "media.conversion", "model", "monitoring", "store", "telegram",
    },
    # What people ask for.
    "control": {"errors", "intake", "media.conversion", "model", "monitoring", "settings", "store", "store.engine"},
    "doctor": {
        "errors", "kit", "media", "media.confinement", "model", "monitoring", "settings", "store", "store.engine",
        "telegram", "web", "words",
    },
    "setup": {"doctor", "kit", "settings", "web"},
    # The look-alikes: the other end of the demo and of the tests. They know nothing of the relay but Kit's models.
    "sandbox.shared": set(),
    "sandbox.kit": {"sandbox.shared"},
    "sandbox.telegram": {"sandbox.shared"},
    "sandbox": {"sandbox.kit", "sandbox.telegram"},
    "sandbox.page": {"sandbox.kit", "sandbox.shared", "sandbox.telegram"},
    "sandbox.demo": {"sandbox.kit", "sandbox.page", "sandbox.shared", "sandbox.telegram"},
    # Put together.
    "channel": {
        "delivery", "errors", "intake", "kit", "mapping.event", "media.conversion", "model", "monitoring", "settings",
        "store", "telegram", "web",
    },
    "app": {
        "channel", "control", "delivery", "errors", "intake", "media.confinement", "media.conversion", "model",
        "monitoring", "settings", "store", "store.engine", "telegram", "web", "words",
    },
    "cli": {
        "app", "control", "doctor", "errors", "linux", "mapping.content", "monitoring", "sandbox.demo", "settings",
        "setup", "store.engine", "telegram", "web",
    },
    "__main__": {"cli"},
}  # fmt: skip

#: Which rooms may import these libraries.
LIBRARIES: dict[str, set[str]] = {
    "aiosqlite": {"store.engine"},
    "prometheus_client": {"media.conversion", "monitoring", "sandbox.page", "web"},
    "sqlalchemy": {"cli", "control", "store", "store.engine"},
    "telegram": {
        "channel", "doctor", "intake", "mapping.content", "mapping.event", "mapping.text", "mapping.to_kit",
        "mapping.to_telegram", "telegram",
    },
}  # fmt: skip

#: What asks no clock, rolls no dice, opens nothing, and imports nothing of ours that does.
PURE = {
    "model", "errors", "steps", "retry_after", "mapping", "delivery.policy", "delivery.gate", "delivery.pace",
    "kit.answers",
    "kit.callbacks", "kit.requests", "kit.signature", "kit.limits", "kit.models", "kit.events", "kit.reading",
    "kit.payload", "kit.values", "monitoring.redaction",
    "media.kinds", "media.ranges", "media.types",
}  # fmt: skip
IMPURE = {
    "aiohttp", "aiosqlite", "asyncio", "httpx", "io", "os", "pathlib", "random", "secrets", "shutil", "socket",
    "sqlalchemy", "sqlite3", "subprocess", "tempfile", "threading", "time", "urllib.request", "uvloop",
}  # fmt: skip
#: Loaded once at the start, by whoever puts the relay together: afterwards only read.
LOADED_AT_THE_START = {"words"}
#: Calls that read or write without any import.
FILE_METHODS = {"read_text", "read_bytes", "write_text", "write_bytes"}
IMPURE_CALLS = {"open", "input", "print", "breakpoint", "__import__"} | FILE_METHODS


def dotted(module: Path) -> str:
    """`relay/kit/client.py` is `kit.client`, and a package is called by its folder."""
    return ".".join(module.with_suffix("").parts[1:]).removesuffix("__init__").removesuffix(".")


OURS = {dotted(module): module for module in MODULES}


def room(name: str) -> str:
    """Which of the rooms a module lives in; its own name if it lives in none."""
    parts = name.split(".")
    beginnings = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((each for each in beginnings if each in ARROWS), name)


@functools.cache
def imported(module: Path) -> set[str]:
    """The dotted names of everything that a module imports, in whatever corner of it; of ours without `relay.`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports hide the arrows"
            names |= {_named(str(node.module), alias.name) for alias in node.names}
    return names


def _named(module: str, name: str) -> str:
    """The module that `from module import name` needs, which may be `name` itself."""
    inside = f"{module}.{name}"
    return inside if inside.removeprefix("relay.") in OURS else module


def ours(module: Path) -> set[str]:
    """What a module imports of the relay's modules, without the leading `relay.`."""
    return {name.removeprefix("relay.") for name in imported(module) if name.startswith("relay.")}


def allowed(name: str, permission: str) -> bool:
    """Whether a permission, for a room or for one module of a room, covers the import of a module."""
    return (
        room(name) == permission
        or name == permission
        or (name.startswith(f"{permission}.") and permission not in ARROWS)
    )


@pytest.mark.parametrize("module", [module for module in MODULES if dotted(module)], ids=str)
def test_the_arrows_hold(module: Path) -> None:
    """Every room is listed, and imports only the rooms that the plan gives it; adapters never meet."""
    here = room(dotted(module))
    assert here in ARROWS, f"{module} is in no room of the plan: move it into one, or list the new room in ARROWS"
    found = {name for name in ours(module) if room(name) != here}
    forbidden = {name for name in found if not any(allowed(name, each) for each in ARROWS[here])}
    assert not forbidden, f"{module} may not import these: take what it needs as an argument, or move it (ARROWS)"


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_library_is_known_where_it_belongs(library: str) -> None:
    """Who speaks to Telegram, to a database or to Prometheus; no other room knows by what means."""
    found = {room(dotted(each)) for each in MODULES if library in {name.split(".")[0] for name in imported(each)}}
    assert found == LIBRARIES[library], f"these rooms import {library} now: take it out, or list the room in LIBRARIES"


@pytest.mark.parametrize("here", ARROWS)
def test_no_permission_is_unused(here: str) -> None:
    """The plan shows the arrows that there are, and no others."""
    found = {name for module in MODULES if room(dotted(module)) == here for name in ours(module)}
    unused = {each for each in ARROWS[here] if not any(allowed(name, each) for name in found)}
    assert not unused, f"nothing in {here} imports these any more: take them out of ARROWS"


def test_the_arrows_lead_one_way() -> None:
    """No room imports, through others, itself."""
    order = graphlib.TopologicalSorter({here: {room(name) for name in names} for here, names in ARROWS.items()})
    order.prepare()


def test_no_module_imports_itself_through_others() -> None:
    """Nor in a circle within a room, not even for the type checker's eyes only."""
    order = graphlib.TopologicalSorter({name: ours(module) - {name} for name, module in OURS.items()})
    order.prepare()


def test_the_first_floor_can_be_seen_at_a_glance() -> None:
    """So many folders and files at the first level, and not more."""
    assert len({module.parts[1] for module in MODULES} - {"__init__.py"}) <= 24


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_only_the_demo_knows_the_look_alikes(module: Path) -> None:
    """Production never loads the sandbox; only the command `relay demo` does."""
    if room(dotted(module)).split(".")[0] not in {"sandbox", "cli"}:
        assert not {name for name in ours(module) if name.startswith("sandbox")}


def is_pure(name: str) -> bool:
    return any(f"{name}.".startswith(f"{each}.") for each in PURE)


@pytest.mark.parametrize("module", [module for module in MODULES if is_pure(dotted(module))], ids=str)
def test_pure_modules_touch_no_io(module: Path) -> None:
    """Mapping, policy and protocol use nothing that can wait, fail or differ by the hour, nor does what they import."""
    for name in through(module):
        foreign = {each for each in imported(OURS[name]) if not each.startswith("relay.")}
        impure = {each for each in foreign if {each, each.split(".")[0]} & IMPURE} | called(OURS[name]) & IMPURE_CALLS
        assert not impure, f"relay.{name} is to be pure: do this where it is called from, and pass in what comes of it"


@functools.cache
def called(module: Path) -> set[str]:
    """The plain names that a module calls, and the methods: `open`, `path.read_text` as `read_text`."""
    calls = [node.func for node in ast.walk(ast.parse((ROOT / module).read_text())) if isinstance(node, ast.Call)]
    plain = {function.id for function in calls if isinstance(function, ast.Name)}
    return plain | {function.attr for function in calls if isinstance(function, ast.Attribute)} & FILE_METHODS


def through(module: Path) -> set[str]:
    """A module, and what it imports of ours, and what those import, but for what is loaded at the start."""
    found: set[str] = set()
    ahead = [dotted(module)]
    while ahead:
        name = ahead.pop()
        if name in found or name.split(".")[0] in LOADED_AT_THE_START or name not in OURS:
            continue
        found.add(name)
        ahead += ours(OURS[name])
    return found


#: The relay that the benchmarks compare with, and simulated ones, have databases of their own.
THEIR_OWN = {Path("tests/bench/reference.py"), Path("tests/simulation/engine.py")}
TESTS = sorted({path.relative_to(ROOT) for path in (ROOT / "tests").rglob("*.py")} - THEIR_OWN)


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


def test_values_are_frozen_for_who_checks_types() -> None:
    """And for nobody else: if mypy let this pass, it would complain of a comment that is not needed."""
    address = Address(1)
    address.chat_id = 2  # type: ignore[misc]
    assert {address, Address(2)} == {address}
