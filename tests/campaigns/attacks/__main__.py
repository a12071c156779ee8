"""`python -m tests.campaigns.attacks`: everything that strangers, customers, agents and files can try.

Prints a table of what was tried and what got through. `--long` tries more; `--only NAME` one kind. What was found is
added to a file with `--results FILE`, a line of JSON for each kind.
"""

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import structlog

from tests.campaigns.attacks.attacked import Result
from tests.campaigns.attacks.kinds import KINDS, SHORT, Amounts
from tests.campaigns.results import append

LONG = Amounts(callbacks=100_000, guesses=20_000, files=500, presses=5_000, targets=100, pages=100)


async def campaign(amounts: Amounts, seed: int, only: str | None = None, found: Path | None = None) -> list[Result]:
    """Try every kind, or one of them. What was found is added to the file at once."""
    results = []
    with tempfile.TemporaryDirectory() as home:
        for name, attack in KINDS.items():
            if only in {None, name}:
                dice = random.Random(f"{seed} {name}")  # noqa: S311 - a seed
                began = time.monotonic()
                result = await attack(Path(home) / name, amounts, dice)
                results.append(result)
                if found is not None:
                    append(found, {"seed": seed, **asdict(result)})
                print(_row(result, time.monotonic() - began), flush=True)  # noqa: T201 - a report
    return results


def _row(result: Result, seconds: float) -> str:
    through = "; ".join(result.got_through[:5]) or "nothing"
    return f"| {result.name} | {result.tried} | {through} | {result.note} | {seconds:.0f} s |"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.attacks", description=__doc__)
    parser.add_argument("--long", action="store_true", help="minutes, as many as the documents name")
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, help="add what was found to this file")
    options = parser.parse_args()
    # What parts of the relay say in this process is no part of the report.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print("| what | tried | got through | | took |\n|---|---|---|---|---|", flush=True)  # noqa: T201
    results = asyncio.run(campaign(LONG if options.long else SHORT, options.seed, options.only, options.results))
    through = sum(len(result.got_through) for result in results)
    print(f"{sum(each.tried for each in results)} attacks of {len(results)} kinds, got through: {through or 'none'}")  # noqa: T201
    return 1 if through else 0


if __name__ == "__main__":
    sys.exit(main())
