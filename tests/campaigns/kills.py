"""`python -m tests.campaigns.kills --kills 1000`: `kill -9` at random moments under load in both directions.

After each kill the relay starts again while customers and agents go on. At the end a ledger is drawn up: what was lost,
what came out of order, what repeated.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import relay_between

CHATS = 30
UPDATES, CALLBACKS = 60, 40  #: New ones before each kill.
FIRST_CHAT = 6_000_001


@dataclass
class Ledger:
    """What became of everything that was sent."""

    kills: int = 0
    sent: Counter[str] = field(default_factory=Counter)  #: By direction.
    faults: Counter[str] = field(default_factory=Counter)  #: Lost, out of order, changed, too many repeats.
    repeats: Counter[str] = field(default_factory=Counter)  #: Allowed ones: at most one a lane and kill.

    def check(self, direction: str, lane: str, sent: list[str], arrived: list[str]) -> None:
        """Compare what a lane was given with what came out."""
        first = list(dict.fromkeys(arrived))
        again = len(arrived) - len(first)
        self.repeats[direction] += again
        self.faults[f"{direction}: lost"] += len(set(sent) - set(first))
        self.faults[f"{direction}: out of order"] += first != [text for text in sent if text in set(first)]
        places = {text: place for place, text in enumerate(sent)}
        steps = pairwise(arrived)
        self.faults[f"{direction}: repeated after its successor"] += sum(places[b] < places[a] for a, b in steps)
        self.faults[f"{direction}: more than one repeat a kill in {lane}"] += again > self.kills


async def campaign(kills: int, dice: random.Random, home: Path) -> Ledger:
    """Kill the relay so many times, let it finish, and draw up the ledger."""
    ledger = Ledger()
    said: dict[int, list[str]] = {FIRST_CHAT + number: ["hello"] for number in range(CHATS)}
    answered: dict[int, list[str]] = {chat: [] for chat in said}
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit:
        telegram.faults.latency, kit.faults.latency = 0.005, 0.01
        async with relay_between(telegram, kit, home, RELAY_LOG_LEVEL="INFO") as relay:
            for chat in said:
                telegram.customer(chat).writes("hello")
            await relay.start()
            await kit.wait_for(lambda: len(kit.clients) == CHATS, 30)
            for number in range(kills):
                _load(telegram, kit, said, answered, number, dice)
                await asyncio.sleep(dice.uniform(0.0, 0.6))
                await relay.kill()
                ledger.kills += 1
                await relay.start()
            await kit.callbacks_done(60)
            await kit.wait_for(lambda: len({sent.event_id for sent in kit.events}) == sum(map(len, said.values())), 60)
            expected = sum(map(len, answered.values()))
            await telegram.wait_for(lambda: len({(c.chat_id, str(c.params)) for c in telegram.calls}) >= expected, 60)
            ledger.faults["exit code"] = await relay.stop()
        for chat, texts in said.items():
            sent = [event for event in kit.events if event.client_id == str(chat)]
            ledger.check("to_kit", str(chat), texts, [event.text or "" for event in sent])
            ledger.check("to_telegram", str(chat), answered[chat], telegram.chat(chat).texts)
            ledger.sent["to_kit"] += len(texts)
            ledger.sent["to_telegram"] += len(answered[chat])
        ledger.faults["to_kit: repeated with another body"] = len(kit.contradictions)
        ledger.faults["to_kit: two of a chat at once"] = kit.overlaps
    return ledger


def _load(
    telegram: TelegramLookAlike,
    kit: KitLookAlike,
    said: dict[int, list[str]],
    answered: dict[int, list[str]],
    kill: int,
    dice: random.Random,
) -> None:
    chats = list(said)
    for number in range(UPDATES):
        chat = dice.choice(chats)
        text = f"{kill}:{number}"
        said[chat].append(text)
        telegram.customer(chat).writes(text)
    callbacks = []
    for number in range(CALLBACKS):
        chat = dice.choice(chats)
        text = f"{kill}:{number}"
        answered[chat].append(text)
        callbacks.append(kit.callbacks.message(str(chat), text))
    kit.enqueue_callbacks(callbacks)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        ledger = asyncio.run(campaign(options.kills, random.Random(options.seed), Path(home)))  # noqa: S311 - a seed
    faults = {name: number for name, number in ledger.faults.items() if number}
    print(f"{ledger.kills} kills, sent {dict(ledger.sent)}, repeated {dict(ledger.repeats)}, faults {faults or 'none'}")  # noqa: T201 - a report
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
