"""`python -m tests.campaigns.soak`: an hour at 30 messages a second each way, and whether anything grows.

What the kernel says of the relay's process and how large the write-ahead log is are written down all along; the first
quarter, in which caches fill, is not judged. Nothing may grow in the other three: memory by less than a megabyte an
hour, handles by no more than five either way, threads not at all, the log never beyond 8 MB. At the end the ledger is
drawn up.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns.kills import FIRST_CHAT, Talk, settled
from tests.campaigns.ledger import Verdict, draw_up
from tests.e2e.process import RelayProcess, relay_between

CHATS: Final = 60
TICK: Final = 0.2  #: Seconds between two handfuls of messages.
WARM: Final = 0.25  #: The share of the time that is not judged.
ENOUGH: Final = 600.0  #: Judged seconds from which on growth says something.
LOOKS: Final = 240  #: In all.
ROWS: Final = 24  #: Of the table.
PER_HOUR: Final = 1.0  #: Megabytes.
HANDLES: Final = 5  #: Either way of the median.
LOG: Final = 8.0  #: Megabytes.
BEHIND: Final = 0.9  #: The share of the asked pace that must have been kept.
_MB: Final = 2.0**20


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of the process at one moment."""

    at: float  #: Seconds from the beginning.
    memory: float  #: Resident megabytes.
    handles: int
    threads: int
    log: float  #: Megabytes of the write-ahead log.

    def __str__(self) -> str:
        return f"{self.at / 60:6.1f} {self.memory:9.2f} {self.handles:8} {self.threads:8} {self.log:8.2f}"


@dataclass(slots=True)
class Seen:
    """All that was seen."""

    seconds: float
    looks: list[Look] = field(default_factory=list)
    pace: float = 0.0  #: Messages a second each way, as they were really said.
    asked: float = 0.0
    exit_code: int = -1
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def judged(self) -> list[Look]:
        """Those after the first quarter."""
        return [look for look in self.looks if look.at >= WARM * self.seconds]

    @property
    def growth(self) -> float:
        """Megabytes an hour, by the line of the least squares."""
        judged = self.judged
        slope, _ = statistics.linear_regression([look.at for look in judged], [look.memory for look in judged])
        return slope * 3600

    def wrong(self) -> list[str]:
        """What is not as it is promised."""
        judged = self.judged
        usual = statistics.median(look.handles for look in judged)
        long = judged[-1].at - judged[0].at >= ENOUGH  # before that pools of threads and connections fill
        found = {
            f"memory grows by {self.growth:.2f} MB/h": long and self.growth >= PER_HOUR,
            "handles come or go": long and any(abs(look.handles - usual) > HANDLES for look in judged),
            "threads come or go": long and len({look.threads for look in judged}) > 1,
            f"the log is larger than {LOG:.0f} MB": max(look.log for look in judged) > LOG,
            "the machine could not keep the pace": self.pace < BEHIND * self.asked,
            "the ledger": not self.verdict.held,
            f"exit code {self.exit_code}": self.exit_code != 0,
        }
        return [what for what, is_so in found.items() if is_so]


async def soak(home: Path, seconds: float, rate: float, seed: int) -> Seen:
    """Talk for so long, at so many messages a second each way."""
    seen = Seen(seconds, asked=rate)
    async with (
        TelegramLookAlike(limits=False) as telegram,
        KitLookAlike() as kit,
        relay_between(telegram, kit, home, RELAY_LOG_LEVEL="INFO") as relay,
    ):
        relay.cold = True  # its memory is its own
        telegram.faults.latency = kit.faults.latency = 0.02
        dice = random.Random(seed)  # noqa: S311 - a seed
        talk = Talk(telegram, kit, dice, [FIRST_CHAT + number for number in range(CHATS)])
        await relay.start()
        for chat in talk.chats:
            telegram.customer(chat).writes("hello")
        await kit.wait_for(lambda: len(kit.clients) == CHATS, 30)
        looking = asyncio.create_task(_look_on(relay, seen))
        seen.pace = await _talk(talk, seconds, rate)
        looking.cancel()
        with suppress(asyncio.CancelledError):  # whoever could not look would judge too little
            await looking
        talk.give_out()
        with suppress(TimeoutError):  # what is missing then is the ledger's matter
            await settled(telegram, kit, relay, 120)
        seen.exit_code = await relay.stop()
        seen.verdict = draw_up(telegram, kit, relay.environment["RELAY_DATABASE_URL"])
    return seen


async def _talk(talk: Talk, seconds: float, rate: float) -> float:
    """Say so much a second each way; how much a second it was."""
    began, said = time.monotonic(), 0
    while (past := time.monotonic() - began) < seconds:
        # After a moment without the processor nothing is made up for: that would be a burst.
        handful = min(round(past * rate) - said, round(2 * TICK * rate))
        if handful > 0:
            talk.more(handful, handful, 0)
            said += handful
        await asyncio.sleep(TICK)
    return said / (time.monotonic() - began)


async def _look_on(relay: RelayProcess, seen: Seen) -> None:
    began = time.monotonic()
    while True:
        seen.looks.append(await asyncio.to_thread(_look, relay, time.monotonic() - began))
        if len(seen.looks) % (LOOKS // ROWS) == 1:
            print(seen.looks[-1], flush=True)  # noqa: T201 - a report
        await asyncio.sleep(seen.seconds / LOOKS)


def _look(relay: RelayProcess, at: float) -> Look:
    assert relay.process is not None
    process, log = Path("/proc") / str(relay.process.pid), relay.home / "relay.db-wal"
    lines = (line.split() for line in (process / "status").read_text().splitlines())
    status = {words[0].rstrip(":"): words[1] for words in lines if len(words) > 1}
    return Look(
        at,
        int(status["VmRSS"]) / 1024,
        sum(1 for _ in (process / "fd").iterdir()),
        int(status["Threads"]),
        log.stat().st_size / _MB if log.exists() else 0.0,
    )


def _said(seen: Seen, wrong: Sequence[str]) -> str:
    judged = seen.judged
    handles, threads = [look.handles for look in judged], sorted({look.threads for look in judged})
    log = max(look.log for look in judged)
    return (
        f"{seen.seconds / 60:.0f} minutes at {seen.pace:.1f} messages a second each way; the last"
        f" {(judged[-1].at - judged[0].at) / 60:.0f}: memory {seen.growth:+.2f} MB/h at {judged[-1].memory:.1f} MB,"
        f" handles {min(handles)} to {max(handles)}, threads {', '.join(map(str, threads))},"
        f" log at most {log:.2f} MB; {seen.verdict}; wrong: {', '.join(wrong) or 'nothing'}"
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--rate", type=float, default=30.0, help="messages a second each way")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("minute    memory  handles  threads      log", flush=True)  # noqa: T201 - a report
    with tempfile.TemporaryDirectory() as home:
        seen = asyncio.run(soak(Path(home), options.seconds, options.rate, options.seed))
    wrong = seen.wrong()
    print(_said(seen, wrong))  # noqa: T201 - a report
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
