"""Many at once in front of Kit's door: large bodies that nobody signed, and heads that never end. Kit gets through."""

import asyncio
import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Final

from tests.campaigns.attacks.attacked import ANNA, Attacked, Result, attacked

BODIES: Final = 64
HEADS: Final = 1_500
#: Seconds that Kit's callback may take longer than before, and lines a minute that all of it may cost.
QUICKLY: Final = 0.3
LINES: Final = 20

_CALM: Final = 2.0  #: Seconds before the crowd comes.
_PAUSE: Final = 0.05  #: Seconds between two callbacks.


async def attack_in_crowds(home: Path, _dice: Random) -> Result:
    """Both at once; meanwhile an agent writes, again and again."""
    result = Result("crowds in front of the door", BODIES + HEADS)
    async with attacked(home, RELAY_LOG_LEVEL="INFO") as desk:
        done, calm = asyncio.Event(), asyncio.Event()
        asyncio.get_running_loop().call_later(_CALM, calm.set)
        before, _ = await _answer(desk, calm)
        began, answering = time.monotonic(), asyncio.create_task(_answer(desk, done))
        # Strangers in a process of their own: what Kit waits for is the relay, not this one.
        crowd = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.campaigns.attacks.strangers", str(desk.relay.port), str(HEADS), str(BODIES)),
            cwd=Path(__file__).parents[3],
            stdout=asyncio.subprocess.PIPE,
        )
        assert crowd.stdout is not None
        statuses: list[int] = json.loads(await asyncio.wait_for(crowd.stdout.readline(), 90))
        done.set()
        times, failed = await answering
        crowd.kill()
        await crowd.wait()
        lines, took = _refusals(desk), time.monotonic() - began
        result.expect(f"bodies were answered {set(statuses)}", held=set(statuses) <= {0, 401, 503})
        result.expect(f"{failed} of Kit's callbacks were refused", held=not failed)
        slowest = f"{max(times):.3f} s, before {max(before):.3f} s"
        result.expect(f"Kit waited {slowest}", held=max(times) <= max(before) + QUICKLY)
        result.expect(f"{lines} lines in {took:.0f} s", held=lines <= LINES * max(1.0, took / 60))
        result.note = f"the slowest of Kit's {len(times)} callbacks meanwhile took {slowest}; {lines} lines"
        await desk.check(result)
    return result


async def _answer(desk: Attacked, done: asyncio.Event) -> tuple[list[float], int]:
    """Seconds that each callback of Kit's took, and how many were not answered 200."""
    times, failed = list[float](), 0
    while not done.is_set():
        callback = desk.kit.callbacks.message(str(ANNA), f"meanwhile {len(times)}")
        posted = await desk.kit.callbacks.post(callback)
        times.append(posted.seconds)
        failed += posted.status != 200
        await asyncio.sleep(_PAUSE)
    return times, failed


def _refusals(desk: Attacked) -> int:
    """How many lines say that something was refused."""
    events = [json.loads(line)["event"] for line in desk.relay.log.splitlines()]
    return sum(each.startswith(("request.", "callback.refused")) for each in events)
