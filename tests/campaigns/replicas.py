"""`python -m tests.campaigns.replicas --kills 20`: three relays on one PostgreSQL, and one after the other is killed.

Customers and agents go on through it, and Kit's callbacks go to a relay that lives, as behind a load balancer. After
each kill it is timed how long the survivors take to go on with what the dead one had in its hands. `--away 3` takes the
server away from all of them so many times, for longer than a term, and times how long they take to work again. With
`--clocks 3600` the clocks of the first two are an hour ahead and an hour behind. At the end the ledger is drawn up over
all.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.engine.postgresql import connect
from relay.store.engine.replica import TERM
from tests.campaigns.kills import CALLBACKS, CHATS, FIRST_CHAT, UPDATES, Talk, settled
from tests.campaigns.ledger import Verdict, draw_up
from tests.campaigns.occasions import moment
from tests.clocks import another_clock
from tests.e2e.process import RelayProcess, relay_between
from tests.postgresql import empty_postgresql, server_away
from tests.waiting import eventually

_RELAYS: Final = 3
#: Seconds within which survivors must have taken over, and within which all must work again after an outage.
PROMISED: Final = 5.0
BACK: Final = 10.0
#: Seconds that the server is away.
_AWAY: Final = TERM + 2.0


@dataclass(slots=True)
class Seen:
    """What became of it."""

    takeovers: list[float] = field(default_factory=list)  #: Seconds from each kill.
    returns: list[float] = field(default_factory=list)  #: Seconds from the end of each outage.
    reasons: set[str] = field(default_factory=set)  #: What each relay said of the database meanwhile.
    logins: int = 0  #: To Kit, of all relays together.
    exit_codes: list[int] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def held(self) -> bool:
        """Whether all that is promised was kept."""
        in_time = max(self.takeovers, default=0.0) <= PROMISED and max(self.returns, default=0.0) <= BACK
        told = all(reason.startswith("out of reach: ") for reason in self.reasons)
        return self.verdict.held and not any(self.exit_codes) and in_time and told and self.logins == 1

    def __str__(self) -> str:
        """One line."""
        slowest = f"taken over within {max(self.takeovers, default=0.0):.1f} s"
        back = f"at work again within {max(self.returns, default=0.0):.1f} s"
        return (
            f"{len(self.takeovers)} kills, {slowest}; {len(self.returns)} outages, {back};"
            f" {self.logins} logins, exit codes {self.exit_codes}: {self.verdict}"
        )


async def campaign(
    kills: int, away: int, dice: random.Random, home: Path, *, patience: float = 60.0, clocks: float = 0.0
) -> Seen:
    """Kill one relay after the other, take the server away, let all finish, and draw up the ledger."""
    url, seen = empty_postgresql(), Seen()
    engine = connect(url)
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit, AsyncExitStack() as stack:
        telegram.faults.latency, kit.faults.latency = 0.005, 0.02
        talk = Talk(telegram, kit, dice, [FIRST_CHAT + number for number in range(CHATS)])
        settings = {"RELAY_DATABASE_URL": url, "RELAY_LOG_LEVEL": "INFO"}
        relays = []
        for number, ahead in zip(range(_RELAYS), (clocks, -clocks, 0.0), strict=True):
            clock = another_clock(ahead) if ahead else {}
            relay = await stack.enter_async_context(
                relay_between(telegram, kit, home / str(number), **settings, **clock)
            )
            relays.append(relay)
            await relay.start()
        for chat in talk.chats:
            telegram.customer(chat).writes("hello")
        await kit.wait_for(lambda: len(kit.clients) == CHATS, 30)
        for number in range(kills):
            victim, balanced = relays[number % _RELAYS], relays[(number + 1) % _RELAYS]
            kit.callbacks.url = f"http://127.0.0.1:{balanced.port}/kit/callback"
            talk.more(UPDATES, CALLBACKS, 1)
            await moment(telegram, kit, dice)
            await victim.kill()
            seen.takeovers.append(await _taken_over(engine))
            await victim.start()
        for _ in range(away):
            talk.more(UPDATES, CALLBACKS, 1)
            await moment(telegram, kit, dice)
            with server_away(url):
                talk.more(UPDATES, CALLBACKS, 1)
                await asyncio.sleep(_AWAY)
                seen.reasons |= {(await relay.readiness()).reasons["database"] for relay in relays}
            seen.returns.append(await _at_work_again(relays))
        talk.give_out()
        with suppress(TimeoutError):  # what is missing then is the ledger's matter
            await settled(telegram, kit, relays[0], patience)
        seen.logins = kit.tokens.logins
        seen.exit_codes = [await relay.stop() for relay in relays]
        seen.verdict = draw_up(telegram, kit, url, interruptions=kills + away)
    engine.dispose()
    return seen


async def _taken_over(engine: Engine) -> float:
    """Seconds until nothing is in the hands of a relay that died a moment ago."""
    began = time.monotonic()

    async def is_done() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(text("SELECT count(*) FROM replica")) == _RELAYS - 1)

    await eventually(is_done, within=60)
    return time.monotonic() - began


async def _at_work_again(relays: list[RelayProcess]) -> float:
    """Seconds until every one says that it does its work."""
    began = time.monotonic()

    async def all_are() -> bool:
        return all([(await relay.get("/readyz"))[0] == 200 for relay in relays])

    await eventually(all_are, within=60)
    return time.monotonic() - began


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.replicas", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--away", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clocks", type=float, default=0.0, metavar="SECONDS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        dice = random.Random(options.seed)  # noqa: S311 - a seed
        seen = asyncio.run(campaign(options.kills, options.away, dice, Path(home), clocks=options.clocks))
    print(seen)  # noqa: T201 - a report
    return 0 if seen.held else 1


if __name__ == "__main__":
    sys.exit(main())
