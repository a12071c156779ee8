"""`python -m tests.campaigns.suspects`: a message that kills the relay; kills and restarts while Kit hangs.

One of 21 busy chats gets a message that ends the process as soon as the other side has it: in either direction it is
buried after six deaths, and the others get everything, in order. Then one that ends it four seconds later, so that it
may be the side that hangs: it is never buried, but from the third death on held back, longer each time, until `relay
hurry` names its chat. Then the relay is killed six times while Kit hangs,
which buries nothing; and it is restarted three times, after which a customer who has nothing to do with it is answered
within a second of the start.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final, get_args

from relay.model import Direction
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.charging import HELD_BACK_FROM, held_back_for
from tests.campaigns.ledger import by_agent, by_customer, draw_up
from tests.databases import rows
from tests.e2e.process import RelayProcess, command, relay_between
from tests.waiting import eventually

FIRST: Final = 6_000_001
BUSY: Final = 20
KILLER: Final = 7_000_001
LATE: Final = 4.0  #: Seconds after which the late killer kills: longer than a call counts as nobody's crime.
LONGEST: Final = 20.0  #: Seconds of a life in which nothing happens: then the killer does not kill any more.
QUIET: Final = 5.0  #: Seconds for which it is watched that what is held back does not come.
_ACCOUNTS: Final = "SELECT count(*) FROM lane WHERE crashes > 0 OR slow_deaths > 0"
_DEAD: Final = "SELECT lane.client_id FROM outbox JOIN lane ON lane.id = lane_id WHERE status = 'dead'"


@dataclass
class Busy:
    """Chats that talk all the time, both ways: what they have said, and been told."""

    telegram: TelegramLookAlike
    kit: KitLookAlike
    chats: tuple[int, ...]
    said: dict[int, list[int]] = field(default_factory=dict)

    @contextmanager
    def talking(self) -> Iterator[None]:
        """They talk meanwhile."""
        task = asyncio.create_task(self._talk())
        try:
            yield
        finally:
            task.cancel()

    async def _talk(self) -> None:
        for number in count():
            chat = self.chats[number % len(self.chats)]
            self.said.setdefault(chat, []).append(number)
            self.telegram.customer(chat).writes(by_customer(chat, number))
            self.kit.enqueue_callbacks([self.kit.callbacks.message(str(chat), by_agent(chat, number))])
            await asyncio.sleep(0.02)

    async def has_all(self) -> bool:
        """Whether everything has arrived."""
        return all(
            {by_customer(chat, number) for number in said} <= set(self.kit.texts(chat))
            and {by_agent(chat, number) for number in said} <= set(self.telegram.chat(chat).texts)
            for chat, said in self.said.items()
        )


async def killer(home: Path, direction: Direction) -> tuple[int, dict[str, int]]:
    """How many deaths it takes until the message that kills is buried, and what was wrong."""
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit:
        side = kit if direction == "to_kit" else telegram
        busy = Busy(telegram, kit, tuple(FIRST + number for number in range(BUSY)))
        async with relay_between(telegram, kit, home, RELAY_LOG_LEVEL="INFO") as relay:
            await relay.start()
            for chat in (*busy.chats, KILLER):
                telegram.customer(chat).writes("hello")
            await kit.wait_for(lambda: len(kit.clients) == BUSY + 1, 30)
            side.faults.hang_of = frozenset({str(KILLER)})
            with busy.talking():
                _say_kill(telegram, kit, direction)
                deaths = await _deaths(relay, lambda: _times_killed(telegram, kit, direction))
            side.faults.hang_of = frozenset()  # the note about it arrives
            await eventually(busy.has_all, within=60)
            await relay.settled(direction)
            exit_code = await relay.stop()
        wrong = {
            "buried of others": sum(client != str(KILLER) for (client,) in rows(home, _DEAD)),
            "not buried": int((str(KILLER),) not in rows(home, _DEAD)),
            "accounts": rows(home, _ACCOUNTS)[0][0],
            **_broken(telegram, kit, relay, deaths),
            "exit code": exit_code,
        }
        return deaths, {name: number for name, number in wrong.items() if number}


def _broken(telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, interruptions: int) -> dict[str, int]:
    """Promises that the ledger shows to be broken, and how often."""
    verdict = draw_up(telegram, kit, relay.environment["RELAY_DATABASE_URL"], interruptions=interruptions)
    return {promise: len(cases) for promise, cases in verdict.found.items()}


def _say_kill(telegram: TelegramLookAlike, kit: KitLookAlike, direction: Direction) -> None:
    if direction == "to_kit":
        telegram.customer(KILLER).writes("kill")
    else:
        kit.enqueue_callbacks([kit.callbacks.message(str(KILLER), "kill")])


def _times_killed(telegram: TelegramLookAlike, kit: KitLookAlike, direction: Direction) -> int:
    """How often the other side has had the message that kills."""
    if direction == "to_kit":
        return sum(event.client_id == str(KILLER) and event.text == "kill" for event in kit.events)
    return telegram.chat(KILLER).texts.count("kill")


async def _deaths(relay: RelayProcess, killed: Callable[[], int]) -> int:
    """Let the relay die each time that the message has arrived, and start it again, until the message is buried."""
    deaths = 0

    async def ended() -> bool:
        return killed() > deaths or "the relay died" in relay.log

    while True:
        await eventually(ended, within=LONGEST)
        if killed() == deaths:
            return deaths
        deaths += 1
        await relay.kill()
        await relay.start()


async def late_killer(home: Path, direction: Direction, deaths: int) -> tuple[list[float], dict[str, int]]:
    """The seconds from each death to the message's next arrival, of so many deaths; and what was wrong."""
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit:
        side = kit if direction == "to_kit" else telegram
        busy = Busy(telegram, kit, tuple(FIRST + number for number in range(BUSY)))
        async with relay_between(telegram, kit, home, RELAY_LOG_LEVEL="INFO") as relay:
            await _first_contact(telegram, kit, relay, [*busy.chats, KILLER])
            side.faults.hang_of = frozenset({str(KILLER)})
            with busy.talking():
                _say_kill(telegram, kit, direction)
                waits, early = await _late_deaths(relay, lambda: _times_killed(telegram, kit, direction), deaths)
                side.faults.hang_of = frozenset()
                code, said, _ = await command(relay, "hurry", str(KILLER))
                await eventually(lambda: _is(_times_killed(telegram, kit, direction) > deaths), within=LONGEST)
            await eventually(busy.has_all, within=60)
            await relay.settled(direction)
            exit_code = await relay.stop()
        wrong = {
            "buried": len(rows(home, _DEAD)),
            "came before its time": early,
            "hurried in vain": int(code != 0 or "1 " not in said),
            "accounts": rows(home, _ACCOUNTS)[0][0],
            "not told": int(relay.log.count("delivery.held_back") != deaths - HELD_BACK_FROM + 1),
            **_broken(telegram, kit, relay, deaths),
            "exit code": exit_code,
        }
        return waits, {name: number for name, number in wrong.items() if number}


