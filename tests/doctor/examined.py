"""`relay check` as a process of its own, as an operator runs it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.starting import run as relay


@dataclass(frozen=True, slots=True)
class Examined:
    """What it said."""

    code: int
    verdicts: dict[str, str]  #: By check; the worst one where it speaks more than once.
    lines: dict[str, str]  #: By check, with the remedy; the last one.
    output: str  #: Everything, as text for people.


async def run(home: Path, environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Exit code and output, both streams."""
    done = await relay(arguments, home=home, environment={"PATH": os.environ["PATH"], **environment})
    return done.code, done.said + done.complained


async def examined(home: Path, environment: Mapping[str, str], *arguments: str) -> Examined:
    """Run it for machines, and again for people: both must say the same."""
    code, output = await run(home, environment, "check", "--json", *arguments)
    report = json.loads(output)
    assert report["ok"] is (code == 0)
    ranks = ("well", "skipped", "wrong")
    verdicts: dict[str, str] = {}
    lines: dict[str, str] = {}
    for check in report["checks"]:
        name = f"{check['channel']}: {check['name']}" if check["channel"] else check["name"]
        verdicts[name] = max(verdicts.get(name, "well"), check["verdict"], key=ranks.index)
        lines[name] = f"{check['words']} {check['remedy']}".strip()
    return Examined(code, verdicts, lines, output)
