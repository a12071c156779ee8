"""`python -m tests.campaigns.replicas --kills 20`: two relays on one PostgreSQL, and one after the other is killed.

Customers and agents go on through it, and Kit's callbacks go to the relay that lives, as behind a load balancer. After
each kill it is timed how long the survivor takes to go on with what the dead one had in its hands. At the end the
ledger is drawn up over both.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.engine.postgresql import connect
from tests.campaigns.kills import CALLBACKS, CHATS, FIRST_CHAT, UPDATES, Talk, settled
from tests.campaigns.ledger import Verdict, draw_up
from tests.campaigns.occasions import moment
from tests.e2e.process import relay_between
from tests.postgresql import empty_postgresql
from tests.waiting import eventually

#: Seconds within which a survivor must have taken over.
PROMISED: Final = 5.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of it."""

    takeovers: list[float]  #: Seconds from each kill.
    exit_codes: list[int]
    verdict: Verdict

    @property
    def held(self) -> bool:
        """Whether all that is promised was kept."""
        return self.verdict.held and not any(self.exit_codes) and max(self.takeovers) <= PROMISED


async def campaign(kills: int, dice: random.Random, home: Path, *, patience: float = 60.0) -> Seen:
    """Kill one relay after the other, let both finish, and draw up the ledger."""
    url, takeovers = empty_postgresql(), []
    engine = connect(url)
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit:
        telegram.faults.latency, kit.faults.latency = 0.005, 0.02
        talk = Talk(telegram, kit, dice, [FIRST_CHAT + number for number in range(CHATS)])
        settings = {"RELAY_DATABASE_URL": url, "RELAY_LOG_LEVEL": "INFO"}
        async with (
            relay_between(telegram, kit, home / "one", **settings) as one,
            relay_between(telegram, kit, home / "other", **settings) as other,
        ):
            await one.start()
            await other.start()
            for chat in talk.chats:
                telegram.customer(chat).writes("hello")
            await kit.wait_for(lambda: len(kit.clients) == CHATS, 30)
            for number in range(kills):
                victim, survivor = (one, other) if number % 2 == 0 else (other, one)
                kit.callbacks.url = f"http://127.0.0.1:{survivor.port}/kit/callback"
                talk.more(UPDATES, CALLBACKS, 1)
                await moment(telegram, kit, dice)
                await victim.kill()
                takeovers.append(await _taken_over(engine))
                await victim.start()
            with suppress(TimeoutError):  # what is missing then is the ledger's matter
                await settled(telegram, kit, one, patience)
            exit_codes = [await one.stop(), await other.stop()]
            verdict = draw_up(telegram, kit, url, interruptions=kills)
    engine.dispose()
    return Seen(takeovers, exit_codes, verdict)


async def _taken_over(engine: Engine) -> float:
    """Seconds until nothing is in the hands of a relay that died a moment ago."""
    began = time.monotonic()

    async def is_done() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(text("SELECT count(*) = 1 FROM replica")))

    await eventually(is_done, within=60)
    return time.monotonic() - began


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.replicas", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        seen = asyncio.run(campaign(options.kills, random.Random(options.seed), Path(home)))  # noqa: S311 - a seed
    slowest = max(seen.takeovers)
    print(f"{options.kills} kills, taken over within {slowest:.1f} s, exit codes {seen.exit_codes}: {seen.verdict}")  # noqa: T201 - a report
    return 0 if seen.held else 1


if __name__ == "__main__":
    sys.exit(main())
