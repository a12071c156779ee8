"""`python -m tests.campaigns.teeth`: each promise is broken on purpose in a copy, and the ledger must find it.

A tooth is a change to a copy of the relay: an exact piece of its source gives way to another, and a piece that is not
there any more is an error, so that no tooth falls out unseen. The campaign of kills then runs on the copy until its
ledger shows what is broken. At last the relay that one writes in an afternoon (`tests/bench/naive.py`) is killed:
it promises nothing, and the ledger must find that too. `--only PART` takes some; `--turn N` takes one.
"""

import argparse
import asyncio
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns.kills import CHATS, FIRST_CHAT, Talk
from tests.campaigns.ledger import ACCOUNTS, LOST, ORDER, REPEATS, TOLD, WRONG, Verdict, draw_up
from tests.campaigns.occasions import moment
from tests.e2e.process import environment, free_port
from tests.waiting import eventually

ROOT: Final = Path(__file__).parents[2]
#: How often a relay is killed for each look at its ledger, and how many looks there are at most.
KILLS: Final = 4
LOOKS: Final = 8
NAIVE_KILLS: Final = 10
#: Seconds for what is left at the end: what was broken may never come.
PATIENCE: Final = 8
_SEEDS: Final = (sys.executable, "-m", "tests.simulation", "--seeds", "1000")
_KILLS: Final = (sys.executable, "-m", "tests.campaigns.kills", "--at", "work", "--patience", str(PATIENCE))


@dataclass(frozen=True, slots=True)
class Change:
    """A piece of the source, and what stands there in the copy."""

    path: str
    old: str
    new: str

    def make(self, copy: Path) -> None:
        """Raises LookupError when the piece is not there, or not only once."""
        file = copy / self.path
        source = file.read_text()
        if source.count(self.old) != 1:
            raise LookupError(f"{self.path} has {source.count(self.old)} times what a tooth changes: {self.old!r}")
        file.write_text(source.replace(self.old, self.new))


@dataclass(frozen=True, slots=True)
class Tooth:
    """A promise that is broken."""

    name: str
    breaks: frozenset[str]  #: The ledger must find one of these.
    changes: tuple[Change, ...]
    load: tuple[str, ...] = ()  #: What the campaign is told besides.


