"""`python -m tests.campaigns.drain --replies 10000`: a backlog of agents' replies, to a Telegram that counts strictly.

Some clients have long rows. While the backlog drains, an agent now and then answers somebody who has no part in it: how
long does that take? Prints the rate, the 429s, the order, and those times.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns.ledger import Verdict, by_agent, draw_up
from tests.e2e.process import relay_between

SLOWEST = 20.0  #: Replies a second that Telegram's limits leave room for, and more.
FIRST_CHAT = 6_000_001
FIRST_LONE = 7_000_001
RATES = {"TELEGRAM_RATE_LIMIT": "30", "TELEGRAM_CHAT_RATE_LIMIT": "1", "RELAY_LOG_LEVEL": "INFO"}


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much, to whom, and how often somebody else is answered meanwhile."""

    replies: int
    clients: int
    rows: int  #: Clients with a long row.
    row: int  #: Replies in each of them.
    every: float  #: Seconds between two lone replies.

    def texts(self) -> dict[int, list[str]]:
        """What each chat is to get, in order."""
        many = Counter({FIRST_CHAT + number: self.row for number in range(self.rows)})
        rest = self.clients - self.rows
        many.update(FIRST_CHAT + self.rows + number % rest for number in range(self.replies - self.rows * self.row))
        return {chat: [by_agent(chat, number) for number in range(count)] for chat, count in many.items()}


@dataclass(frozen=True, slots=True)
class Drained:
    """What became of it."""

    replies: int
    rate: float  #: Replies of the backlog a second, from the first to the last.
    too_many: int  #: 429s.
    verdict: Verdict
    exit_code: int
    lone: list[float]  #: Seconds from each lone callback to its message.


async def drain(backlog: Backlog, home: Path) -> Drained:
    """Let it pile up, let it drain, and look at what arrived."""
    texts = backlog.texts()
    async with TelegramLookAlike(limits=True) as telegram, KitLookAlike() as kit:
        telegram.faults.latency = 0.02
        async with relay_between(telegram, kit, home, **RATES) as relay:
            await relay.start()
            telegram.backlog(len(texts), len(texts), first_chat=FIRST_CHAT)
            await kit.wait_for(lambda: len(kit.clients) == len(texts), 60)
            kit.enqueue_callbacks(
                kit.callbacks.message(str(chat), text)
                for number in range(max(map(len, texts.values())))
                for chat, own in texts.items()
                for text in own[number : number + 1]
            )
            await kit.callbacks_done(60)
            answering = asyncio.create_task(_answer_others(telegram, kit, backlog.every))
            await telegram.wait_for(lambda: _arrived(telegram, texts), 60 + backlog.replies / 20)
            answering.cancel()
            asked = await _ended(answering)
            await telegram.wait_for(lambda: all(telegram.chat(chat).texts for chat in asked), 10)
            exit_code = await relay.stop()
            verdict = draw_up(telegram, kit, relay.environment["RELAY_DATABASE_URL"])
        times = [call.at for call in telegram.calls if call.chat_id in texts]
        came = {call.chat_id: call.at for call in telegram.calls}
        lone = [came[chat] - since for chat, since in asked.items()]
        rate = backlog.replies / (times[-1] - times[0])
        return Drained(backlog.replies, rate, telegram.limits.given, verdict, exit_code, lone)


def _arrived(telegram: TelegramLookAlike, texts: dict[int, list[str]]) -> bool:
    """Whether every chat has as many as it is to get. Asked at each change, so the cheap question comes first."""
    if len(telegram.calls) < sum(map(len, texts.values())):
        return False
    return all(len(telegram.chat(chat).texts) >= len(own) for chat, own in texts.items())


async def _answer_others(telegram: TelegramLookAlike, kit: KitLookAlike, every: float) -> dict[int, float]:
    """Until cancelled, answer customers who have no part in the backlog, each a first time: when each was answered."""
    asked: dict[int, float] = {}
    try:
        while True:
            await asyncio.sleep(every)
            chat = FIRST_LONE + len(asked)
            telegram.customer(chat).writes("hello")
            await kit.wait_for(lambda chat=chat: kit.messages(str(chat)), 60)  # type: ignore[misc]
            since = time.monotonic()
            if await kit.agent_says(str(chat), by_agent(chat, 1)) == 200:
                asked[chat] = since
    except asyncio.CancelledError:
        return asked


async def _ended(task: asyncio.Task[dict[int, float]]) -> dict[int, float]:
    await asyncio.wait([task])
    return task.result()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.drain", description=__doc__)
    parser.add_argument("--replies", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=2_000)
    parser.add_argument("--rows", type=int, default=10, help="clients with a long row")
    parser.add_argument("--row", type=int, default=50, help="replies in each of them")
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two lone replies")
    options = parser.parse_args()
    backlog = Backlog(options.replies, options.clients, options.rows, options.row, options.every)
    with tempfile.TemporaryDirectory() as home:
        drained = asyncio.run(drain(backlog, Path(home)))
    print(  # noqa: T201 - a report
        f"{drained.replies} replies to {options.clients} chats at {drained.rate:.1f}/s, {drained.too_many} answers 429,"
        f" {drained.verdict}; {len(drained.lone)} lone replies meanwhile arrived after"
        f" {statistics.median(drained.lone):.3f} s (median), {max(drained.lone):.3f} s (longest)"
    )
    held = (
        drained.verdict.held,
        drained.exit_code == 0,
        drained.too_many == 0,
        drained.rate >= SLOWEST,
        len(drained.lone) >= 4,
        statistics.median(drained.lone) < 1,
    )
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
