"""`python -m tests.campaigns.faults NAME …`: one fault after the other, between customers and agents who talk on.

Everybody talks in both directions, before the fault, through it and after it. Says of each fault what was buried and
who was told, how long the messages took that had nothing to do with it, how long it took until all was well again
(`/readyz` green, and every message there that was said before the fault ended), and until the relay had caught up: of
what was said more than a second ago nothing waits any more. "Afterwards" begins then, and means everybody: what had to
wait, for the fault or behind those that did, is none of it.

How long they took is said as a multiple of what messages took at the same time on a relay beside it to which nothing
happens: the 95th percentiles of every five seconds are compared, and the median of these is said, of the direction that
fared worse; a machine that is busy with something else for a moment spoils one of them. "At first" is that of the first
five seconds alone, in which an after-effect would be seen. The row `nothing` is a second relay to which nothing
happens: what it shows is the error of the measure.

Without a name, or with `--all`, all of them. `--seconds` is how long a fault lasts, `--calm` how long it is listened
afterwards, `--together` how many are played at the same time, each on a relay of its own. `--short` plays all in
about four minutes, too briefly for the multiples to say much.
"""

import argparse
import asyncio
import math
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.faults import Faults
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns.beside import SLICE, multiples
from tests.campaigns.ledger import LOST, ORDER, Verdict, Way, by_agent, by_customer, draw_up
from tests.databases import rows
from tests.e2e.process import RelayProcess, relay_between
from tests.waiting import eventually

FIRST: Final = 6_000_001  #: Of the chats.
CUTS: Final = 2  #: How often a step may be cut off by a fault that comes and goes.
PACE: Final = 0.1  #: Seconds between two messages of each direction.
#: Seconds in which all must be well again: in general, after refused credentials, after a bot was polled elsewhere.
WELL: Final = 5.0
CREDENTIALS: Final = 30.0
ELSEWHERE: Final = 10.0
FLAP: Final = 2.0  #: Seconds.
PATIENCE: Final = 60.0  #: Seconds for which it is waited beyond that.
YOUNG: Final = 1.0  #: Seconds for which a message may be on its way though all is well.
#: What others may take afterwards, as a multiple; and after how many seconds of listening that is held against a fault.
MOST: Final = 1.2
NOTHING: Final = "nothing"
WAYS: Final[tuple[Way, ...]] = get_args(Way)
ENOUGH: Final = 20.0
PAGE: Final = {"body": "<html>Request blocked</html>", "headers": {"Content-Type": "text/html"}}


_AN_HOUR: Final = {"Retry-After": "3600"}


def _refusal(code: int) -> dict[str, Any]:
    return {"success": False, "result": {"error": "no", "code": code}}


@dataclass(frozen=True, slots=True)
class World:
    """Both look-alikes."""

    telegram: TelegramLookAlike
    kit: KitLookAlike


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong. `switches` are what the look-alike's `/sandbox/faults` takes, in one command."""

    says: str
    way: Way  #: The direction that it hits; of the other one nothing is to be noticed.
    switches: Mapping[str, Any] = field(default_factory=dict)
    well: float = WELL
    refuses_token: bool = False
    polled: bool = False  #: Another instance polls the bot.
    flaps: bool = False  #: It comes and goes, every two seconds.
    of_one: int | None = None  #: It hits one chat only, which Kit answers so: the others of its direction go on.
    hits_all: bool = False  #: Both directions: updates do not come either.
    costs_one: bool = False  #: Of that chat not everything arrives, or not soon.

    @property
    def but(self) -> int | None:
        """The chat that is not waited for."""
        return FIRST if self.costs_one else None