TEETH: Final = (
    Tooth(
        "updates are confirmed before they are committed",
        frozenset({LOST}),
        (
            Change(
                "relay/telegram/polling.py",
                "        await self._accept(updates)\n",
                "        beyond = max(update['update_id'] for update in updates) + 1\n"
                "        await call(self._bot, 'getUpdates', {'offset': beyond, 'timeout': 0}, read_timeout=9.0)\n"
                "        await self._accept(updates)\n",
            ),
        ),
    ),
    Tooth(
        "Kit gets its 200 before the commit",
        frozenset({LOST}),
        (
            Change(
                "relay/web/callback.py",
                "            verdict = await self.accept(callback, body)\n",
                "            __import__('asyncio').ensure_future(self.accept(callback, body))\n"
                "            verdict = 'accepted'\n",
            ),
        ),
    ),
    Tooth(
        "a delivery is settled before it is sent",
        frozenset({LOST, ACCOUNTS}),
        (
            Change(
                "relay/delivery/courier.py",
                "        delivery, result, sent = await self._try(",
                "        await self._store.settle(claimed, Delivered(), last=False)\n"
                "        delivery, result, sent = await self._try(",
            ),
        ),
    ),
    Tooth(
        "a claimed lane is not marked",
        frozenset({REPEATS, ORDER}),
        (
            Change(
                "relay/store/claiming.py",
                ".values(lease=lane.c.lease + 1, leased=true(), blame=blame, ",
                ".values(lease=lane.c.lease, leased=false(), blame=blame, ",
            ),
            Change("relay/store/handing_over.py", "    leased=true(),\n", ""),
            Change("relay/store/settling.py", "        lane.c.leased.is_(True),\n        ~exists", "        ~exists"),
            Change("relay/store/settling.py", "lane.c.leased.is_(True)).order_by", "lane.c.lease >= 0).order_by"),
        ),
    ),
    Tooth(
        "a lane has two deliveries out at once",
        frozenset({ORDER, REPEATS}),
        (
            Change(
                "relay/delivery/courier.py",
                "                if not await self._carry_one(claimed, run):\n                    return\n",
                "                await asyncio.gather(*(self._carry_one(each, run) for each in deliveries))\n"
                "                return\n",
            ),
        ),
    ),
    Tooth(
        "the newest of a lane goes first",
        frozenset({ORDER}),
        (
            Change(
                "relay/store/claiming.py",
                "                .order_by(_head.c.id)\n",
                "                .order_by(_head.c.id.desc())\n",
            ),
            Change("relay/store/claiming.py", "    .order_by(outbox.c.id)\n)", "    .order_by(outbox.c.id.desc())\n)"),
        ),
    ),
    Tooth(
        "what comes again is taken for new",
        frozenset({REPEATS}),
        (
            Change(
                "relay/store/accepting.py",
                "    ids = _insert_new(tx, values)\n",
                "    for row in rows:\n"
                "        known = inbox.c.source_id == row.letter.source_id\n"
                "        renamed = __import__('sqlalchemy').update(inbox).where(known)\n"
                "        tx.execute(renamed.values(source_id=inbox.c.source_id + f'.{now}'))\n"
                "    ids = _insert_new(tx, values)\n",
            ),
            Change(  # what is acknowledged later comes again more often: else it takes luck to kill in between
                "relay/store/store.py",
                "        return await self._database.run(accepting.accept, arrival, grows=True)\n",
                "        verdicts = await self._database.run(accepting.accept, arrival, grows=True)\n"
                "        await __import__('asyncio').sleep(0.05)\n"
                "        return verdicts\n",
            ),
        ),
    ),
    Tooth(
        "a confirmed step is not written down before the next",
        frozenset({REPEATS}),
        (
            Change(
                "relay/delivery/attempt.py",
                "                ours = await self._store.note_progress("
                "self.delivery, steps_done, self.said, acquitted=self._acquitted)\n",
                "                ours = True\n",
            ),
        ),
        ("--long", "0.7"),
    ),
    Tooth(
        "the note about a dead letter has a transaction of its own",
        frozenset({TOLD}),
        (
            Change(
                "relay/store/settling.py",
                "    write_notes(tx, now, [each for settlement in settlements for each in _notes(settlement)])\n",
                "",
            ),
            Change(
                "relay/store/settling.py",
                "def _still_ours(",
                "def tell(tx: Connection, now: float, settlements: Sequence[Settlement]) -> list[None]:\n"
                "    write_notes(tx, now, [each for settlement in settlements for each in _notes(settlement)])\n"
                "    return [None] * len(settlements)\n\n\n"
                "def _still_ours(",
            ),
            Change(
                "relay/store/store.py",
                "        return await self._database.run(settling.settle, Settlement(delivery, result, last))\n",
                "        settlement = Settlement(delivery, result, last)\n"
                "        ours = await self._database.run(settling.settle, settlement)\n"
                "        await self._database.run(settling.tell, settlement)\n"
                "        return ours\n",
            ),
        ),
    ),
    Tooth(
        "who has lost a lane settles all the same (no fencing)",
        frozenset({ACCOUNTS}),
        (
            Change(
                "relay/store/settling.py",
                "    return [(delivery.lane_id, delivery.lease) in held for delivery in deliveries]\n",
                "    return [True for delivery in deliveries]\n",
            ),
        ),
        ("--at", "erasure"),
    ),
    Tooth(
        "one client's address is taken for another's",
        frozenset({WRONG}),
        (
            Change(
                "relay/store/claiming.py",
                'clients.get(lane_of.client_id, (None, None, ""))',
                'next(iter(clients.values()), (None, None, ""))',
            ),
        ),
    ),
    Tooth(
        "what was delivered is not counted in its transaction",
        frozenset({ACCOUNTS}),
        (
            Change(
                "relay/store/settling.py",
                '                totals[delivery.channel, delivery.direction, "delivered"] += 1\n',
                "                pass\n",
            ),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a broken relay."""

    found: dict[str, list[str]]
    kills: int
    seconds: float
    said: str = ""  #: By a campaign that did not come to its end.


def bite(tooth: Tooth) -> Look:
    """Break a copy, and kill it until the ledger shows what is broken, or it has been looked at often enough."""
    began, kills, said = time.monotonic(), 0, ""
    found: dict[str, list[str]] = {}
    with _broken(tooth) as copy:
        for seed in range(1, LOOKS + 1):
            seen, said = _look(copy, (*_KILLS, "--kills", str(KILLS), "--seed", str(seed), *tooth.load))
            kills += seen["kills"]
            found |= seen["found"]
            if said or tooth.breaks & found.keys():
                break
    return Look(found, kills, time.monotonic() - began, said)


def simulate(tooth: Tooth) -> Look:
    """Break a copy, and play worlds with it until the ledger of one shows what is broken."""
    began = time.monotonic()
    with _broken(tooth) as copy:
        until = [part for promise in tooth.breaks for part in ("--until", promise)]
        seen, said = _look(copy, (*_SEEDS, *until))
    return Look(seen["found"], seen["seeds"], time.monotonic() - began, said)


def _look(copy: Path, command: Sequence[str]) -> tuple[dict[str, Any], str]:
    """What a campaign found in the copy; and what it complained of, if it did not come to its end."""
    report = copy / "report.json"
    done = subprocess.run((*command, "--report", str(report)), cwd=copy, capture_output=True, text=True, check=False)
    if not report.exists():
        return {"kills": 0, "seeds": 0, "found": {}}, done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(report.read_text())
    report.unlink()
    return seen, ""


@contextmanager
def _broken(tooth: Tooth) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="relay-tooth-") as folder:
        copy = Path(folder) / "copy"
        broken_copy(tooth, copy)
        yield copy


def broken_copy(tooth: Tooth, copy: Path) -> None:
    """A copy of everything that a campaign needs, with what the tooth changes. Raises LookupError."""
    for name in ("relay", "migrations", "tests"):
        shutil.copytree(ROOT / name, copy / name)  # with what is compiled: a copy starts as soon as the original
    shutil.copy(ROOT / "pyproject.toml", copy)
    for change in tooth.changes:
        change.make(copy)


async def naive(home: Path, kills: int) -> Verdict:
    """The ledger of a relay that promises nothing, after so many kills."""
    dice = random.Random(1)  # noqa: S311 - a seed
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit:
        telegram.faults.latency, kit.faults.latency = 0.005, 0.01
        talk = Talk(telegram, kit, dice, [FIRST_CHAT + number for number in range(CHATS)], words_only=True)
        port = free_port()
        kit.callbacks.url = f"http://127.0.0.1:{port}/kit/callback"
        values = environment(telegram, kit, home, port, free_port(), {"PYTHONPATH": str(ROOT)})
        for chat in talk.chats:
            telegram.customer(chat).writes("hello")
        for _ in range(kills):
            async with _naive(home, values):
                talk.more(200, 40, 0)
                await moment(telegram, kit, dice)
        async with _naive(home, values):
            await kit.callbacks_done(60)
            await telegram.wait_for(lambda: not telegram.updates.pending, 60)
            await _quiet(telegram, kit)
        return draw_up(telegram, kit, None, interruptions=kills)


@asynccontextmanager
async def _naive(home: Path, values: dict[str, str]) -> AsyncIterator[None]:
    """It answers; at the end of the block it is killed."""
    with (home / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.naive"), cwd=home, env=values, stdout=log, stderr=log
        )
    try:
        await eventually(partial(_answers, int(values["RELAY_PORT"])), within=20)
        yield
    finally:
        process.kill()
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _quiet(telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
    """Until nothing has arrived on either side for a second."""
    with suppress(TimeoutError):
        while True:
            seen = len(telegram.calls), len(kit.events)
            async with asyncio.timeout(1.0):
                await eventually(partial(_more, telegram, kit, seen))


async def _more(telegram: TelegramLookAlike, kit: KitLookAlike, seen: tuple[int, int]) -> bool:
    return (len(telegram.calls), len(kit.events)) != seen


def row(name: str, look: Look) -> str:
    """A line of the table."""
    found = "; ".join(f"{promise} ({len(cases)})" for promise, cases in sorted(look.found.items()))
    return f"| {name} | {found or 'NOTHING'} | {look.kills} | {look.seconds:.0f} |"


def _chosen(only: Sequence[str], turn: int | None, take: int) -> list[Tooth]:
    if turn is not None:
        return [TEETH[(turn * take + number) % len(TEETH)] for number in range(take)]
    return [tooth for tooth in TEETH if not only or any(part in tooth.name for part in only)]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.teeth", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="PART", help="teeth whose name holds this")
    parser.add_argument("--turn", type=int, metavar="N", help="one tooth: which one, the number says; 0 for today's")
    parser.add_argument("--simulated", action="store_true", help="in simulated worlds, seed after seed, without kills")
    parser.add_argument("--naive", action="store_true", help="the naive relay too, when not all teeth are tried")
    options = parser.parse_args()
    turn = date.today().toordinal() if options.turn == 0 else options.turn  # noqa: DTZ011 - any number does
    teeth = _chosen(options.only, turn, 1)
    missed = []
    print("| broken | the ledger found (cases) | after kills (seeds) | seconds |\n|---|---|---|---|", flush=True)  # noqa: T201 - a report
    for tooth in teeth:
        look = simulate(tooth) if options.simulated else bite(tooth)
        print(row(tooth.name, look), look.said, flush=True)  # noqa: T201
        if not tooth.breaks & look.found.keys():
            missed.append(tooth.name)
    if options.naive or (len(teeth) == len(TEETH) and not options.simulated):
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as home:
            verdict = asyncio.run(naive(Path(home), NAIVE_KILLS))
        print(row("everything: the naive relay", Look(verdict.found, NAIVE_KILLS, time.monotonic() - began)))  # noqa: T201
        missed += ["the naive relay"] if LOST not in verdict.found else []
    print(f"{len(teeth)} teeth, missed: {', '.join(missed) or 'none'}")  # noqa: T201
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
