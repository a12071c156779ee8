"""`python -m tests.campaigns.recovery`: five ways in which a PostgreSQL or a relay on it fails, each for a minute.

Three relays share a database; customers and agents say so much a second, evenly. The server is started again; a
backend is killed, which makes the server end every session and recover; all its connections are taken by others; a
relay is killed; relays are killed again and again. From ten seconds after each fault on, as much must arrive as in the
minute before. At the end the ledger is drawn up: nothing lost, each chat in its order, nothing buried.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, text

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns.kills import FIRST_CHAT, Talk, settled
from tests.campaigns.ledger import Verdict, draw_up
from tests.e2e.process import RelayProcess, relay_between
from tests.postgresql import all_connections_taken, empty_postgresql, kill_a_backend, restart_server

_RELAYS: Final = 3
_CHATS: Final = 30
#: Of what arrived in the time before, so much must arrive afterwards.
PROMISED: Final = 0.95
#: Seconds for which all connections are taken; and how often, and how far apart, relays are killed again and again.
_TAKEN: Final = 3.0
_KILLS, _APART = 4, 2.0
#: Seconds from the first words until what arrives is as much as is said.
_CALM: Final = 2.0


@dataclass(slots=True)
class Seen:
    """What became of it."""

    before: float = 0.0  #: Arrivals a second.
    shares: dict[str, float] = field(default_factory=dict)  #: By scenario: of that.
    buried: int = 0
    exit_codes: list[int] = field(default_factory=list)  #: Of those that ended by themselves, then of all at the end.
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def held(self) -> bool:
        """Whether all that is promised was kept."""
        well = all(share >= PROMISED for share in self.shares.values())
        return well and self.verdict.held and not self.buried and not any(self.exit_codes)

    def __str__(self) -> str:
        """One line."""
        shares = ", ".join(f"{name} {share:.0%}" for name, share in self.shares.items())
        return f"of {self.before:.0f}/s: {shares}; {self.buried} buried, exit codes {self.exit_codes}: {self.verdict}"


@dataclass(slots=True)
class House:
    """Three relays between two look-alikes, and who talks."""

    url: str
    telegram: TelegramLookAlike
    kit: KitLookAlike
    talk: Talk
    relays: list[RelayProcess]
    kills: int = 0

    def arrived(self) -> int:
        """How much has arrived on both sides."""
        return len(self.kit.events) + len(self.telegram.calls)

    async def speed(self, seconds: float) -> float:
        """How much arrives in a second."""
        began, before = time.monotonic(), self.arrived()
        await asyncio.sleep(seconds)
        return (self.arrived() - before) / (time.monotonic() - began)

    async def kill_one(self) -> RelayProcess:
        """The next one, and Kit's callbacks go to one that lives, as behind a load balancer."""
        victim = self.relays[self.kills % _RELAYS]
        self.kills += 1
        alive = self.relays[self.kills % _RELAYS]
        self.kit.callbacks.url = f"http://127.0.0.1:{alive.port}/kit/callback"
        await victim.kill()
        return victim


async def _server_restarted(_house: House) -> None:
    await asyncio.to_thread(restart_server)


async def _backend_killed(house: House) -> None:
    await asyncio.to_thread(kill_a_backend, house.url)


async def _connections_exhausted(house: House) -> None:
    with all_connections_taken(house.url):
        await asyncio.sleep(_TAKEN)


async def _relay_killed(house: House) -> None:
    await house.kill_one()


async def _killed_again_and_again(house: House) -> None:
    for _ in range(_KILLS):
        victim = await house.kill_one()
        await victim.start()
        await asyncio.sleep(_APART)


SCENARIOS: Final[dict[str, Callable[[House], Awaitable[None]]]] = {
    "server-restarted": _server_restarted,
    "backend-killed": _backend_killed,
    "connections-exhausted": _connections_exhausted,
    "relay-killed": _relay_killed,
    "killed-again": _killed_again_and_again,
}


async def campaign(scenarios: list[str], rate: float, seconds: float, within: float, home: Path) -> Seen:
    """Play these one after the other, then let everything arrive, and draw up the ledger."""
    seen = Seen()
    async with _house(home) as house:
        await house.kit.wait_for(lambda: len(house.kit.clients) == _CHATS, 30)
        talking = asyncio.create_task(_talk(house.talk, rate))
        await asyncio.sleep(_CALM)
        seen.before = await house.speed(seconds)
        for name in scenarios:
            began = time.monotonic()
            await SCENARIOS[name](house)
            await asyncio.sleep(max(0.0, began + within - time.monotonic()))
            after = await house.speed(seconds)
            seen.shares[name] = after / seen.before
            seen.exit_codes += await _start_again(house.relays)
        talking.cancel()
        with suppress(TimeoutError):  # what is missing then is the ledger's matter
            await settled(house.telegram, house.kit, house.relays[0], 60)
        seen.exit_codes += [await relay.stop() for relay in house.relays]
        seen.verdict = draw_up(house.telegram, house.kit, house.url, interruptions=house.kills + len(scenarios))
        seen.buried = _buried(house.url)
    return seen


async def _start_again(relays: list[RelayProcess]) -> list[int]:
    """Start those that are gone. How those ended that nobody had killed: none should have."""
    codes = []
    for relay in relays:
        assert relay.process is not None
        code = relay.process.returncode
        if code is not None:
            codes.append(code)
            await relay.start()
    return [code for code in codes if code != -signal.SIGKILL]


@asynccontextmanager
async def _house(home: Path) -> AsyncIterator[House]:
    """Everybody at work."""
    url = empty_postgresql()
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit, AsyncExitStack() as stack:
        telegram.faults.latency, kit.faults.latency = 0.005, 0.02
        chats = [FIRST_CHAT + number for number in range(_CHATS)]
        talk = Talk(telegram, kit, random.Random(1), chats, words_only=True)  # noqa: S311 - a seed
        settings = {"RELAY_DATABASE_URL": url, "RELAY_LOG_LEVEL": "INFO"}
        relays = [
            await stack.enter_async_context(relay_between(telegram, kit, home / str(number), **settings))
            for number in range(_RELAYS)
        ]
        await asyncio.gather(*(relay.start() for relay in relays))
        for chat in chats:
            telegram.customer(chat).writes("hello")
        yield House(url, telegram, kit, talk, relays)


async def _talk(talk: Talk, rate: float) -> None:
    """So much a second each way, evenly, whatever becomes of it."""
    began, said = time.monotonic(), 0
    while True:
        talk.more(1, 1, 0)
        said += 1
        await asyncio.sleep(max(0.0, began + said / rate - time.monotonic()))


def _buried(url: str) -> int:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        dead = connection.scalar(text("SELECT count(*) FROM outbox WHERE status = 'dead'"))
    engine.dispose()
    return int(dead or 0)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.recovery", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"some of: {', '.join(SCENARIOS)}")
    parser.add_argument("--rate", type=float, default=50.0, help="messages a second each way")
    parser.add_argument("--seconds", type=float, default=60.0, help="for which is measured, before and after")
    parser.add_argument("--within", type=float, default=10.0, help="seconds from a fault until all must be well")
    options = parser.parse_args()
    if unknown := set(options.scenarios) - set(SCENARIOS):
        parser.error(f"no scenario {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as home:
        names = options.scenarios or list(SCENARIOS)
        seen = asyncio.run(campaign(names, options.rate, options.seconds, options.within, Path(home)))
    print(seen)  # noqa: T201 - a report
    return 0 if seen.held else 1


if __name__ == "__main__":
    sys.exit(main())
