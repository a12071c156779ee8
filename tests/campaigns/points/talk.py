"""A relay at its work: it accepts, delivers, renews its login and buries, and is struck at one of its calls.

Customers and agents talk on, and at the end the ledger is drawn up. Who was ended is started again, as by a supervisor.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns.kills import settled
from tests.campaigns.ledger import by_agent, by_customer, by_file, draw_up
from tests.campaigns.points.strikes import CALLS, counted, noting, strike, traced
from tests.e2e.process import RelayProcess, relay_between
from tests.waiting import eventually

ANNA: Final = 6_000_001
BEN: Final = 6_000_002
#: What writes, and what sends.
TALKING: Final = (*CALLS, "writev", "sendto", "sendmsg", "fallocate")
#: What a full disk refuses; `write` also wakes the process's own loop.
FULL: Final = ("pwrite64", "ftruncate", "fallocate")
#: Calls in a row for which the disk stays full.
FULL_FOR: Final = 10
PATIENCE: Final = 60.0
LONG: Final = "x" * 4090


@dataclass
class _Talk:
    """Two customers, and their agents."""

    telegram: TelegramLookAlike
    kit: KitLookAlike
    relay: RelayProcess
    deaths: int = 0
    red: bool = False  #: `/readyz` has said that nothing can be stored.

    async def go_on(self) -> None:
        """Say everything, whatever becomes of the relay."""
        anna, ben = self.telegram.customer(ANNA), self.telegram.customer(BEN)
        anna.writes(by_customer(ANNA, 1))
        ben.writes(by_customer(BEN, 1))
        await self._until_known()
        self.kit.revoke_access_tokens()
        anna.sends("document", size=100, file_name=f"{by_customer(ANNA, 2)}.pdf")
        anna.sends_album([("photo", 100, by_customer(ANNA, 3)), ("photo", 100, by_customer(ANNA, 4))])
        ben.writes(by_customer(BEN, 2))
        self.telegram.next_answer(400, "Bad Request: message is odd", on="sendMessage", of=BEN)
        url = self.kit.host_file(100, "a.bin")
        file = {"type": "document", "file_name": f"{by_file(ANNA, 1)}.bin", "file_url": url}
        say = self.kit.callbacks.message
        self.kit.enqueue_callbacks(
            [
                say(str(BEN), by_agent(BEN, 1)),
                say(str(ANNA), f"{by_agent(ANNA, 1)} {LONG} {by_agent(ANNA, 2)}"),
                say(str(ANNA), by_agent(ANNA, 3), [file]),
                say(str(BEN), by_agent(BEN, 2)),
            ]
        )
        watching = asyncio.create_task(self._look_after())
        with suppress(TimeoutError):  # what is missing then is the ledger's matter
            await eventually(self._all_done, within=PATIENCE)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    async def _all_done(self) -> bool:
        try:
            await settled(self.telegram, self.kit, self.relay, PATIENCE)
        except AssertionError:  # it cannot say, or was ended meanwhile
            return False
        return True

    async def _until_known(self) -> None:
        async def known() -> bool:
            await self._revive()
            return len(self.kit.clients) == 2

        await eventually(known, within=PATIENCE)

    async def _look_after(self) -> None:
        while True:
            await self._revive()
            self.red = self.red or (await self.relay.get("/readyz"))[0] == 503
            await asyncio.sleep(0.05)

    async def _revive(self) -> None:
        if self.relay.process is not None and self.relay.process.returncode is not None:
            self.deaths += 1
            await self.relay.begin()


async def played(folder: Path, strace: Sequence[str]) -> tuple[_Talk, list[str]]:
    """A relay that begins with these options of strace; what became of it, and what was wrong."""
    home = folder / "home"
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit:
        async with relay_between(telegram, kit, home, RELAY_LOG_LEVEL="ERROR") as relay:
            relay.process, tracer = await traced(("run",), home, relay.environment, home / "relay.log", strace)
            talk = _Talk(telegram, kit, relay)
            await talk.go_on()
            assert relay.process is not None
            with suppress(ProcessLookupError):  # it is ended just now
                relay.process.terminate()
            code = await asyncio.wait_for(relay.process.wait(), PATIENCE)
            await tracer.wait()
            database = relay.environment["RELAY_DATABASE_URL"]
            verdict = draw_up(telegram, kit, database, interruptions=max(1, talk.deaths))
        wrong = [f"{promise}: {cases}" for promise, cases in verdict.found.items()]
        wrong += [f"kept: {dict(verdict.kept)}"] if verdict.kept.keys() - {"dead"} else []
        if code not in {0, -signal.SIGKILL}:
            wrong.append(f"exit code {code}")
        return talk, wrong


async def count(folder: Path) -> Counter[str]:
    """How many of each call there are."""
    trace = folder / "trace"
    _, wrong = await played(folder, noting(trace, TALKING))
    assert wrong == []
    return counted(trace)


def options_of(call: str, how: str, which: int) -> tuple[str, ...]:
    """The options of strace for a point. A disk that is full stays so for a while."""
    return strike(call, how, which, FULL_FOR if how == "full" else 1)
