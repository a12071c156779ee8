"""A simulated process: the relay's own parts, put together as `relay/channel.py` does, between adapters of a world."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol, cast

import orjson

from relay.delivery import to_kit, to_telegram
from relay.delivery.calls import Calls
from relay.delivery.courier import Courier
from relay.delivery.suspects import Suspects
from relay.errors import Unavailable
from relay.intake.reading import event_id_of, read_event, read_update
from relay.kit.callbacks import ChannelTest
from relay.kit.callbacks import read_event as read_callback
from relay.mapping.event.events import KitContext
from relay.mapping.to_telegram.events import TelegramContext
from relay.model import Address, Direction, Letter
from relay.monitoring.metrics import Metrics
from relay.sandbox.kit.callbacks import Callback
from relay.steps import Step
from relay.store.accepting import Arrival
from relay.store.engine.commit import committing
from relay.store.store import Store
from tests.simulation.engine import Disk, SimulatedEngine

CHANNEL: Final = "123456789"
_METRICS: Final = Metrics().of_channel(CHANNEL)
_POLL: Final = 5.0  #: Seconds that a poll waits for the first update.


class Outside(Protocol):
    """What the relay asks of both sides. Each raises relay.errors, and nothing of a dead process has an effect."""

    async def updates(self, offset: int, seconds: float) -> list[dict[str, Any]]: ...
    async def event(self, body: str) -> None: ...
    async def step(self, address: Address, step: Step) -> tuple[int, ...]: ...
    async def asked(self, side: Direction) -> None: ...


class Process:
    """One life of a relay."""

    def __init__(self, disk: Disk, outside: Outside, secrets: tuple[str, str], now: Callable[[], float]) -> None:
        self.engine = SimulatedEngine(disk)
        self._outside, self._secrets, self._now = outside, secrets, now
        self._store: Store | None = None
        self._couriers: dict[Direction, Courier] = {}
        numbers = iter(range(10**9))
        self._kit = KitContext(CHANNEL, "https://relay.example", lambda: f"{disk.dice.getrandbits(60)}.{next(numbers)}")
        self._telegram = TelegramContext(CHANNEL)
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
        if self._store is None or self.engine.dead or self._task.done():
            return False
        salt, token = self._secrets
        event = read_callback(callback.authorization.encode(), callback.body, salt=salt, token=token)
        assert not isinstance(event, ChannelTest)
        letter = Letter(CHANNEL, "kit", event_id_of(event), callback.body.decode())
        reading = read_event(event, self._kit, self._telegram)
        try:
            await self._store.accept(Arrival(((letter, reading),), CHANNEL))
        except Unavailable:
            return False
        self._wake()
        return not self.engine.dead

    async def _live(self) -> None:
        async with committing(self.engine, self._now) as database:
            store = Store(database, self._now)
            while True:
                with suppress(Unavailable):
                    await store.release_all()
                    break
                await asyncio.sleep(1.0)
            self._put_together(store)
            self._store = store
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                for courier in self._couriers.values():
                    tasks.create_task(courier.run(stop))
                tasks.create_task(self._poll(store))

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
                on_note=self._wake,
            ),
            "to_telegram": courier(
                "to_telegram",
                carry=to_telegram.to_telegram(
                    self._step, partial(self._outside.asked, "to_telegram"), self._kit, calls, rate=30.0, chat_rate=1.0
                ),
                probe=lambda _: self._outside.asked("to_telegram"),
                calls=calls,
                make_note=to_telegram.note_maker(self._kit),
                on_note=self._wake,
            ),
        }
        loop = asyncio.get_running_loop()
        for each in self._couriers.values():
            each.side.now = loop.time

    async def _step(self, address: Address, step: Step, _leave: Callable[[], None]) -> tuple[int, ...]:
        return await self._outside.step(address, step)

    async def _poll(self, store: Store) -> None:
        """As the poller does: only after the commit the higher offset."""
        while True:
            try:
                offset = await store.next_update_id(CHANNEL)
                while True:
                    batch = await self._outside.updates(offset, _POLL)
                    if batch:
                        offset = max(update["update_id"] for update in batch) + 1
                        await self._accept(store, batch, offset)
            except Unavailable:
                await asyncio.sleep(1.0)

    async def _accept(self, store: Store, batch: list[dict[str, Any]], offset: int) -> None:
        letters = tuple(
            (
                Letter(CHANNEL, "telegram", str(raw["update_id"]), orjson.dumps(raw).decode()),
                read_update(raw, self._kit),
            )
            for raw in batch
        )
        await store.accept(Arrival(letters, CHANNEL, offset))
        self._wake()

    def _wake(self) -> None:
        for courier in self._couriers.values():
            courier.wake()


class _Kit:
    """As much of a client of Kit's as carries events."""

    def __init__(self, outside: Outside) -> None:
        self.send: Callable[[str], Awaitable[None]] = outside.event
