"""`python -m tests.campaigns.kills --kills 1000`: `kill -9` at chosen and at random moments, under load both ways.

Customers and agents go on through it: words, edits, files, albums, starts by links, replies of several messages, files
that come late, and replies that Telegram refuses. The relay is killed at its work, at a start, a migration, a shutdown,
beside a backup and in the middle of an erasure. Of the kills at work half come at any moment; the others as soon as
something has happened on either side, when the relay is between that and writing it down. Every 25 kills are a world of
its own, at whose end the ledger is drawn up. `--postgresql` kills one on PostgreSQL, at what does not touch a file.
`--results FILE` appends what was found, so that four runs of 250 are one of 1,000.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Final

from relay.sandbox.kit.callbacks import Callback
from relay.sandbox.kit.files import HostedFile
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns import occasions, results
from tests.campaigns.ledger import Verdict, by_agent, by_customer, by_file, draw_up
from tests.campaigns.occasions import OCCASIONS, Scene
from tests.e2e.process import RelayProcess, relay_between
from tests.postgresql import empty_postgresql

CHATS: Final = 30
FIRST_CHAT: Final = 6_000_001
UPDATES: Final = 60  #: New ones before each kill.
CALLBACKS: Final = 40
REFUSED: Final = 6  #: Of those, at most so many are refused by Telegram.
LONG: Final = "x" * 4090  #: What makes a reply of one message two.
WORLD: Final = 25  #: Kills.
MIGRATIONS: Final = 3  #: Of those.
#: Work as often as all the rest.
TURNS: Final = ("work", "start", "work", "shutdown", "work", "backup", "work", "erasure")
ON_POSTGRESQL: Final = ("work", "start", "work", "shutdown")
FAILING: Final = 503  #: What the server of a late file answers at first.


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
    sent: dict[int, int] = field(default_factory=dict)  #: And how many files those have sent.
    late: list[HostedFile] = field(default_factory=list)  #: Files that their servers do not give out yet.

    def more(self, updates: int, callbacks: int, refused: int) -> None:
        """Say so much more at once. What was late comes now."""
        self.give_out()
        for _ in range(updates):
            self._write(self.dice.choice(self.chats))
        self.kit.enqueue_callbacks([self._answer(self.dice.choice(self.chats)) for _ in range(callbacks)])
        for chat in self.dice.sample(self.chats, refused):
            self.telegram.next_answer(400, "Bad Request: message is odd", on="sendMessage", of=chat)

    def give_out(self) -> None:
        """Let servers give out the files that are late."""
        for file in self.late:
            file.status = 200
        self.late.clear()

    def _write(self, chat: int) -> None:
        customer, kind = self.telegram.customer(chat), 1.0 if self.words_only else self.dice.random()
        if kind < 0.05:
            customer.sends("document", size=100, file_name=f"{self._customers(chat)}.pdf")
        elif kind < 0.07:
            customer.sends("photo", size=100, caption=self._customers(chat))
        elif kind < 0.09:
            customer.sends_album([("photo", 100, self._customers(chat)) for _ in range(self.dice.randint(2, 4))])
        elif kind < 0.12:
            mistyped = customer.writes("hte")
            customer.edits(mistyped["message"]["message_id"], self._customers(chat))
        elif kind < 0.14:
            customer.starts("spring")  # no mark: every later start names the first link
        else:
            customer.writes(self._customers(chat))

    def _answer(self, chat: int) -> Callback:
        kind = 1.0 if self.words_only else self.dice.random()
        if kind < self.long:
            return self.kit.callbacks.message(str(chat), f"{self._agents(chat)} {LONG} {self._agents(chat)}")
        if kind < self.long + 0.06:
            return self.kit.callbacks.message(str(chat), self._agents(chat), [self._file(chat)])
        return self.kit.callbacks.message(str(chat), self._agents(chat))

    def _file(self, chat: int) -> dict[str, str]:
        """One of an agent's; a few come late."""
        self.sent[chat] = self.sent.get(chat, 0) + 1
        name = f"{by_file(chat, self.sent[chat])}.bin"
        url = self.kit.host_file(100, name)
        if self.dice.random() < 0.2:
            file = self.kit.hosted(url)
            file.status = FAILING
            self.late.append(file)
        return {"type": "document", "file_name": name, "file_url": url}

    def _customers(self, chat: int) -> str:
        self.said[chat] = self.said.get(chat, 0) + 1
        return by_customer(chat, self.said[chat])

    def _agents(self, chat: int) -> str:
        self.told[chat] = self.told.get(chat, 0) + 1
        return by_agent(chat, self.told[chat])