async def _is(said: bool) -> bool:  # noqa: FBT001 - as `eventually` asks
    return said


async def _late_deaths(relay: RelayProcess, killed: Callable[[], int], deaths: int) -> tuple[list[float], int]:
    """Let the relay die LATE seconds after each arrival. The waits between, and how often one was too short.

    After the last one it is seen for QUIET seconds that the message does not come.
    """
    waits: list[float] = []
    early, died_at = 0, time.monotonic()
    for death in range(1, deaths + 1):
        least = held_back_for(death - 1) if death > HELD_BACK_FROM else 0.0
        await eventually(lambda death=death: _is(killed() >= death), within=least + LONGEST)  # type: ignore[misc]
        waits.append(time.monotonic() - died_at)
        early += waits[-1] < least
        await asyncio.sleep(LATE)
        await relay.kill()
        died_at = time.monotonic()
        await relay.start()
    await asyncio.sleep(QUIET)
    return waits, early + (killed() > deaths)


async def kills_while_kit_hangs(home: Path, kills: int) -> dict[str, int]:
    """What was wrong after so many kills, each as soon as Kit has got something that it does not answer."""
    chats = [FIRST + number for number in range(6)]
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit:
        async with relay_between(telegram, kit, home, RELAY_LOG_LEVEL="INFO") as relay:
            await _first_contact(telegram, kit, relay, chats)
            kit.faults.hang_of = frozenset(map(str, chats))
            for chat in chats:
                telegram.customer(chat).writes(by_customer(chat, 1))
            for _ in range(kills):
                seen = len(kit.events)
                await kit.wait_for(lambda seen=seen: len(kit.events) > seen or seen, LONGEST)  # type: ignore[misc]
                await relay.kill()
                await relay.start()
            kit.faults.hang_of = frozenset()
            await kit.wait_for(lambda: all(by_customer(chat, 1) in kit.texts(chat) for chat in chats), 60)
            await relay.settled("to_kit")
            exit_code = await relay.stop()
        wrong = {"buried": len(rows(home, _DEAD)), "accounts": rows(home, _ACCOUNTS)[0][0], "exit code": exit_code}
        wrong |= _broken(telegram, kit, relay, 2 * kills)
        return {name: number for name, number in wrong.items() if number}


