"""`python -m tests.simulation`: thousands of seeds, each a world of its own in which everything goes wrong.

In each world 8 customers and their agents say 208 messages both ways; sides are away, hang, throttle, refuse, lose
answers; the disk is full; the relay is killed, or dies of a commit. At the end the ledger is drawn up. `--seed N` plays
one and says all. `--seconds` plays as many as there is time for.
"""

import argparse
import gc
import json
import logging
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

import structlog

from tests.simulation.world import Played, play

#: Seeds that a process plays in one go.
_TOGETHER = 2


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin none after so many")
    parser.add_argument("--seed", type=int, help="only this one, with the relay's log")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="that play side by side")
    parser.add_argument("--report", type=Path, help="a file for what was found, as JSON")
    parser.add_argument("--until", action="append", metavar="PROMISE", help="end with the first seed that breaks it")
    options = parser.parse_args()
    if options.seed is not None:
        played = play(options.seed)
        print(f"seed {played.seed}: {dict(played.faults)} in {played.seconds:.0f} s of its own: {played.verdict}")  # noqa: T201 - a report
        return 0 if played.verdict.held else 1
    began, count, messages = time.perf_counter(), 0, 0
    faults: Counter[str] = Counter()
    failed: list[int] = []
    found: dict[str, list[str]] = {}
    seeds = range(options.first, options.first + options.seeds)
    for played in _play_all(seeds, options.processes, began + options.seconds):
        count += 1
        messages += played.messages
        faults += played.faults
        if not played.verdict.held:
            failed.append(played.seed)
            found |= played.verdict.found
            print(f"seed {played.seed}: {dict(played.faults)}: {played.verdict}", flush=True)  # noqa: T201
        if found.keys() & set(options.until or ()):
            break
    if options.report is not None:
        options.report.write_text(json.dumps({"seeds": count, "found": found}))
    took = time.perf_counter() - began
    print(  # noqa: T201
        f"{count} seeds in {took:.0f} s, {messages} messages, {faults.total()} faults ({_most(faults)});"
        f" failed: {sorted(failed) or 'none'}"
    )
    return 1 if failed else 0


def _play_all(seeds: range, processes: int, until: float) -> Iterator[Played]:
    """Each one as soon as it is played; none is begun after `until`, or when nobody wants more."""
    begin = multiprocessing.get_context("fork")  # everything is imported, and nothing runs yet
    with ProcessPoolExecutor(processes, mp_context=begin, initializer=_be_quiet) as pool:
        out: set[Future[list[Played]]] = set()
        for first in seeds[::_TOGETHER]:
            if time.perf_counter() > until:
                break
            out.add(pool.submit(_play_some, range(first, min(first + _TOGETHER, seeds.stop))))
            if len(out) > processes:
                done, out = wait(out, return_when=FIRST_COMPLETED)
                for each in done:
                    yield from each.result()
        for each in out:
            yield from each.result()


def _be_quiet() -> None:
    """Of thousands of faults the relay logs each. What is imported is no garbage, and a world leaves little."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), cache_logger_on_first_use=True
    )
    gc.freeze()
    gc.set_threshold(10_000, *gc.get_threshold()[1:])


def _play_some(seeds: range) -> list[Played]:
    return [play(seed) for seed in seeds]


def _most(faults: Counter[str]) -> str:
    return ", ".join(f"{number} {what}" for what, number in faults.most_common())


if __name__ == "__main__":
    sys.exit(main())
