"""`python -m tests.campaigns.points`: an end, a full disk or a broken one at every write, sync and change of a name.

Each path that writes files is taken again and again, a command of the relay as an operator types it, and each time
another call of the kernel is the last one (`kill`), or fails with ENOSPC (`full`) or EIO (`broken`). `cut` records all
that is written once, and makes of every beginning of it the files that a power cut leaves: what was not forced to the
disk is gone, or a part of it is there, the last page torn. Wherever it ends, what was reported is true, nothing is
damaged, and the next start or the same command does the rest. `--every 10` takes one point in ten.
"""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Final, TypeAlias

from tests.campaigns import results
from tests.campaigns.points import talk
from tests.campaigns.points.cuts import Recording, record
from tests.campaigns.points.scenes import SCENES, Scene
from tests.campaigns.points.strikes import BROKEN, CALLS, FULL, count, strike, take

HOWS: Final = ("kill", "full", "broken", "cut")
#: A relay at its work, which has no end that a power cut could be held against.
TALK: Final = "talk"
_STRUCK: Final = {"kill": CALLS, "full": FULL, "broken": BROKEN}


class Stage:
    """A scene's files, as they lie there before it, to be taken from as often as need be; and its calls."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene, self._folder = scene, folder
        self._before = folder / "before"
        self._before.mkdir()
        scene.prepare(self._before)

    @cached_property
    def calls(self) -> Counter[str]:
        """How many of each call the path makes, whatever is to strike at them."""
        with self.laid() as home:
            return asyncio.run(count(self.scene, home))

    @contextmanager
    def laid(self) -> Iterator[Path]:
        """A place where they lie."""
        home = self._folder / "home"
        shutil.copytree(self._before, home)
        try:
            yield home
        finally:
            shutil.rmtree(home)

    @contextmanager
    def empty(self) -> Iterator[Path]:
        """A place for what a power cut leaves."""
        home = self._folder / "home"
        home.mkdir()
        try:
            yield home
        finally:
            shutil.rmtree(home)


async def struck(stage: Stage, calls: Counter[str], how: str, every: int, first: int) -> tuple[int, list[str]]:
    """Strike at each point in turn. How many there were, and what was wrong."""
    points = [(call, which) for call in _STRUCK[how] for which in range(1, calls[call] + 1)]
    wrong: list[str] = []
    chosen = points[first % min(every, len(points)) :: every]
    for call, which in chosen:
        with stage.laid() as home:
            code = await take(stage.scene, home, *strike(call, how, which))
            found = await _judged(stage.scene, home, code)
        wrong += [f"{stage.scene.name}, {how} at {call} {which}, ended with {code}: {each}" for each in found]
    return len(chosen), wrong


async def talked(calls: Counter[str], how: str, every: int, first: int) -> tuple[int, list[str]]:
    """Strike a relay at its work. How many points there were, and what was wrong."""
    kinds = {"kill": talk.TALKING, "full": talk.FULL, "broken": BROKEN}[how]
    points = [(call, which) for call in kinds for which in range(1, calls[call] + 1)]
    wrong: list[str] = []
    red = 0  # runs in which `/readyz` said that nothing can be stored; what lasts a moment it need not say
    chosen = points[first % min(every, len(points)) :: every]
    for call, which in chosen:
        with tempfile.TemporaryDirectory(prefix="relay-points-") as folder:
            try:
                seen, found = await talk.played(Path(folder), talk.options_of(call, how, which))
            except Exception as error:  # noqa: BLE001 - whatever it is, this point is not well
                found = [repr(error)[-500:]]
            else:
                red += seen.red
        wrong += [f"{TALK}, {how} at {call} {which}: {each}" for each in found]
    if how == "full" and not red:
        wrong.append("/readyz was never red")
    return len(chosen), wrong


async def _judged(scene: Scene, home: Path, code: int | None) -> list[str]:
    try:
        return await scene.judge(home, code)
    except Exception as error:  # noqa: BLE001 - whatever it is, this point is not well
        return [repr(error)[-500:]]


async def cut(stage: Stage, every: int, first: int) -> tuple[int, list[str]]:
    """Cut the power after each of the calls that were recorded. How often, and what was wrong."""
    with stage.laid() as home:
        recording = await record(stage.scene, home)
    wrong, cuts = [], 0
    every_call = len(recording.calls)
    for length in [*range(first % min(every, every_call), every_call, every), every_call]:
        for kind, leave in _KINDS:
            with stage.empty() as home:
                leave(recording, length, home)
                code = 0 if length == len(recording.calls) else None
                found = await _judged(stage.scene, home, code)
            cuts += 1
            last = recording.calls[length - 1] if length else "nothing"
            wrong += [f"{stage.scene.name}, power cut ({kind}) after call {length}, {last}: {each}" for each in found]
    return cuts, wrong


def _some(recording: Recording, length: int, home: Path) -> None:
    recording.leave(length, home, random.Random(length))  # noqa: S311 - a seed


_KINDS: Final[Sequence[tuple[str, Callable[[Recording, int, Path], None]]]] = (
    ("nothing that was not forced", lambda recording, length, home: recording.leave(length, home, None)),
    ("some of it, the last page torn", _some),
)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.points", description=__doc__)
    parser.add_argument("--scenes", nargs="+", choices=[TALK, *SCENES], default=[TALK, *SCENES])
    parser.add_argument("--how", nargs="+", choices=HOWS, default=HOWS)
    parser.add_argument("--every", type=int, default=1, help="take one point in so many")
    parser.add_argument("--first", type=int, default=_today(), help="which of those; without it today's")
    parser.add_argument("--results", type=Path, help="a file to which each result is appended")
    options = parser.parse_args()
    total, broken = 0, 0
    for name in options.scenes:
        with playing(name) as play:
            for how in options.how:
                began = time.monotonic()
                points, wrong = play(how, options.every, options.first)
                total, broken = total + points, broken + len(wrong)
                line = f"{name:<10} {how:<7} {points:5} points {time.monotonic() - began:6.0f} s  {len(wrong)} wrong"
                print(line, *wrong[:10], sep="\n  ", flush=True)  # noqa: T201 - a report
                if options.results is not None:
                    found = {f"{name}, {how}": wrong} if wrong else {}
                    results.append(options.results, {"scene": name, "how": how, "points": points, "found": found})
    print(f"{total} points, {broken} wrong")  # noqa: T201 - a report
    return 1 if broken else 0


def _today() -> int:
    """Another number each day, far from yesterday's."""
    return date.today().toordinal() * 7919  # noqa: DTZ011 - any number does


#: Takes the chosen points of a path: how, one in so many, and which of those. How many there were, and what was wrong.
Play: TypeAlias = Callable[[str, int, int], tuple[int, list[str]]]


@contextmanager
def playing(name: str) -> Iterator[Play]:
    """A path that is laid out once, for whatever strikes at it."""
    with tempfile.TemporaryDirectory(prefix="relay-points-") as folder:
        yield _play_talk(Path(folder)) if name == TALK else partial(_play_scene, Stage(SCENES[name], Path(folder)))


def _play_talk(folder: Path) -> Play:
    calls = cache(lambda: asyncio.run(talk.count(folder)))

    def play(how: str, every: int, first: int) -> tuple[int, list[str]]:
        return (0, []) if how == "cut" else asyncio.run(talked(calls(), how, every, first))

    return play


def _play_scene(stage: Stage, how: str, every: int, first: int) -> tuple[int, list[str]]:
    if how == "cut":
        return asyncio.run(cut(stage, every, first))
    return asyncio.run(struck(stage, stage.calls, how, every, first))


if __name__ == "__main__":
    sys.exit(main())
