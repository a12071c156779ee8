"""`python -m tests.campaigns.confinement`: what a child that was taken over is let do, and what confinement costs.

The kernel is this machine's, and once more as if it knew no more of Landlock than Debian 12's. `--rounds` children are
started for each figure.
"""

import argparse
import asyncio
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

from relay.media.confinement.landlock import landlock_version
from relay.media.confinement.seccomp import has_filters
from relay.media.subprocesses import run_child
from tests import media
from tests.confinement.surroundings import SECRET, got_through, surrounded

CONVERTER = "relay.media.conversion.worker"


async def tried(lacks: list[str]) -> tuple[int, dict[str, str]]:
    """How many things a hostile child tries on a kernel that lacks this, and what it gets through with."""
    with tempfile.TemporaryDirectory() as folder, surrounded(Path(folder)) as surroundings:
        found = await surroundings.tries(lacks=lacks)
        through = got_through(found)
        if surroundings.state() != surroundings.before:
            through["files"] = "changed"
        if surroundings.signals():
            through["signals"] = "came"
        return len(found["attempts"]), through


async def cost(rounds: int) -> dict[str, float]:
    """Medians in milliseconds."""
    alone: list[float] = []
    took: dict[str, list[float]] = {name: [] for name in ("free", "confined", "free voice", "confined voice")}
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / "source", Path(folder) / "result"
        source.write_bytes(media.voice(10.0))
        late = str(Path(folder) / "late")
        for _ in range(rounds):
            for how in ("free", "confined"):
                began = time.perf_counter()
                _, printed = await run_child("tests.confinement.timed", source, result, how, seconds=30)
                took[how].append((time.perf_counter() - began) * 1000)
            alone.append(float(printed))
            voice = {
                "free voice": ("tests.confinement.free", late, CONVERTER, "audio/ogg"),
                "confined voice": (CONVERTER, "audio/ogg"),
            }
            for name, (module, *arguments) in voice.items():
                began = time.perf_counter()
                await run_child(module, source, result, *arguments, seconds=30)
                took[name].append((time.perf_counter() - began) * 1000)
    return {"closing": statistics.median(alone)} | {name: statistics.median(each) for name, each in took.items()}


async def campaign(rounds: int) -> int:
    """Print what was found. How many things got through."""
    print(  # noqa: T201 - a report
        f"{platform.machine()}, Linux {platform.release()}, Landlock {landlock_version()},"
        f" seccomp {'yes' if has_filters() else 'no'}"
    )
    os.environ["TELEGRAM_BOT_TOKEN"] = SECRET
    failed = 0
    for name, lacks in (("this kernel", []), ("Landlock 2, as in Debian 12", ["newer than 2"])):
        attempts, through = await tried(lacks)
        failed += len(through)
        print(f"{name}: {attempts} attempts, got through: {through or 'none'}")  # noqa: T201
    found = await cost(rounds)
    print(  # noqa: T201
        f"medians of {rounds}: closing {found['closing']:.1f} ms; a child that does nothing {found['confined']:.0f} ms,"
        f" unconfined {found['free']:.0f} ms; 10 s of voice {found['confined voice']:.0f} ms,"
        f" unconfined {found['free voice']:.0f} ms"
    )
    return failed


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.confinement", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    return 1 if asyncio.run(campaign(parser.parse_args().rounds)) else 0


if __name__ == "__main__":
    sys.exit(main())
