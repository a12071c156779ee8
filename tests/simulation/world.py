"""Both sides of a simulated relay, and everything that goes wrong with them, drawn from a seed."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from unittest import mock
from uuid import UUID

from relay.errors import Down, NotAccepted, Throttled, Uncertain
from relay.model import Address, Direction
from relay.sandbox.kit.callbacks import Callback, Posted
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.ledger import Call
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.steps import Step
from tests.campaigns.ledger import Verdict, by_agent, by_customer, draw_up, marks_in
from tests.simulation.engine import Disk
from tests.simulation.process import Process
from tests.virtual_time import VirtualLoop

FIRST: Final = 6_000_001
CHATS: Final = 8
#: Messages each way, and the seconds over which they are said.
MESSAGES: Final = 104
SPAN: Final = 8.0
#: Seconds after which what has not arrived never will.
PATIENCE: Final = 3600.0
_ENDLESS: Final = 10 * MESSAGES  #: Calls after which a broken relay repeats without end.
SLOWEST: Final = 0.3  #: Seconds that a call takes at most, there and back.
TWO_STEPS: Final = 0.15  #: The share of agents' messages that are two of Telegram's.
_EPOCH: Final = 1_800_000_000.0


@dataclass(slots=True)
class Played:
    """What became of a seed."""

    seed: int
    faults: Counter[str]
    verdict: Verdict
    seconds: float  #: Of the world's own.
    settled: bool
    messages: int  #: That were said, both ways.


class World:
    """See the module."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - a seed
        self.telegram, self.kit = TelegramLookAlike(), KitLookAlike()
        self.kit.callbacks.pretty = False  # only Python's slow writer of JSON indents
        self.disk = Disk(self.dice)
        self.faults: Counter[str] = Counter()
        self.cut_off: set[str] = set()  #: Marks of steps of which the relay cannot know what became of them.
        self.away: dict[Direction, bool] = {"to_kit": False, "to_telegram": False}
        self.process = self._start()
        self.said = 0
        self._burial = asyncio.Lock()

    def _start(self) -> Process:
        # Each life has an outside of its own: what a dead one asks for does not happen.
        outside = _Outside(self)
        process = Process(self.disk, outside, (self.kit.salt, self.kit.api_token), time.time)
        outside.process = process
        return process

    async def play(self) -> bool:
        """Let everybody talk and everything go wrong, and wait until nothing is on its way. Whether it came to that."""
        async with asyncio.TaskGroup() as deaths:
            self.disk.died = partial(self._die, deaths)
            self.disk.is_deadly = True
            with suppress(TimeoutError):  # what is missing then is the ledger's matter
                async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
                    for chat in range(FIRST, FIRST + CHATS):
                        tasks.create_task(self._customer(chat))
                        tasks.create_task(self._agent(chat))
                    tasks.create_task(self._trouble())
            self.disk.is_deadly = False
        settled = await self._settled()
        await self.process.kill()
        return settled

    def _die(self, deaths: asyncio.TaskGroup) -> None:
        deaths.create_task(self._kill("death at a commit"))

    async def _kill(self, what: str) -> None:
        """End the process, and start another one."""
        self.faults[what] += 1
        process = self.process
        process.engine.dead = True
        async with self._burial:
            if process is not self.process:
                return  # it has been buried meanwhile
            await process.kill()
            self.cut_off |= self._not_settled()
            await asyncio.sleep(self.dice.uniform(0.0, 2.0))
            self.process = self._start()

    async def _customer(self, chat: int) -> None:
        for number in range(MESSAGES // CHATS):
            await asyncio.sleep(self.dice.uniform(0.0, 2 * SPAN * CHATS / MESSAGES))
            self.telegram.customer(chat).writes(by_customer(chat, number))
            self.said += 1

    async def _agent(self, chat: int) -> None:
        """Each callback is repeated until it is answered 200; the first comes when the customer is known."""
        number = 0
        while number < MESSAGES // CHATS:
            await asyncio.sleep(self.dice.uniform(0.0, 2 * SPAN * CHATS / MESSAGES))
            if not self.kit.messages(chat):
                continue
            marks, number = (by_agent(chat, 2 * number), by_agent(chat, 2 * number + 1)), number + 1
            await self._call_back(self._callback(chat, marks))
            self.said += 1

    def _callback(self, chat: int, marks: tuple[str, str]) -> Callback:
        """One of Telegram's messages, or two."""
        make = partial(self.kit.callbacks.message, str(chat), event_id=self._id(), message_id=self._id())
        if self.dice.random() >= TWO_STEPS:
            return make(marks[0])
        return make(None, [_file("audio", f"{marks[0]}.mp3"), _file("document", f"{marks[1]}.pdf")])  # no album

    def _id(self) -> str:
        """Kit's ids are random: the order in which a database finds them is a part of the world."""
        return str(UUID(int=self.dice.getrandbits(128)))

    async def _call_back(self, callback: Callback) -> None:
        while True:
            await asyncio.sleep(self.dice.uniform(0.0, SLOWEST))
            answered = await self.process.call_back(callback)
            if answered and self.dice.random() < 0.97:
                self.kit.callbacks.posted.append(Posted(callback.event_id, 200, "OK", 0.0))
                return
            await asyncio.sleep(1.0)

    async def _trouble(self) -> None:
        """Three to six troubles, one after the other."""
        for _ in range(self.dice.randint(3, 6)):
            await asyncio.sleep(self.dice.uniform(0.0, SPAN / 3))
            what = self.dice.choice(["kill", "kill", "kit away", "telegram away", "disk"])
            if what == "kill":
                await self._kill(what)
                continue
            self.faults[what] += 1
            seconds = self.dice.choice([1.0, 5.0, 90.0]) * self.dice.random()
            await self._while(what, seconds)

    async def _while(self, what: str, seconds: float) -> None:
        if what == "disk":
            self.disk.is_full = True
            await asyncio.sleep(min(seconds, 10.0))
            self.disk.is_full = False
            return
        way: Direction = "to_kit" if what == "kit away" else "to_telegram"
        self.away[way] = True
        await asyncio.sleep(seconds)
        self.away[way] = False

    async def _settled(self) -> bool:
        """Whether nothing is on its way any more, in good time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while loop.time() < until:
            if self.process.ended is not None or len(self.telegram.calls) > _ENDLESS:
                return False
            if not self.telegram.updates.pending and not self.waiting():
                return True
            await asyncio.sleep(1.0)
        return False

    def _not_settled(self) -> set[str]:
        bodies = self.disk.dbapi.execute("SELECT body FROM outbox WHERE status = 'waiting'")
        return {mark for (body,) in bodies for mark in marks_in(body)}

    def waiting(self) -> int:
        """Deliveries that are not settled."""
        waits = self.disk.dbapi.execute("SELECT count(*) FROM outbox WHERE status = 'waiting'")
        return int(waits.fetchone()[0])


def _file(kind: str, name: str) -> dict[str, Any]:
    return {"type": kind, "file_name": name, "file_url": f"https://files.example/{kind}"}


@dataclass(slots=True)
class _Outside:
    """Both sides as one life of the relay sees them."""

    world: World
    process: Process | None = None

    async def updates(self, offset: int, seconds: float) -> list[dict[str, Any]]:
        await self._call("to_telegram")
        return await self.world.telegram.updates.get(offset=offset, seconds=seconds)

    async def event(self, body: str) -> None:
        document = json.loads(body)
        with self.world.kit.traffic.of_client(document["client_data"]["client_id"]):
            lost = await self._call("to_kit", body)
            self.world.kit.ledger.record(document, asyncio.get_running_loop().time())
            await self._answer(lost)

    async def step(self, address: Address, step: Step) -> tuple[int, ...]:
        lost = await self._call("to_telegram", repr(step))
        if self.world.dice.random() < 0.01:
            self.world.faults["refused"] += 1
            raise NotAccepted("Telegram: message is odd")
        number = len(self.world.telegram.calls) + 1
        self.world.telegram.calls.append(Call("sendMessage", address.chat_id, {"step": repr(step)}, (), 0.0, number))
        await self._answer(lost)
        return (number,)

    async def asked(self, side: Direction) -> None:
        await self._call(side)

    async def _call(self, side: Direction, says: str | None = None) -> bool:
        """The way there. Whether the answer will be lost. Raises relay.errors. Without words it is harmless."""
        self._alive()
        await asyncio.sleep(self.world.dice.uniform(0.0, SLOWEST))
        self._alive()
        if self.world.away[side]:
            raise Down("no connection")
        luck = 1.0 if says is None else self.world.dice.random()
        if luck < 0.01:
            self.world.faults["throttled"] += 1
            raise Throttled("Too Many Requests", retry_after=self.world.dice.choice([1.0, 5.0]))
        if luck < 0.02:
            self.world.faults["hung"] += 1
            await asyncio.sleep(30.0)
            raise Uncertain("no answer within 30 s")
        self.world.cut_off |= marks_in(says) if luck < 0.03 and says is not None else set()
        return luck < 0.03

    async def _answer(self, lost: bool) -> None:  # noqa: FBT001 - drawn on the way there
        """The way back."""
        self._alive()
        await asyncio.sleep(self.world.dice.uniform(0.0, SLOWEST))
        self._alive()
        if lost:
            self.world.faults["answer lost"] += 1
            raise Uncertain("the connection broke off")

    def _alive(self) -> None:
        if self.process is None or self.process.engine.dead:
            raise asyncio.CancelledError


def play(seed: int) -> Played:
    """Play a seed from its beginning to its end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        began = loop.time()
        with _clock(loop, seed):
            return runner.run(_play(seed, began))


async def _play(seed: int, began: float) -> Played:
    world = World(seed)
    settled = await world.play()
    cut = world.faults["kill"] + world.faults["death at a commit"] + world.faults["answer lost"] + world.faults["hung"]
    waiting = world.waiting()
    verdict = draw_up(world.telegram, world.kit, world.disk.alchemy(), interruptions=cut, cut_off=world.cut_off)
    if not settled:
        verdict.found["everything is settled in the end"].append(f"{waiting} wait; {world.process.ended!r}")
    return Played(seed, world.faults, verdict, asyncio.get_running_loop().time() - began, settled, world.said)


@contextmanager
def _clock(loop: asyncio.AbstractEventLoop, seed: int) -> Iterator[None]:
    """Every clock is the loop's, and all dice are the seed's."""
    random.seed(seed)
    with (
        mock.patch("time.monotonic", loop.time),
        mock.patch("time.time", new=partial(_unix, loop)),
    ):
        yield


def _unix(loop: asyncio.AbstractEventLoop) -> float:
    return _EPOCH + loop.time()