@dataclass(slots=True)
class Killed:
    """What became of it."""

    kills: Counter[str]  #: By what the relay was at.
    exit_codes: list[int]
    verdicts: list[Verdict]
    wrong: list[str]
    refused: int = 0  #: Starts that ended by themselves.

    @property
    def found(self) -> dict[str, list[str]]:
        """What is broken, by promise."""
        found: dict[str, list[str]] = {}
        for verdict in self.verdicts:
            for promise, cases in verdict.found.items():
                found.setdefault(promise, []).extend(cases)
        others = [*self.wrong, *(f"exit code {code}" for code in self.exit_codes if code)]
        return found | ({"the rest": others} if others else {})

    def add(self, other: "Killed") -> None:
        """Take another world's in."""
        self.kills += other.kills
        self.refused += other.refused
        self.exit_codes += other.exit_codes
        self.verdicts += other.verdicts
        self.wrong += other.wrong

    def _all(self, name: str) -> dict[str, int]:
        total: Counter[str] = Counter()
        for verdict in self.verdicts:
            total += getattr(verdict, name)
        return dict(total)

    def __str__(self) -> str:
        said, arrived = self._all("said"), self._all("arrived")
        kept, repeated = self._all("kept"), self._all("repeated")
        broken = "; ".join(f"{promise}: {len(cases)} ({cases[:3]})" for promise, cases in self.found.items())
        return (
            f"{self.kills.total()} kills {dict(self.kills)}, {self.refused} starts refused; acknowledged {said},"
            f" arrived {arrived}, kept {kept or 'none'}, repeated {repeated or 'none'};"
            f" broken: {broken or 'none'}"
        )


async def world(
    kills: int,
    dice: random.Random,
    home: Path,
    *,
    turns: Sequence[str] = TURNS,
    patience: float = 60.0,
    long: float = 0.1,
    share: float = 1.0,
    **settings: str,
) -> Killed:
    """Kill the relay so many times, let it finish within its patience, and draw up the ledger.

    `share` is how much of the usual is said before each kill.
    """
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit:
        telegram.faults.latency, kit.faults.latency = 0.005, 0.01
        talk = Talk(telegram, kit, dice, [FIRST_CHAT + number for number in range(CHATS)], long=long)
        async with relay_between(telegram, kit, home, RELAY_LOG_LEVEL="INFO", **settings) as relay:
            scene = Scene(telegram, kit, relay, dice)
            if "erasure" in turns and kills > len(turns):
                await occasions.migrate(scene, MIGRATIONS)
            else:
                await scene.revive()
            for chat in talk.chats:
                telegram.customer(chat).writes("hello")
            await kit.wait_for(lambda: len(kit.clients) == CHATS, 30)
            for turn in cycle(turns):
                if scene.kills.total() >= kills:
                    break
                refused = dice.randint(1, max(1, round(REFUSED * share)))
                talk.more(round(UPDATES * share), round(CALLBACKS * share), refused)
                await OCCASIONS[turn](scene)
                await scene.revive()
            talk.give_out()
            with suppress(TimeoutError):  # what is missing then is the ledger's matter
                await settled(telegram, kit, relay, patience)
            exit_code = await relay.stop()
            database = relay.environment["RELAY_DATABASE_URL"]
            erased = {str(client) for client in scene.erased}
            verdict = draw_up(telegram, kit, database, interruptions=scene.kills.total(), erased=erased)
            await occasions.look_for_words(scene)
        return Killed(scene.kills, [exit_code], [verdict], scene.wrong, scene.refused)


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
    parser.add_argument("--patience", type=float, default=60.0, help="seconds for what is left at the end of a world")
    parser.add_argument("--long", type=float, default=0.1, help="the share of replies that are two messages")
    parser.add_argument("--share", type=float, default=1.0, help="how much of the usual is said before each kill")
    parser.add_argument("--at", nargs="+", choices=list(OCCASIONS), default=TURNS, help="at what to kill it, in turn")
    parser.add_argument("--report", type=Path, help="a file for what was found, as JSON")
    parser.add_argument("--results", type=Path, help="a file to which each world's result is appended")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL")
    options = parser.parse_args()
    began = time.monotonic()
    seen = Killed(Counter(), [], [], [])
    for number in range(-(-options.kills // WORLD)):
        of_world = _world(options, number)
        if options.results is not None:
            result = {"seed": options.seed, "world": number, "kills": of_world.kills.total(), "found": of_world.found}
            results.append(options.results, {**result, "at": dict(of_world.kills), "said": of_world.verdicts[0].said})
            print(results.total(options.results, "kills"), flush=True)  # noqa: T201 - a report
        seen.add(of_world)
    if options.report is not None:
        options.report.write_text(json.dumps({"kills": seen.kills.total(), "found": seen.found}))
    print(f"{time.monotonic() - began:.0f} s: {seen}")  # noqa: T201 - a report
    return 1 if seen.found else 0


def _world(options: argparse.Namespace, number: int) -> Killed:
    """The so many-th of them."""
    settings = {"RELAY_DATABASE_URL": empty_postgresql()} if options.postgresql else {}
    with tempfile.TemporaryDirectory() as home:
        playing = world(
            min(WORLD, options.kills - number * WORLD),
            random.Random(options.seed * 1000 + number),  # noqa: S311 - a seed
            Path(home),
            turns=ON_POSTGRESQL if options.postgresql else options.at,
            patience=options.patience,
            long=options.long,
            share=options.share,
            **settings,
        )
        return asyncio.run(playing)


if __name__ == "__main__":
    sys.exit(main())
