"""`python -m tests.campaigns.backup`: how long messages take while a large database is being backed up.

Alternates calm runs with backups, in both of which agents answer and customers write, and compares how long their
messages take from one side to the other. Every backup must be good and hold what was accepted before it began.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.engine.copies import fault_of
from tests.campaigns.ledger import Verdict, by_agent, by_customer, draw_up
from tests.databases import change, rows
from tests.e2e.process import RelayProcess, command, relay_between

FIRST = 7_000_001
CHATS = 50
RATE = 20.0  #: Messages a second, half of them each way.
ENOUGH = 5  #: Rounds from which on their medians say something.
BODY = 1000  #: Bytes of each letter that makes the database large.
_ACCEPTED = "SELECT max(id) FROM inbox"


@dataclass
class Backups:
    """What was measured, in seconds; each list by run."""

    size: int  #: Bytes.
    calm: list[float] = field(default_factory=list)  #: 95th percentile of the time from one side to the other.
    backing_up: list[float] = field(default_factory=list)  #: The same while a backup is made.
    worst: list[float] = field(default_factory=list)  #: And the longest of those.
    lasted: list[float] = field(default_factory=list)  #: How long each backup took.
    good: bool = True
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def ratio(self) -> float:
        """How much longer messages take during a backup, as medians of the runs' percentiles."""
        return statistics.median(self.backing_up) / statistics.median(self.calm)


async def backups(home: Path, *, rounds: int, megabytes: int, calm: float) -> Backups:
    """So many calm runs, each of so many seconds, and backups in turn."""
    async with (
        TelegramLookAlike(limits=False) as telegram,
        KitLookAlike() as kit,
        relay_between(telegram, kit, home, RELAY_LOG_LEVEL="INFO") as relay,
    ):
        _enlarge(home, megabytes)
        result = Backups((home / "relay.db").stat().st_size)
        await relay.start()
        telegram.backlog(CHATS, CHATS, first_chat=FIRST)
        await kit.wait_for(lambda: len(kit.clients) == CHATS, 30)
        talk = _Talk(telegram, kit)
        for number in range(rounds):
            result.calm.append(_p95(await talk.until(asyncio.create_task(asyncio.sleep(calm)))))
            [(accepted,)] = rows(home, _ACCEPTED)
            there = home / str(number)
            began = time.monotonic()
            times = await talk.until(asyncio.create_task(_back_up(relay, there / "relay.db")))
            result.lasted.append(time.monotonic() - began)
            result.backing_up.append(_p95(times))
            result.worst.append(max(times))
            result.good &= await asyncio.to_thread(_is_good, there, accepted)
        await relay.settled("to_telegram")
        await relay.stop()
        result.verdict = draw_up(telegram, kit, relay.environment["RELAY_DATABASE_URL"])
    return result


def _enlarge(home: Path, megabytes: int) -> None:
    """Letters that came just now, as many as the database needs to be that large."""
    letters = megabytes * 2**20 // (BODY + 150)
    change(
        home,
        f"""
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {letters})
        INSERT INTO inbox (channel, source, source_id, body, body_sha256, received_at)
        SELECT '1', 'telegram', 'large ' || i, hex(randomblob({BODY // 2})), '', {time.time()} FROM n
        """,  # noqa: S608 - numbers of our own
    )


async def _back_up(relay: RelayProcess, copy: Path) -> None:
    code, _, complained = await command(relay, "backup", str(copy), within=1800)
    assert code == 0, complained


def _is_good(home: Path, accepted: int) -> bool:
    """Whether the copy in there is good, and holds what had been accepted. Then it goes: it is large."""
    [(found,)] = rows(home, _ACCEPTED)
    good = fault_of(home / "relay.db") is None and found >= accepted
    (home / "relay.db").unlink()
    return good


class _Talk:
    """Customers write and agents answer in turn."""

    def __init__(self, telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
        self._telegram, self._kit = telegram, kit
        self._since: dict[str, float] = {}
        self._said = 0

    async def until(self, over: "asyncio.Task[object]") -> list[float]:
        """Talk until that is done, and all has arrived: how long each message took."""
        self._since.clear()
        calls, events = len(self._telegram.calls), len(self._kit.events)
        while not over.done():
            self._say()
            await asyncio.sleep(1 / RATE)
        await over
        expected = len(self._since)

        def arrived() -> list[tuple[str, float]]:
            to_chats = [(str(call.params.get("text")), call.at) for call in self._telegram.calls[calls:]]
            to_kit = [(event.text or "", event.at) for event in self._kit.events[events:]]
            return [(text, at) for text, at in (*to_chats, *to_kit) if text in self._since]

        await self._telegram.wait_for(lambda: len(arrived()) >= expected, 60)
        return [at - self._since[text] for text, at in arrived()]

    def _say(self) -> None:
        self._said += 1
        chat = FIRST + self._said // 2 % CHATS
        text = (by_agent if self._said % 2 else by_customer)(chat, self._said)
        self._since[text] = time.monotonic()
        if self._said % 2:
            self._kit.enqueue_callbacks([self._kit.callbacks.message(str(chat), text)])
        else:
            self._telegram.customer(chat).writes(text)


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.backup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=2048, help="that the database is large")
    parser.add_argument("--calm", type=float, default=20.0, help="seconds of each calm run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        result = asyncio.run(backups(Path(home), rounds=options.rounds, megabytes=options.megabytes, calm=options.calm))
    calm, backing_up = statistics.median(result.calm) * 1000, statistics.median(result.backing_up) * 1000
    print(  # noqa: T201 - a report
        f"{result.size / 2**30:.1f} GB, medians of {options.rounds} runs: p95 calm {calm:.0f} ms, during a backup"
        f" {backing_up:.0f} ms, ratio {result.ratio:.2f}; the longest {max(result.worst) * 1000:.0f} ms; a backup takes"
        f" {statistics.median(result.lasted):.0f} s; {'all good' if result.good else 'NOT GOOD'};"
        f" {result.verdict}"
    )
    return 0 if result.good and result.verdict.held and (options.rounds < ENOUGH or result.ratio <= 1.2) else 1


if __name__ == "__main__":
    sys.exit(main())
