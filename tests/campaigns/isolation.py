"""`python -m tests.campaigns.isolation`: one chat is told to wait, 50 others talk on; slow files hold up no word.

Alternates calm runs with runs in which Telegram answers one chat 429 with `retry_after` 5, and compares how long the
others' messages take from callback to chat. Then every file server hangs, and a text is sent.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from relay.sandbox.kit.files import HostedFile
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns.ledger import Verdict, by_agent, draw_up
from tests.databases import rows
from tests.e2e.process import relay_between
from tests.waiting import eventually

SLOW = 6_000_001
OTHERS = 50
ENOUGH = 5  #: Rounds from which on their medians say something.
ROW = 4  #: Replies to the slow chat in each run: as many as may follow each other at once.
PLACES = 16  #: For files at a time.
RATES = {"TELEGRAM_RATE_LIMIT": "30", "TELEGRAM_CHAT_RATE_LIMIT": "1", "RELAY_LOG_LEVEL": "INFO"}


@dataclass
class Isolation:
    """What became of the chats."""

    calm: list[float] = field(default_factory=list)  #: 95th percentile of each run: callback to message, seconds.
    parked: list[float] = field(default_factory=list)  #: The same while one chat waits.
    waited: list[float] = field(default_factory=list)  #: How long that chat's first message took in each of those.
    during: int = 0  #: Messages that others got while it waited.
    verdict: Verdict = field(default_factory=Verdict)
    too_early: int = 0  #: Calls before retry_after was over.
    attempts: set[int] = field(default_factory=set)  #: Those of all deliveries to Telegram.

    @property
    def ratio(self) -> float:
        """How much longer the others' messages take while one chat waits, as medians of the runs' percentiles."""
        return statistics.median(self.parked) / statistics.median(self.calm)


async def isolation(home: Path, rounds: int, seconds: float, retry_after: int) -> Isolation:
    """So many calm and so many disturbed runs in turn, each of so many seconds."""
    result = Isolation()
    sent: dict[int, list[str]] = {SLOW + number: [] for number in range(OTHERS + 1)}
    async with TelegramLookAlike(limits=True) as telegram, KitLookAlike() as kit:
        telegram.faults.latency = 0.02
        async with relay_between(telegram, kit, home, **RATES) as relay:
            await relay.start()
            telegram.backlog(len(sent), len(sent), first_chat=SLOW)
            await kit.wait_for(lambda: len(kit.clients) == len(sent), 30)
            for _ in range(rounds):
                result.calm.append(_p95(await _talk(telegram, kit, sent, seconds)))
                telegram.next_answer(
                    429, f"Too Many Requests: retry after {retry_after}", on="sendMessage", of=SLOW,
                    retry_after=retry_after,
                )  # fmt: skip
                began = time.monotonic()
                slow = asyncio.create_task(_row(telegram, kit, sent))
                result.parked.append(_p95(await _talk(telegram, kit, sent, seconds)))
                first = await slow
                result.waited.append(first - began)
                result.during += sum(began < call.at < first for call in telegram.calls if call.chat_id != SLOW)
            await relay.settled("to_telegram")
            await relay.stop()
        result.too_early = telegram.limits.broken
        result.verdict = draw_up(telegram, kit, relay.environment["RELAY_DATABASE_URL"])
    attempts = rows(home, "SELECT DISTINCT attempts FROM outbox WHERE direction = 'to_telegram'")
    result.attempts = {number for (number,) in attempts}
    return result


async def _talk(
    telegram: TelegramLookAlike, kit: KitLookAlike, sent: dict[int, list[str]], seconds: float
) -> list[float]:
    """Answer the others in turn, 20 times a second: how long each message took."""
    since: dict[str, float] = {}
    count = int(seconds * 20)
    texts = set()
    for number in range(count):
        chat = SLOW + 1 + number % OTHERS
        text = by_agent(chat, len(sent[chat]))
        sent[chat].append(text)
        texts.add(text)
        since[text] = time.monotonic()
        kit.enqueue_callbacks([kit.callbacks.message(str(chat), text)])
        await asyncio.sleep(0.05)
    await telegram.wait_for(lambda: sum(call.params.get("text") in texts for call in telegram.calls) == count, 20)
    return [call.at - since[call.params["text"]] for call in telegram.calls if call.params.get("text") in texts]


async def _row(telegram: TelegramLookAlike, kit: KitLookAlike, sent: dict[int, list[str]]) -> float:
    """Answer the slow chat several times at once: when the first message came."""
    texts = [by_agent(SLOW, len(sent[SLOW]) + number) for number in range(ROW)]
    sent[SLOW] += texts
    kit.enqueue_callbacks([kit.callbacks.message(str(SLOW), text) for text in texts])
    await telegram.wait_for(lambda: telegram.chat(SLOW).texts[-1:] == texts[-1:], 30)
    return next(call.at for call in telegram.calls if call.params.get("text") == texts[0])


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


@dataclass(frozen=True, slots=True)
class Hanging:
    """A text while files hang."""

    took: float  #: Seconds from callback to message.
    fetching: int  #: Files that were being fetched then.
    arrived: int  #: Files that arrived once their server answered.


async def hanging_files(home: Path, *, chats: int) -> Hanging:
    """Files for so many chats from a server that takes seconds for each; then a text for one more."""
    async with (
        TelegramLookAlike(limits=True) as telegram,
        KitLookAlike() as kit,
        relay_between(telegram, kit, home, **RATES) as relay,
    ):
        await relay.start()
        telegram.backlog(chats + 1, chats + 1, first_chat=SLOW)
        await kit.wait_for(lambda: len(kit.clients) == chats + 1, 30)
        urls = [kit.host_file(1024, f"{number}.bin", drip=(128, 0.7)) for number in range(chats)]
        files = [kit.hosted(url) for url in urls]
        kit.enqueue_callbacks(
            kit.callbacks.message(
                str(SLOW + 1 + number), None, [{"type": "document", "file_name": f"{number}.bin", "file_url": url}]
            )
            for number, url in enumerate(urls)
        )
        await kit.callbacks_done(20)
        await eventually(lambda: _all_places_taken(files))
        began = time.monotonic()
        assert await kit.agent_says(SLOW, "a word") == 200
        await telegram.wait_for(lambda: telegram.chat(SLOW).texts == ["a word"], 20)
        took, fetching = time.monotonic() - began, sum(file.fetches for file in files)
        for file in files:
            file.drip = None
        figures = await relay.settled("to_telegram", within=30)
        await relay.stop()
    return Hanging(took, fetching, figures.delivered - 1)


async def _all_places_taken(files: list[HostedFile]) -> bool:
    """Whether the relay fetches as many files as it does at a time."""
    return sum(file.fetches for file in files) >= PLACES


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.isolation", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each run")
    parser.add_argument("--retry-after", type=int, default=5, help="seconds that the one chat is told to wait")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "one").mkdir()
        (Path(home) / "two").mkdir()
        result = asyncio.run(isolation(Path(home) / "one", options.rounds, options.seconds, options.retry_after))
        hanging = asyncio.run(hanging_files(Path(home) / "two", chats=80))
    calm, parked = statistics.median(result.calm) * 1000, statistics.median(result.parked) * 1000
    print(  # noqa: T201 - a report
        f"p95 of the others, medians of {options.rounds} runs: calm {calm:.0f} ms, while a chat waits {parked:.0f} ms,"
        f" ratio {result.ratio:.2f}; {result.verdict}, {result.too_early} calls too early,"
        f" attempts {sorted(result.attempts)}\na text while {hanging.fetching} of 80 files hang:"
        f" {hanging.took * 1000:.0f} ms; then {hanging.arrived} files arrived"
    )
    held = (
        result.verdict.held,
        result.too_early == 0,
        result.attempts == {1},
        min(result.waited) >= options.retry_after,
        result.during >= 20 * options.rounds,
        options.rounds < ENOUGH or result.ratio <= 1.2,
        (hanging.fetching, hanging.arrived) == (PLACES, 80),
        hanging.took < 2,
    )
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