FAULTS: Final[Mapping[str, Fault]] = {
    "kit-refuses-all": Fault(
        "Kit's own 409 to everybody", "to_kit", {"always": {"status": 409, "payload": _refusal(409), "on": "event"}}
    ),
    "kit-half": Fault(
        "one of Kit's two servers refuses everything",
        "to_kit",
        {"always": {"status": 409, "payload": _refusal(409), "on": "event", "every": 2}},
    ),
    "kit-page": Fault("a firewall's page in Kit's place", "to_kit", {"always": {"status": 403, **PAGE, "on": "event"}}),
    "kit-fails": Fault("Kit answers 503", "to_kit", {"always": {"status": 503, "payload": {}, "on": "event"}}),
    "kit-cut": Fault("Kit hangs up on everybody", "to_kit", {"down": True}),
    "kit-hangs": Fault("Kit takes requests and answers nothing", "to_kit", {"hang": True}, well=35.0),
    "kit-flaps": Fault("Kit is there for two seconds and away for two", "to_kit", {"down": True}, flaps=True),
    "kit-token": Fault("Kit refuses the API token", "to_kit", well=CREDENTIALS, refuses_token=True),
    "kit-patience": Fault(
        "Kit asks one chat for an hour with 429",
        "to_kit",
        {"next_answers": [{"status": 429, "payload": _refusal(429), "headers": _AN_HOUR, "on": "event", "of": FIRST}]},
        well=75.0,
        costs_one=True,
    ),
    "kit-refuses-one": Fault("Kit refuses what one chat writes", "to_kit", of_one=409, costs_one=True),
    "kit-fails-one": Fault("Kit answers one chat 500", "to_kit", of_one=500, well=65.0),
    "telegram-cut": Fault("Telegram hangs up on everybody", "to_telegram", {"down": True}, hits_all=True),
    "telegram-fails": Fault(
        "Telegram answers 502",
        "to_telegram",
        {"always": {"status": 502, "payload": {"ok": False, "error_code": 502, "description": "Bad Gateway"}}},
    ),
    "telegram-token": Fault(
        "Telegram refuses the bot token", "to_telegram", well=CREDENTIALS, refuses_token=True, hits_all=True
    ),
    "telegram-polled": Fault("another instance polls the bot", "to_kit", well=ELSEWHERE, polled=True),
    NOTHING: Fault("nothing happens: the error of the measure", "to_kit"),
}


@dataclass
class Seen:
    """What a fault did."""

    #: How long those took that the fault does not hit, as a multiple; None: it hits everybody.
    during: float | None = None
    at_first: float = 0.0  #: The same in the first seconds in which all is well again, of all.
    after: float = 0.0  #: And in all the time from then on.
    well: float = 0.0  #: Seconds until all was well again.
    caught_up: float = math.inf  #: Seconds until nothing waited any more; infinite: something always did.
    buried: int = 0
    told_agents: int = 0
    told_customers: int = 0
    verdict: Verdict = field(default_factory=Verdict)


@dataclass
class Talk:
    """Everybody who talks, and when each message was said. A text is a mark."""

    world: World
    chats: int
    said: dict[Way, dict[str, float]] = field(default_factory=lambda: {"to_kit": {}, "to_telegram": {}})
    is_over: bool = False
    _number: int = 0

    async def run(self) -> None:
        """Say something in both directions, chat after chat, until it is over."""
        while not self.is_over:
            chat, number = FIRST + self._number % self.chats, self._number // self.chats
            self._number += 1
            written, answered = by_customer(chat, number), by_agent(chat, number)
            self.said["to_kit"][written] = time.monotonic()
            self.world.telegram.customer(chat).writes(written)
            self.said["to_telegram"][answered] = time.monotonic()
            self.world.kit.enqueue_callbacks([self.world.kit.callbacks.message(str(chat), answered)])
            await asyncio.sleep(PACE)

    def arrived(self, way: Way) -> dict[str, float]:
        """When each text came first."""
        if way == "to_kit":
            pairs = [(sent.text or "", sent.at) for sent in self.world.kit.events]
        else:
            pairs = [(str(call.params.get("text")), call.at) for call in self.world.telegram.calls]
        first: dict[str, float] = {}
        for text, at in pairs:
            first.setdefault(text, at)
        return first

    def took(self, way: Way, *, but: int | None = None) -> dict[float, float]:
        """How long the messages took that have arrived (of other chats than one), by when they were said."""
        arrived = self.arrived(way)
        return {
            at: arrived[text] - at for text, at in self.said[way].items() if text in arrived and not _is_of(text, but)
        }

    def missing(self, way: Way, *, before: float | None = None, but: int | None = None) -> list[str]:
        """What has not arrived, of all or of what was said before."""
        arrived = self.arrived(way)
        return [
            text
            for text, at in self.said[way].items()
            if text not in arrived and not _is_of(text, but) and (before is None or at < before)
        ]


def _is_of(text: str, chat: int | None) -> bool:
    return text[1:].startswith(f"{chat}n")


@asynccontextmanager
async def talking(home: Path, chats: int) -> AsyncIterator[tuple[RelayProcess, Talk]]:
    """A relay between so many customers and their agents, who have met, and talk on until the block ends."""
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit:
        telegram.faults.latency = kit.faults.latency = 0.02
        talk = Talk(World(telegram, kit), chats)
        async with relay_between(telegram, kit, home, RELAY_LOG_LEVEL="INFO") as relay:
            await relay.start()
            telegram.backlog(chats, chats, first_chat=FIRST)
            await kit.wait_for(lambda: len(kit.clients) == chats, 30)
            task = asyncio.create_task(talk.run())
            try:
                yield relay, talk
            finally:
                task.cancel()


