"""`python -m tests.campaigns.kills --kills 1000`: `kill -9` at chosen and at random moments, under load both ways.

Customers and agents go on through it: words, files, albums, replies of several messages, and replies that Telegram
refuses. Half of the kills come at any moment; the others as soon as something has happened on either side, when the
relay is between that and writing it down. At the end the ledger is drawn up. `--postgresql` kills one on
PostgreSQL.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from relay.sandbox.kit.callbacks import Callback
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.changes import Changes
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns.ledger import Verdict, by_agent, by_customer, draw_up
from tests.e2e.process import RelayProcess, relay_between
from tests.postgresql import empty_postgresql

CHATS: Final = 30
FIRST_CHAT: Final = 6_000_001
UPDATES: Final = 60  #: New ones before each kill.
CALLBACKS: Final = 40
REFUSED: Final = 6  #: Of those, at most so many are refused by Telegram.
LONGEST: Final = 0.6  #: Seconds from the load to the kill.
SOON: Final = 0.03
LONG: Final = "x" * 4090  #: What makes a reply of one message two.


@dataclass
class Talk:
    """What customers and agents say, both ways, in chats of their own."""

    telegram: TelegramLookAlike
    kit: KitLookAlike
    dice: random.Random
    chats: list[int]
    words_only: bool = False
    long: float = 0.1  #: The share of replies that are two messages.
    said: dict[int, int] = field(default_factory=dict)  #: How many marks a chat's customer has said.
    told: dict[int, int] = field(default_factory=dict)  #: And its agents.

    def more(self, updates: int, callbacks: int, refused: int) -> None:
        """Say so much more at once."""
        for _ in range(updates):
            self._write(self.dice.choice(self.chats))
        self.kit.enqueue_callbacks([self._answer(self.dice.choice(self.chats)) for _ in range(callbacks)])
        for chat in self.dice.sample(self.chats, refused):
            self.telegram.next_answer(400, "Bad Request: message is odd", on="sendMessage", of=chat)

    def _write(self, chat: int) -> None:
        customer, kind = self.telegram.customer(chat), 1.0 if self.words_only else self.dice.random()
        if kind < 0.05:
            customer.sends("document", size=100, file_name=f"{self._customers(chat)}.pdf")
        elif kind < 0.07:
            customer.sends("photo", size=100, caption=self._customers(chat))
        else:
            customer.writes(self._customers(chat))

    def _answer(self, chat: int) -> Callback:
        if not self.words_only and self.dice.random() < self.long:
            return self.kit.callbacks.message(str(chat), f"{self._agents(chat)} {LONG} {self._agents(chat)}")
        return self.kit.callbacks.message(str(chat), self._agents(chat))

    def _customers(self, chat: int) -> str:
        self.said[chat] = self.said.get(chat, 0) + 1
        return by_customer(chat, self.said[chat])

    def _agents(self, chat: int) -> str:
        self.told[chat] = self.told.get(chat, 0) + 1
        return by_agent(chat, self.told[chat])


@dataclass(frozen=True, slots=True)
class Killed:
    """What became of it."""

    kills: int
    seconds: float
    exit_code: int
    verdict: Verdict


async def campaign(
    kills: int, dice: random.Random, home: Path, *, patience: float = 60.0, long: float = 0.1, **settings: str
) -> Killed:
    """Kill the relay so many times, let it finish within its patience, and draw up the ledger."""
    began = time.monotonic()
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit:
        telegram.faults.latency, kit.faults.latency = 0.005, 0.01
        talk = Talk(telegram, kit, dice, [FIRST_CHAT + number for number in range(CHATS)], long=long)
        async with relay_between(telegram, kit, home, RELAY_LOG_LEVEL="INFO", **settings) as relay:
            await relay.start()
            for chat in talk.chats:
                telegram.customer(chat).writes("hello")
            await kit.wait_for(lambda: len(kit.clients) == CHATS, 30)
            for _ in range(kills):
                talk.more(UPDATES, CALLBACKS, dice.randint(1, REFUSED))
                await moment(telegram, kit, dice)
                await relay.kill()
                await relay.start()
            with suppress(TimeoutError):  # what is missing then is the ledger's matter
                await settled(telegram, kit, relay, patience)
            exit_code = await relay.stop()
            database = relay.environment["RELAY_DATABASE_URL"]
            verdict = draw_up(telegram, kit, database, interruptions=kills)
        return Killed(kills, time.monotonic() - began, exit_code, verdict)


async def moment(telegram: TelegramLookAlike, kit: KitLookAlike, dice: random.Random) -> None:
    """Any moment; or just after the next time that something has happened."""
    happened = _happened(telegram, kit)
    which = dice.randrange(2 * len(happened))
    if which >= len(happened):
        await asyncio.sleep(dice.uniform(0.0, dice.choice([SOON, LONGEST])))
        return
    changes, count = happened[which]
    before = count()
    with suppress(TimeoutError):
        await changes.wait_for(lambda: count() > before, LONGEST)
    if dice.random() < 0.5:
        await asyncio.sleep(dice.uniform(0.0, SOON))


def _happened(telegram: TelegramLookAlike, kit: KitLookAlike) -> list[tuple[Changes, Callable[[], int]]]:
    """What can be seen to happen: what tells that something has, and how often it did."""
    return [
        (telegram.changes, lambda: telegram.updates.confirmed),
        (kit.changes, lambda: len(kit.events)),
        (telegram.changes, lambda: len(telegram.calls)),
        (kit.changes, lambda: len(kit.callbacks.posted)),
        (telegram.changes, lambda: len(telegram.refused)),
    ]


async def settled(telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, within: float) -> None:
    """Return when nothing is on its way any more. Raises TimeoutError."""
    async with asyncio.timeout(within):
        await kit.callbacks_done(within)
        await telegram.wait_for(lambda: not telegram.updates.pending, within)
        for _ in range(2):  # what goes to Telegram may leave a note for Kit
            await relay.settled("to_telegram", within=within)
            await relay.settled("to_kit", within=within)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds for what is left at the end")
    parser.add_argument("--long", type=float, default=0.1, help="the share of replies that are two messages")
    parser.add_argument("--report", type=Path, help="a file for what was found, as JSON")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL")
    options = parser.parse_args()
    settings = {"RELAY_DATABASE_URL": empty_postgresql()} if options.postgresql else {}
    dice = random.Random(options.seed)  # noqa: S311 - a seed
    with tempfile.TemporaryDirectory() as home:
        seen = asyncio.run(
            campaign(options.kills, dice, Path(home), patience=options.patience, long=options.long, **settings)
        )
    if options.report is not None:
        options.report.write_text(json.dumps({"kills": seen.kills, "found": seen.verdict.found}))
    print(f"{seen.kills} kills in {seen.seconds:.0f} s, exit code {seen.exit_code}: {seen.verdict}")  # noqa: T201 - a report
    return 0 if seen.verdict.held and seen.exit_code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
