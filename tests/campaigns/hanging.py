"""`python -m tests.campaigns.hanging`: so many chats hang, on either side, and the others talk on.

First everybody talks. Then Kit, and after it Telegram, takes what comes for some chats and does not answer, through
their time-outs and repeats, while others go on as before. Compares how long the others' messages take with how long the
same ones take at the same time on a relay beside it, to which the same is said and where nothing hangs. What the two
differ by in the calm before is the error of the measure.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns.beside import multiples
from tests.campaigns.ledger import Verdict, by_agent, by_customer, draw_up
from tests.databases import rows
from tests.e2e.process import RelayProcess, relay_between

FIRST: Final = 6_000_001  #: Of the chats that hang.
OTHERS: Final = 50
FIRST_OTHER: Final = 7_000_001
RATES: Final = {"TELEGRAM_RATE_LIMIT": "30", "TELEGRAM_CHAT_RATE_LIMIT": "1", "RELAY_LOG_LEVEL": "INFO"}
HANGING_RATE: Final = 15  #: Chats a second that begin to hang: with the others less than Telegram lets pass.
#: The number of the mark that hangs, and how often it may come while it does.
HANGS_AT: Final = 1
HANGS: Final = 20
PART: Final = 1_000_000  #: From where on marks of the next part of a run are counted.
#: What the others may take while chats hang, as a multiple; and from how many seconds on that says something.
MOST: Final = 1.2
ENOUGH: Final = 30.0
_BURIED: Final = f"""
    SELECT count(*) FROM outbox JOIN lane ON lane.id = lane_id
    WHERE status = 'dead' AND CAST(lane.client_id AS INTEGER) >= {FIRST_OTHER}
"""  # noqa: S608 - a number of ours


Took = Mapping[float, float]


@dataclass(frozen=True, slots=True)
class Talk:
    """One side of the conversation: how the others speak to it, and what has arrived there."""

    mark: Callable[[int, int], str]
    say: Callable[[int, str], None]
    arrived: Callable[[], Mapping[str, float]]  #: When, by text. The first time counts.
    wait_for: Callable[[Callable[[], bool]], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Hanging:
    """What the others noticed on one side."""

    side: str
    calm: float  #: The others' 95th percentile before, as a multiple of what it was beside them.
    hung: float  #: And while chats hang.
    seconds: float  #: It was so many seconds then.
    longest: float  #: Of all their messages while chats hang.
    out: int  #: Calls that hung.


@dataclass(frozen=True, slots=True)
class Result:
    """Both sides, and what was wrong."""

    sides: list[Hanging]
    faults: dict[str, int]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class World:
    """A relay between its look-alikes."""

    telegram: TelegramLookAlike
    kit: KitLookAlike
    relay: RelayProcess


@asynccontextmanager
async def _world(home: Path, chats: int) -> AsyncIterator[World]:
    """One in which everybody has met."""
    async with TelegramLookAlike(limits=True) as telegram, KitLookAlike() as kit:
        telegram.faults.latency = kit.faults.latency = 0.02
        async with relay_between(telegram, kit, home, **RATES) as relay:
            await relay.start()
            telegram.backlog(chats, chats, first_chat=FIRST)
            telegram.backlog(OTHERS, OTHERS, first_chat=FIRST_OTHER)
            await kit.wait_for(lambda: len(kit.clients) == chats + OTHERS, 60)
            yield World(telegram, kit, relay)


async def hanging(home: Path, *, chats: int, calm: float, seconds: float, rate: float) -> Result:
    """So many chats hang for so many seconds on each side; others send so many messages a second."""
    faults = {}
    hung = [FIRST + number for number in range(chats)]
    async with _world(home / "hangs", chats) as world, _world(home / "beside", chats) as beside:
        telegram, kit, relay = world.telegram, world.kit, world.relay
        sides = []
        for side in (kit, telegram):
            to = _to_kit if side is kit else _to_telegram
            both = to(world), to(beside)
            calmly = await _both(both, [], calm, rate, 0)
            side.faults.hang_of = frozenset(map(str, hung))
            while_hung = await _both(both, hung, seconds, rate, 1)
            out = sum(text.startswith("hangs") for text in both[0].arrived())
            side.faults.hang_of = frozenset()
            own = while_hung[0]
            sides.append(
                Hanging(
                    type(side).__name__, _multiple(calmly), _multiple(while_hung), _p95(own), max(own.values()), out
                )
            )
        await kit.wait_for(lambda: all(f"hangs {by_customer(chat, HANGS_AT)}" in kit.texts(chat) for chat in hung), 60)
        faults["exit code"] = await relay.stop()
        # Calls that hang run into their time-outs, and are repeated.
        verdict = draw_up(telegram, kit, relay.environment["RELAY_DATABASE_URL"], interruptions=HANGS)
        faults["429"] = telegram.limits.given
    [(dead,)] = rows(home / "hangs", _BURIED)
    faults["buried of the others"] = dead
    return Result(sides, {name: number for name, number in faults.items() if number}, verdict)


async def _both(talks: tuple[Talk, Talk], hung: Sequence[int], seconds: float, rate: float, part: int) -> list[Took]:
    """Let the others talk in both worlds, and say something to each that may hang: how long the others' took."""
    async with asyncio.TaskGroup() as group:
        for talk in talks:
            group.create_task(_hang(talk, hung))
        tasks = [group.create_task(_talk(talk, seconds, rate, part)) for talk in talks]
    return [task.result() for task in tasks]


