"""A simulated process: the relay's own parts, put together as `relay/channel.py` does, between adapters of a world."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, cast

from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from telegram import Bot

from relay.delivery import to_kit, to_telegram
from relay.delivery.calls import Calls
from relay.delivery.courier import Courier
from relay.delivery.suspects import Suspects
from relay.errors import Unavailable
from relay.intake.accept import Intake
from relay.intake.business_accounts import Accounts
from relay.intake.button_presses import Presses
from relay.mapping.event.events import KitContext
from relay.mapping.to_telegram.events import TelegramContext
from relay.model import Address, Direction
from relay.monitoring.metrics import Metrics
from relay.sandbox.kit.callbacks import Callback
from relay.steps import Step
from relay.store.engine.commit import committing
from relay.store.store import Store
from relay.telegram.polling import Poller
from relay.telegram.request import AiohttpRequest
from relay.web.callback import KitCallback
from relay.web.callback_record import CallbackRecord
from relay.web.refusals import Refusals
from tests.simulation.engine import Disk, SimulatedEngine

CHANNEL: Final = "123456789"
_METRICS: Final = Metrics().of_channel(CHANNEL)


class Outside(Protocol):
    """What the relay asks of both sides. Each raises relay.errors, and nothing of a dead process has an effect."""

    async def updates(self, offset: int, seconds: float) -> list[dict[str, Any]]: ...
    async def event(self, body: str) -> None: ...
    async def step(self, address: Address, step: Step) -> tuple[int, ...]: ...
    async def asked(self, side: Direction) -> None: ...


class Process:
    """One life of a relay."""

    def __init__(self, disk: Disk, outside: Outside, secrets: tuple[str, str], now: Callable[[], float]) -> None:
        # Of its own: in which order its tasks end when it is killed, no seed says.
        self._dice = dice = random.Random(disk.dice.getrandbits(64))  # noqa: S311 - a seed
        self.engine = SimulatedEngine(disk, dice)
        self._outside, self._secrets, self._now = outside, secrets, now
        self._callback: KitCallback | None = None
        self._couriers: dict[Direction, Courier] = {}
        numbers = iter(range(10**9))
        self._kit = KitContext(CHANNEL, "https://relay.example", lambda: f"{dice.getrandbits(60)}.{next(numbers)}")
        self._task = asyncio.create_task(self._live(), name="process")

    async def kill(self) -> None:
        """Nothing that it does from now on has an effect."""
        self.engine.dead = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def ended(self) -> BaseException | None:
        """What it ended with by itself, if it did."""
        return self._task.exception() if self._task.done() and not self._task.cancelled() else None

    async def call_back(self, callback: Callback) -> bool:
        """Take a callback of Kit's; whether it is answered 200."""
        if self._callback is None or self.engine.dead or self._task.done():
            return False
        answer = await self._callback.answer_event(cast("Any", _Request.of(callback)))
        return answer.status == 200 and not self.engine.dead

    async def _live(self) -> None:
        async with committing(self.engine, self._now) as database:
            store = Store(database, self._now)
            while True:
                with suppress(Unavailable):
                    await store.release_all()
                    break
                await asyncio.sleep(1.0)
            self._put_together(store)
            poller = self._take_in(store)
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                for courier in self._couriers.values():
                    tasks.create_task(courier.run(stop))
                tasks.create_task(poller.run(stop))

    def _put_together(self, store: Store) -> None:
        courier = partial(Courier, CHANNEL, store=store, metrics=_METRICS, now=self._now, suspects=Suspects())
        kit = _Kit(self._outside)
        calls = Calls(partial(self._outside.asked, "to_telegram"))
        self._couriers = {
            "to_kit": courier(
                "to_kit",
                carry=to_kit.to_kit(cast("Any", kit), "en", self._now),
                probe=lambda _: self._outside.asked("to_kit"),
                make_note=to_kit.note_maker(self._kit),
                on_note=self._wake_both,
            ),
            "to_telegram": courier(
                "to_telegram",
                carry=to_telegram.to_telegram(
                    self._step, partial(self._outside.asked, "to_telegram"), self._kit, calls, rate=30.0, chat_rate=1.0
                ),
                probe=lambda _: self._outside.asked("to_telegram"),
                calls=calls,
                make_note=to_telegram.note_maker(self._kit),
                on_note=self._wake_both,
            ),
        }
        loop = asyncio.get_running_loop()
        for each in self._couriers.values():
            each.side.now = loop.time

    def _take_in(self, store: Store) -> Poller:
        """What takes updates and callbacks in."""
        bot = Bot(
            f"{CHANNEL}:simulated", request=_Transport(self._outside), get_updates_request=_Transport(self._outside)
        )
        intake = Intake(
            CHANNEL,
            store,
            self._kit,
            TelegramContext(CHANNEL),
            _METRICS,
            self._wake,
            lambda _: None,
            Accounts(CHANNEL, store, self._nothing, {}),
            Presses(self._nothing, _METRICS),
        )
        refusals = Refusals()
        record = CallbackRecord(CHANNEL, store, _METRICS, refusals)
        self._callback = KitCallback((self._secrets,), intake.accept_callback, _METRICS, record, refusals)
        side = self._couriers["to_telegram"].side
        poller = Poller(
            bot,
            offset=partial(store.next_update_id, CHANNEL),
            accept=intake.accept_updates,
            on_failure=partial(side.suspect, "failed"),
            dice=self._dice.random,
        )
        side.on_return = poller.hurry
        return poller

    async def _step(self, address: Address, step: Step, _leave: Callable[[], None]) -> tuple[int, ...]:
        return await self._outside.step(address, step)

    async def _nothing(self, _of: str) -> None:
        """What nobody asks for here."""

    def _wake(self, direction: Direction) -> None:
        self._couriers[direction].wake()

    def _wake_both(self) -> None:
        for courier in self._couriers.values():
            courier.wake()


class _Kit:
    """As much of a client of Kit's as carries events."""

    def __init__(self, outside: Outside) -> None:
        self.send: Callable[[str], Awaitable[None]] = outside.event


class _Transport(AiohttpRequest):
    """Carries getUpdates to a world's Telegram."""

    def __init__(self, outside: Outside) -> None:
        super().__init__(cast("Any", None))
        self._outside = outside

    async def call(self, url: str, parameters: Mapping[str, object], read_timeout: float | None = None) -> Any:  # noqa: ARG002 - its signature
        """As its parent does; only polling calls by it."""
        assert url.endswith("/getUpdates")
        return await self._outside.updates(cast("int", parameters["offset"]), cast("float", parameters["timeout"]))


@dataclass(frozen=True, slots=True)
class _Request:
    """As much of an HTTP request as the callback's handler looks at."""

    body: bytes
    raw_headers: tuple[tuple[bytes, bytes], ...]
    can_read_body: bool = True

    @classmethod
    def of(cls, callback: Callback) -> "_Request":
        return cls(callback.body, ((b"Authorization", callback.authorization.encode()),))

    @property
    def headers(self) -> Mapping[str, str]:
        return {}

    @property
    def content_length(self) -> int:
        return len(self.body)

    @property
    def content(self) -> StreamReader:
        return EMPTY_PAYLOAD

    async def read(self) -> bytes:
        return self.body
