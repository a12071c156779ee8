"""`python -m tests.simulation`: thousands of seeds, each a world of its own in which everything goes wrong.

In each world 8 customers and their agents say 200 messages both ways; sides are away, hang, throttle, refuse, lose
answers; the disk is full; the relay is killed. At the end the ledger is drawn up. `--seed N` plays one and says all.
`--seconds` plays as many as there is time for.
"""

import argparse
import json
import logging
import sys
import time
from pathlib import Path

import structlog

from tests.simulation.world import play


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin none after so many")
    parser.add_argument("--seed", type=int, help="only this one, with the relay's log")
    parser.add_argument("--report", type=Path, help="a file for what was found, as JSON")
    parser.add_argument("--until-found", action="store_true", help="end with the first seed that fails")
    options = parser.parse_args()
    if options.seed is not None:
        played = play(options.seed)
        print(f"seed {played.seed}: {dict(played.faults)} in {played.seconds:.0f} s of its own: {played.verdict}")  # noqa: T201 - a report
        return 0 if played.verdict.held else 1
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began, count, messages, faults = time.perf_counter(), 0, 0, 0
    failed: list[int] = []
    found: dict[str, list[str]] = {}
    for seed in range(options.first, options.first + options.seeds):
        if time.perf_counter() - began > options.seconds:
            break
        played = play(seed)
        count += 1
        messages += sum(played.verdict.said.values())
        faults += sum(played.faults.values())
        if not played.verdict.held:
            failed.append(seed)
            found |= played.verdict.found
            print(f"seed {seed}: {dict(played.faults)}: {played.verdict}", flush=True)  # noqa: T201
        if failed and options.until_found:
            break
    if options.report is not None:
        options.report.write_text(json.dumps({"seeds": count, "found": found}))
    took = time.perf_counter() - began
    print(  # noqa: T201
        f"{count} seeds in {took:.0f} s, {messages} messages, {faults} faults; failed: {failed or 'none'}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