async def play(fault: Fault, home: Path, beside: Talk, *, seconds: float, calm: float) -> Seen:
    """Play one fault for so many seconds, and listen for so many afterwards."""
    seen = Seen()
    async with talking(home, beside.chats) as (relay, talk):
        await asyncio.sleep(min(calm, SLICE))
        broken = time.monotonic()
        end = await _begin(fault, talk.world, seconds)
        await asyncio.sleep(seconds)
        await end()
        mended = time.monotonic()
        with suppress(TimeoutError):  # then it was too long
            await eventually(partial(_is_well, relay, talk, fault, mended), within=fault.well + PATIENCE)
        seen.well = time.monotonic() - mended
        with suppress(TimeoutError):
            await eventually(partial(_has_caught_up, talk, fault), within=PATIENCE)
            seen.caught_up = time.monotonic() - mended
        caught_up = time.monotonic()
        await asyncio.sleep(calm)
        ended = time.monotonic()
        talk.is_over = True
        with suppress(TimeoutError):  # what is not there then is counted as lost
            await eventually(lambda: _all_there(talk, fault), within=30)
        await relay.stop()
        url = relay.environment["RELAY_DATABASE_URL"]
        cuts = int(seconds / FLAP) if fault.flaps else CUTS
        seen.verdict = draw_up(talk.world.telegram, talk.world.kit, url, interruptions=cuts)
        _draw_up(seen, talk, beside, fault, (broken, mended, caught_up, ended))
    [(seen.buried,)] = rows(home, "SELECT count(*) FROM outbox WHERE status = 'dead'")
    return seen


async def play_together(names: Sequence[str], home: Path, *, seconds: float, calm: float, chats: int) -> list[Seen]:
    """Play these faults at the same time, and beside them a relay to which nothing happens."""
    async with talking(home / "beside", chats) as (_, beside), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(play(FAULTS[name], home / name, beside, seconds=seconds, calm=calm)) for name in names
        ]
    return [task.result() for task in tasks]


async def _begin(fault: Fault, world: World, seconds: float) -> Callable[[], Any]:
    """Let it go wrong. Returns what ends it."""
    side = world.kit if fault.way == "to_kit" else world.telegram
    rival: asyncio.Task[Any] | None = None
    if fault.polled:
        rival = asyncio.create_task(world.telegram.updates.get(seconds=seconds))
    if fault.flaps:
        rival = asyncio.create_task(_flap(side.faults, fault.switches, seconds))
    if fault.refuses_token and fault.way == "to_kit":
        world.kit.revoke_api_token()
        world.kit.revoke_access_tokens()
    good = world.telegram.token
    if fault.refuses_token and fault.way == "to_telegram":
        world.telegram.token = "123456789:another-token-that-nobody-told-the-relay"
    if fault.of_one is not None:
        world.kit.faults.answer_next(fault.of_one, payload=_refusal(fault.of_one), on="event", of=FIRST, times=10_000)
    if not fault.flaps:
        side.faults.apply(fault.switches)

    async def end() -> None:
        if rival is not None:
            await asyncio.gather(rival, return_exceptions=True)
        world.kit.tokens.api_token_revoked = False
        world.telegram.token = good
        side.faults.clear()
        side.faults.latency = 0.02

    return end


async def _flap(faults: Faults, switches: Mapping[str, Any], seconds: float) -> None:
    for _ in range(max(1, int(seconds / (2 * FLAP)))):
        faults.apply(switches)
        await asyncio.sleep(FLAP)
        faults.clear()
        faults.latency = 0.02
        await asyncio.sleep(FLAP)


async def _is_well(relay: RelayProcess, talk: Talk, fault: Fault, mended: float) -> bool:
    """Whether `/readyz` is green and every message is there that was said before the end of the fault."""
    missing = talk.missing(fault.way, before=mended, but=fault.but)
    return not missing and (await relay.get("/readyz"))[0] == 200


async def _has_caught_up(talk: Talk, fault: Fault) -> bool:
    """Whether whatever was said more than a moment ago is there."""
    old = time.monotonic() - YOUNG
    return not any(talk.missing(way, before=old, but=fault.but) for way in WAYS)