def _multiple(both: Sequence[Took]) -> float:
    own, beside = both
    return statistics.median(multiples(own, beside, min(own), max(own)))


def _to_kit(world: World) -> Talk:
    telegram, kit = world.telegram, world.kit

    def arrived() -> dict[str, float]:
        return {event.text or "": event.at for event in reversed(kit.events)}

    return Talk(
        by_customer, lambda chat, text: _write(telegram, chat, text), arrived, lambda seen: kit.wait_for(seen, 60)
    )


def _write(telegram: TelegramLookAlike, chat: int, text: str) -> None:
    telegram.customer(chat).writes(text)


def _to_telegram(world: World) -> Talk:
    telegram, kit = world.telegram, world.kit

    def say(chat: int, text: str) -> None:
        kit.enqueue_callbacks([kit.callbacks.message(str(chat), text)])

    def arrived() -> dict[str, float]:
        return {str(call.params.get("text")): call.at for call in reversed(telegram.calls)}

    return Talk(by_agent, say, arrived, lambda seen: telegram.wait_for(seen, 60))


async def _hang(talk: Talk, chats: Sequence[int]) -> None:
    """Say something to each of the chats that hang."""
    for chat in chats:
        talk.say(chat, f"hangs {talk.mark(chat, HANGS_AT)}")
        await asyncio.sleep(1 / HANGING_RATE)


async def _talk(talk: Talk, seconds: float, rate: float, part: int) -> Took:
    """Let the others talk: how long their messages took, by when they were said."""
    said: dict[str, float] = {}
    for number in range(int(seconds * rate)):
        chat = FIRST_OTHER + number % OTHERS
        text = talk.mark(chat, part * PART + number)
        said[text] = time.monotonic()
        talk.say(chat, text)
        await asyncio.sleep(1 / rate)
    await talk.wait_for(lambda: said.keys() <= talk.arrived().keys())
    arrived = talk.arrived()
    return {at: arrived[text] - at for text, at in said.items()}


def _p95(took: Took) -> float:
    return statistics.quantiles(took.values(), n=20)[-1]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.hanging", description=__doc__)
    parser.add_argument("--chats", type=int, default=200, help="that hang")
    parser.add_argument("--calm", type=float, default=20.0, help="seconds before")
    parser.add_argument("--seconds", type=float, default=75.0, help="while they hang")
    parser.add_argument("--rate", type=float, default=10.0, help="messages of the others a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        result = asyncio.run(
            hanging(Path(home), chats=options.chats, calm=options.calm, seconds=options.seconds, rate=options.rate)
        )
    said = "; ".join(
        f"{each.side}: others' p95 {each.calm:.2f} x of that beside in the calm, {each.hung:.2f} x while {each.out}"
        f" chats hang ({each.seconds * 1000:.0f} ms, longest {each.longest * 1000:.0f} ms)"
        for each in result.sides
    )
    print(f"{said}; faults {result.faults or 'none'}; {result.verdict}")  # noqa: T201 - a report
    slow = any(each.seconds > 1 or (options.seconds >= ENOUGH and each.hung > MOST) for each in result.sides)
    return (
        1
        if result.faults or not result.verdict.held or slow or any(each.out < options.chats for each in result.sides)
        else 0
    )


if __name__ == "__main__":
    sys.exit(main())
