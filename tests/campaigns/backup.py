"""`python -m tests.campaigns.backup`: how long messages take while a large database is being backed up.

Agents answer and customers write all the time. While a backup is made it is held and let go on in turn (SIGSTOP,
SIGCONT), so that calm seconds and others alternate on whatever else the machine does; what messages take from one side
to the other is compared. Every backup must be good and hold what was accepted before it began.
"""

import argparse
import asyncio
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.engine.copies import fault_of
from tests.campaigns.ledger import Verdict, by_agent, by_customer, draw_up
from tests.databases import change, rows
from tests.e2e.process import RelayProcess, relay_between
from tests.starting import start

FIRST = 7_000_001
CHATS = 50
RATE = 20.0  #: Messages a second, half of them each way.
ENOUGH = 5  #: Rounds from which on their medians say something.
BODY = 1000  #: Bytes of each letter that makes the database large.
_ACCEPTED = "SELECT max(id) FROM inbox"


@dataclass
class Backups:
    """What was measured, in seconds."""

    size: int  #: Bytes.
    before: list[float] = field(default_factory=list)  #: How long messages took while there was no backup at all.
    calm: list[float] = field(default_factory=list)  #: And while one was held.
    backing_up: list[float] = field(default_factory=list)  #: And while it went on.
    lasted: list[float] = field(default_factory=list)  #: How long each backup went on.
    good: bool = True
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def ratio(self) -> float:
        """How much longer 95 of 100 messages take during a backup."""
        return _p95(self.backing_up) / _p95(self.calm)


async def backups(home: Path, *, rounds: int, megabytes: int, calm: float) -> Backups:
    """So many backups, held and let go on for so many seconds in turn."""
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
            result.before += await talk.on(calm)
            [(accepted,)] = rows(home, _ACCEPTED)
            there = home / str(number)
            await _back_up(relay, there / "relay.db", talk, calm, result)
            result.good &= await asyncio.to_thread(_is_good, there, accepted)
        await relay.settled("to_telegram")
        await relay.stop()
        result.verdict = draw_up(telegram, kit, relay.environment["RELAY_DATABASE_URL"])
    return result


async def _back_up(relay: RelayProcess, copy: Path, talk: "_Talk", calm: float, result: Backups) -> None:
    """Talk for so many seconds while the backup goes on, then while it is held, until it is made."""
    streams = (None, sys.stderr, sys.stderr)
    backup = await start(("backup", str(copy)), home=relay.home, environment=relay.environment, streams=streams)
    lasted = 0.0
    while backup.returncode is None:
        backup.send_signal(signal.SIGCONT)
        began = time.monotonic()
        result.backing_up += await talk.on(calm, until=backup.wait())
        lasted += time.monotonic() - began
        backup.send_signal(signal.SIGSTOP)
        result.calm += await talk.on(calm)
    result.lasted.append(lasted)
    assert backup.returncode == 0


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

    async def on(self, seconds: float, until: Awaitable[object] | None = None) -> list[float]:
        """Talk for so long, or until that is done, and until all has arrived: how long each message took."""
        self._since.clear()
        calls, events = len(self._telegram.calls), len(self._kit.events)
        over = asyncio.ensure_future(until or asyncio.sleep(seconds))
        end = time.monotonic() + seconds
        while not over.done() and time.monotonic() < end:
            self._say()
            await asyncio.sleep(1 / RATE)
        over.cancel()
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
    parser.add_argument("--calm", type=float, default=2.0, help="seconds for which it is held, and goes on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        result = asyncio.run(backups(Path(home), rounds=options.rounds, megabytes=options.megabytes, calm=options.calm))
    calm, backing_up = _p95(result.calm) * 1000, _p95(result.backing_up) * 1000
    print(  # noqa: T201 - a report
        f"{result.size / 2**30:.1f} GB, {options.rounds} backups, {len(result.backing_up)} messages beside them:"
        f" p95 without one {_p95(result.before) * 1000:.0f} ms, with one that is held {calm:.0f} ms, with one that goes"
        f" on {backing_up:.0f} ms, ratio {result.ratio:.2f}; the longest {max(result.backing_up) * 1000:.0f} ms;"
        f" a backup takes {statistics.median(result.lasted):.0f} s; {'all good' if result.good else 'NOT GOOD'};"
        f" {result.verdict}"
    )
    return 0 if result.good and result.verdict.held and (options.rounds < ENOUGH or result.ratio <= 1.2) else 1


if __name__ == "__main__":
    sys.exit(main())