async def _all_there(talk: Talk, fault: Fault) -> bool:
    return not talk.missing("to_telegram") and not talk.missing("to_kit", but=fault.but)


def _draw_up(seen: Seen, talk: Talk, beside: Talk, fault: Fault, times: tuple[float, float, float, float]) -> None:
    """What became of every message, and how long it took, as a multiple of what it took beside it."""
    broken, mended, caught_up, ended = times
    other: Way = "to_telegram" if fault.way == "to_kit" else "to_kit"
    hit = FIRST if fault.of_one is not None else fault.but

    def compared(way: Way, since: float, until: float) -> list[float]:
        return multiples(talk.took(way, but=hit), beside.took(way, but=hit), since, until)

    afterwards = [compared(way, caught_up, ended) for way in WAYS]
    seen.at_first = max(each[0] for each in afterwards)
    seen.after = max(statistics.median(each) for each in afterwards)
    if not fault.hits_all:
        seen.during = statistics.median(compared(fault.way if fault.of_one is not None else other, broken, mended))
    kit, telegram = talk.world.kit, talk.world.telegram
    seen.told_agents = sum("Missing here" in (sent.text or "") for sent in kit.events)
    seen.told_customers = sum("could not be passed on" in str(call.params.get("text")) for call in telegram.calls)


def is_good(fault: Fault, seen: Seen, *, calm: float) -> bool:
    """Nothing lost, out of order, or buried that was not refused for itself; well in its time, then as quick as before.

    How quick it is says only who has listened for long enough; that it catches up, everybody.
    """
    allowed = seen.buried if fault.of_one == 409 else 0
    quick = seen.caught_up < math.inf and (seen.after <= MOST or calm < ENOUGH)
    return seen.verdict.held and seen.buried == allowed and seen.well <= fault.well and quick


HEAD: Final = (
    f"{'fault':<17} {'buried':>6} {'told: agents':>12} {'customers':>9} {'lost':>4} {'disorder':>8}"
    f" {'well after':>10} {'caught up':>9} {'others, meanwhile':>17} {'all, at first':>13} {'afterwards':>10}"
)


def report(name: str, seen: Seen, *, calm: float) -> str:
    """A line of the table."""
    meanwhile = "hit too" if seen.during is None else f"{seen.during:.2f} x"
    told = f"{seen.told_agents:>12} {seen.told_customers:>9}"
    multiples = f"{meanwhile:>17} {f'{seen.at_first:.2f} x':>13} {f'{seen.after:.2f} x':>10}"
    lost, disorder = (len(seen.verdict.found.get(promise, ())) for promise in (LOST, ORDER))
    verdict = "" if is_good(FAULTS[name], seen, calm=calm) else "NOT GOOD: "
    well = f"{f'{seen.well:.1f} s':>10} {f'{seen.caught_up:.1f} s':>9}"
    counted = f"{seen.buried:>6} {told} {lost:>4} {disorder:>8}"
    return f"{name:<17} {counted} {well} {multiples}  {verdict}{FAULTS[name].says}"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.faults", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*FAULTS, []], metavar="NAME", help=", ".join(FAULTS))
    parser.add_argument("--all", action="store_true", help="all of them, as without a name")
    parser.add_argument("--short", action="store_true", help="--seconds 8 --calm 8 --together 5")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--calm", type=float, default=30.0)
    parser.add_argument("--chats", type=int, default=20)
    parser.add_argument("--together", type=int, default=1)
    options = parser.parse_args()
    if options.short:
        options.seconds, options.calm, options.together = 8.0, 8.0, 5
    wanted = set(FAULTS if options.all or not options.names else options.names) - {NOTHING}
    # Those that take long together, so that nobody waits for one of them.
    names = sorted(wanted, key=lambda name: (-FAULTS[name].well, name))
    held = True
    print(HEAD, flush=True)  # noqa: T201 - a report
    for first in range(0, len(names), options.together):
        part = [*names[first : first + options.together], NOTHING]
        with tempfile.TemporaryDirectory() as home:
            playing = play_together(part, Path(home), seconds=options.seconds, calm=options.calm, chats=options.chats)
            seen = asyncio.run(playing)
        for name, each in zip(part, seen, strict=True):
            held &= is_good(FAULTS[name], each, calm=options.calm)
            wrong = "" if each.verdict.held else f"\n    {each.verdict}"
            print(report(name, each, calm=options.calm) + wrong, flush=True)  # noqa: T201
    print(f"{len(names)} faults played: {'all held' if held else 'not all held'}")  # noqa: T201
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