async def restarts_while_kit_hangs(home: Path, restarts: int) -> tuple[float, dict[str, int]]:
    """How long after the last start another customer was answered, seconds; and what was wrong."""
    chats = [FIRST + number for number in range(6)]
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit:
        async with relay_between(telegram, kit, home, RELAY_LOG_LEVEL="INFO") as relay:
            await _first_contact(telegram, kit, relay, [*chats, KILLER])
            kit.faults.hang_of = frozenset(map(str, chats))
            for chat in chats:
                telegram.customer(chat).writes(by_customer(chat, 1))
            for _ in range(restarts):
                seen = len(kit.events)
                await kit.wait_for(lambda seen=seen: len(kit.events) > seen or seen, LONGEST)  # type: ignore[misc]
                exit_code = await relay.stop()
                await relay.start()
            started = time.monotonic()
            await kit.agent_says(KILLER, by_agent(KILLER, 1))
            await telegram.wait_for(lambda: telegram.chat(KILLER).texts == [by_agent(KILLER, 1)], 60)
            took = time.monotonic() - started
            kit.faults.hang_of = frozenset()
            await kit.wait_for(lambda: all(by_customer(chat, 1) in kit.texts(chat) for chat in chats), 60)
            await relay.settled("to_kit")
            exit_code += await relay.stop()
        wrong = {"buried": len(rows(home, _DEAD)), "accounts": rows(home, _ACCOUNTS)[0][0], "exit codes": exit_code}
        wrong |= _broken(telegram, kit, relay, 2 * restarts)
        return took, {name: number for name, number in wrong.items() if number}


async def _first_contact(telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, chats: list[int]) -> None:
    await relay.start()
    for chat in chats:
        telegram.customer(chat).writes("hello")
    await kit.wait_for(lambda: len(kit.clients) == len(chats), 30)


async def campaign(
    home: Path, directions: Sequence[Direction], late: int, kills: int, restarts: int
) -> tuple[str, bool]:
    """All of it: what is to be said, and whether everything held."""
    parts, held = [], True
    for direction in directions:
        deaths, wrong = await killer(home / direction, direction)
        parts.append(f"a killer {direction} was buried after {deaths} deaths, faults {wrong or 'none'}")
        held = held and deaths <= 6 and not wrong
        waits, wrong = await late_killer(home / f"late_{direction}", direction, late)
        each = ", ".join(f"{seconds:.1f}" for seconds in waits)
        parts.append(f"a late killer {direction} came after {each} s, then held back, faults {wrong or 'none'}")
        held = held and not wrong
    wrong = await kills_while_kit_hangs(home / "kills", kills)
    parts.append(f"{kills} kills while Kit hangs, faults {wrong or 'none'}")
    took, faults = await restarts_while_kit_hangs(home / "restarts", restarts)
    parts.append(f"{took:.2f} s after {restarts} restarts another customer was answered, faults {faults or 'none'}")
    return "; ".join(parts), held and not wrong and not faults and took < 1


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.suspects", description=__doc__)
    parser.add_argument("--killer", choices=get_args(Direction), action="append", help="where to; both without any")
    parser.add_argument("--late", type=int, default=5, help="deaths by the late killer; a minute before the fourth")
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--restarts", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        said, held = asyncio.run(
            campaign(Path(home), options.killer or get_args(Direction), options.late, options.kills, options.restarts)
        )
    print(said)  # noqa: T201 - a report
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
