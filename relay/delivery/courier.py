"""A courier carries deliveries of one channel in one direction until the other side has them or they are dead letters.

One lane is carried by one task at a time, lanes go side by side. The order within a lane, and that nobody else has it,
is the store's business; how to carry is the carrier's; whether to try again is policy's.
"""

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from relay.delivery.attempt import Attempt, Carry, Later, MakeNote, Name
from relay.delivery.calls import Calls
from relay.delivery.gate import Gate
from relay.delivery.policy import LONE_POISON_AFTER, POISON_AFTER
from relay.delivery.settler import Settler
from relay.delivery.side import Ask, Probe, Side, answers_always, cut_short
from relay.delivery.suspects import Suspects
from relay.errors import RelayError, StoreUnavailable, Unavailable, place_of
from relay.model import Address, Bury, Delivered, Delivery, Direction, Result, Retry
from relay.monitoring.log import FIELDS
from relay.monitoring.metrics import ChannelMetrics
from relay.store.claiming import Claimed
from relay.store.hurrying import Hurry
from relay.store.settling import Settled
from relay.store.store import Store

log = structlog.get_logger()

#: Deliveries of a lane that are claimed together: a backlog costs less, and order is the same.
_RUN = 16
#: Seconds after which a lane goes back to the end of the line between two deliveries: places must become free.
_LONGEST = 1.0
#: Seconds after which a courier looks at the store even if nobody woke it.
_LOOK = 5.0
#: Seconds that deliveries in flight get to end when the relay stops; and then to write down how the others stand.
GRACE = 18.0
LAST = 3.0
#: Every so many places for a lane one goes to who has waited longest, however many fresh ones come.
_OLD = 4
#: Seconds after which places that are kept free are offered again.
_MOMENT = 0.1
_PACED = "it is not its turn yet"


@dataclass(slots=True)
class _Carried:
    """The delivery that a task carries now, as the log names it.

    Connections that the task has opened keep its context for as long as they are open, and so they keep this: a
    customer's words are let go of.
    """

    name: Name
    delivery: Delivery | None = None

    def names(self) -> dict[str, object]:
        """Its names; none when nothing is carried any more."""
        return {} if self.delivery is None else self.name(self.delivery)


@dataclass(slots=True)
class _Run:
    """Deliveries of one lane on their way, one after the other, and what is known by now of all of them."""

    last: Delivery
    unreachable: str | None
    moved: dict[Address | None, Address | None] = field(default_factory=dict)
    set_off: float = field(default_factory=time.monotonic)

    def as_known(self, claimed: Delivery) -> Delivery:
        """A delivery of it with what was found out since it was claimed."""
        if not self.moved and self.unreachable == claimed.unreachable:
            return claimed
        address = self.moved.get(claimed.address, claimed.address)
        return replace(claimed, unreachable=self.unreachable, address=address)

    def note(self, claimed: Delivery, delivery: Delivery, result: Result) -> None:
        """Take note of what was found out with one: where the chat is now, and that nobody is there."""
        if delivery.address is not claimed.address:
            self.moved[claimed.address] = delivery.address
        if isinstance(result, Bury) and result.unreachable:
            self.unreachable = result.reason

    def ends_with(self, delivery: Delivery, result: Result) -> bool:
        """Whether the lane is let go of after this one."""
        return delivery is self.last or isinstance(result, Retry) or time.monotonic() - self.set_off > _LONGEST


class Courier:
    """See the module. `limit` is how many lanes are carried at the same time at most; `now` is the store's clock."""

    def __init__(  # noqa: PLR0913 - its whole world, said once where the relay is put together
        self,
        channel: str,
        direction: Direction,
        store: Store,
        carry: Carry,
        metrics: ChannelMetrics,
        *,
        limit: int = 256,
        now: Callable[[], float] = time.time,
        probe: Probe = answers_always,
        check_login: Ask | None = None,
        name: Name = lambda _: {},
        make_note: MakeNote | None = None,
        on_note: Callable[[], None] = lambda: None,
        calls: Calls | None = None,
        suspects: Suspects | None = None,
    ) -> None:
        self.channel = channel
        self.direction = direction
        self._store = store
        self._carry = carry
        self._metrics = metrics.of_courier(direction)
        self.side = Side(direction, probe, check_login, self.wake, on_state=self._metrics.seems_down, unix=now)
        self._limit = limit
        self._now = now
        self._name = name
        self._make_note = make_note
        self._on_note = on_note
        self._wake = asyncio.Event()
        self._settler = Settler(direction, store, self._metrics, now, self.wake)
        self._stopping = asyncio.Event()
        self._time_is_up = False
        self._lanes = 0  #: In flight.
        self._set_off = 0  #: Lanes, ever.
        self._tasks: set[asyncio.Task[None]] = set()
        self._group = asyncio.TaskGroup()
        self._aside: set[asyncio.Task[None]] = set()
        self._calls = calls or Calls()
        self._calls.tell_room(self.wake)
        self._calls.tell_innocent(self._acquit_soon)
        self._suspects = suspects or Suspects()
        self.looked_at = -math.inf  #: When it looked for work, on the monotonic clock.
        self._suspect_out: int | None = None  #: Its lane.
        self._ask_suspects_at = 0.0  #: On the monotonic clock.

    @property
    def _in_flight(self) -> int:
        """How many places are taken. Who hangs takes none."""
        return self._lanes - self._calls.slow

    @property
    def gate(self) -> Gate:
        """What is known of the other side."""
        return self.side.gate

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    def glance(self, seconds: float) -> None:
        """Something of another relay's may be due: look, unless it has just been looked, in so many seconds."""
        now = time.monotonic()
        if now >= self.looked_at + seconds:
            self.looked_at = now
            self._wake.set()

    def hurry(self) -> None:
        """Somebody knows that the other side is well, or wants to see that it is not."""
        self.side.hurry()
        self._wake.set()

    def attempt_seconds(self) -> float | None:
        """The seconds that 95 of 100 attempts of the last minute stayed under; None: there were none."""
        return self._settler.attempt_seconds()

    async def run(self, stop: asyncio.Event, *, grace: float = GRACE) -> None:
        """Carry what is due until `stop`; then let what is in flight end, up to `grace` seconds; let go of the rest.

        To be called once. Only a bug of its own makes it raise (an ExceptionGroup): then the process ends, and nothing
        is lost.
        """
        async with self._group as group:
            stopping = group.create_task(self._stop_at(stop), name=f"stop {self.direction}")
            watching = group.create_task(self.side.watch(), name=f"watch {self.direction}")
            await self._take_over()
            self._ask_suspects_at = time.monotonic() + self._suspects.head_start
            while not stop.is_set():
                self._wake.clear()
                next_due_at = await self._set_out()
                await self._let_out_suspect()
                await self._rest(next_due_at)
            await self._finish(grace)
            self._calls.close()
            for task in (stopping, watching, *self._aside, *self._tasks):
                task.cancel()

    async def _finish(self, grace: float) -> None:
        """Let what is in flight end; then write down of calls that are still out how they stand, and let them go."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        if self._tasks:
            self._time_is_up = True
            self._calls.cut()
            await asyncio.wait(self._tasks, timeout=LAST)

    async def _set_out(self) -> float | None:
        """Claim what is due and send a task out with each lane. Returns when more is due, if that is known."""
        self.looked_at = now = time.monotonic()
        room = self.gate.room(self._limit - self._in_flight, now)
        if room <= 0:
            return None
        # Looked at before the claim: what ends while it runs has not been settled yet, and would seem to be nothing.
        is_trial, was_idle = not self.gate.is_open(now), not self._lanes
        try:
            if self.side.returned:
                await self._tell_parked()
            fresh, old = self._shares(room)
            claimed = await self._store.claim(self.channel, self.direction, room, _RUN, fresh=fresh, old=old)
        except Unavailable:
            return self._now() + 1.0
        if is_trial:
            self._note_trial(claimed, was_idle=was_idle)
        self._set_off += len(claimed.lanes)
        for run in claimed.lanes:
            self._start(run)
        if claimed.next_due_at is not None and old < room:
            return max(claimed.next_due_at, self._now() + _MOMENT)  # some that are due are left for later
        return claimed.next_due_at

    def _note_trial(self, claimed: Claimed, *, was_idle: bool) -> None:
        """What set out may be the one that finds out how the other side is."""
        self.gate.tried(time.monotonic())
        if claimed.lanes or not was_idle:
            return
        if claimed.next_due_at is None:
            self.side.forget()
        else:
            self.side.returned = True  # nobody is due, and the next trial is to find somebody

    async def _tell_parked(self) -> None:
        """Let go those that wait by themselves for a side that is back."""
        self.side.returned = False
        await self._store.hurry(Hurry(self.channel, self.direction))

    async def _take_over(self) -> None:
        """What a past process parked knows nothing of how the other side is now: of Kit's 429 a trial finds out.

        What the relays beside this one have parked they know something of.
        """
        if self._store.others:
            return
        with suppress(Unavailable):
            await self._store.hurry(Hurry(self.channel, self.direction))
            if self.direction == "to_kit" and await self._store.hurry(
                Hurry(self.channel, self.direction, told_to_wait=True)
            ):
                self.gate.hesitate(time.monotonic())

    async def _let_out_suspect(self) -> None:
        """Let one lane out with which processes have died, beside the others and as the only one of its sort."""
        now = time.monotonic()
        if now < self._ask_suspects_at or self.gate.room(self._limit - self._in_flight, now) <= 0:
            return
        if self._stopping.is_set() or not self._suspects.take(self.wake):
            return
        claimed = Claimed([], None)
        with suppress(Unavailable):
            claimed = await self._store.claim(self.channel, self.direction, 1, suspects=True)
        if not claimed.lanes:
            self._suspects.give_back()
            due = _LOOK if claimed.next_due_at is None else claimed.next_due_at - self._now()
            self._ask_suspects_at = now + min(_LOOK, max(_MOMENT, due))
            return
        [run] = claimed.lanes
        log.warning("delivery.suspect", direction=self.direction, delivery=run[0].id, crashes=run[0].crashes)
        self._suspect_out = run[0].lane_id
        if not self.gate.is_open(now):
            self.gate.tried(now)
        self._start(run)

    def _suspect_is_back(self, lane_id: int) -> None:
        if self._suspect_out == lane_id:
            self._suspect_out = None
            self._suspects.give_back()
            self._wake.set()

    def _start(self, run: list[Delivery]) -> None:
        self._lanes += 1
        self._tasks.add(self._group.create_task(self._carry_run(run), name=f"lane {run[0].lane_id}"))

    def _acquit_soon(self, delivery: Delivery) -> None:
        """A call is out for so long that no process dies of it: that is to be on disk before its answer comes.

        And it may be the other side that hangs.
        """
        self.side.suspect("hangs")
        task = self._group.create_task(self._acquit(delivery), name=f"acquit {delivery.lane_id}")
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def _acquit(self, delivery: Delivery) -> None:
        # The task was made by whoever called first, or has just come back, and has that one's names.
        FIELDS.set(partial(self._name, delivery))
        log.info("delivery.slow", direction=self.direction, delivery=delivery.id, client=delivery.client_id)
        with suppress(Unavailable):
            await self._store.acquit(delivery)
            if delivery.is_suspect:
                log.info("delivery.innocent", direction=self.direction, delivery=delivery.id)
                self._suspect_is_back(delivery.lane_id)

    def _shares(self, room: int) -> tuple[int, int]:
        """How many of these places are for fresh lanes first, and how many an old backlog may take at most.

        It leaves some free: what is carried at a limited pace holds its place for seconds, and who comes meanwhile must
        find one. To be down is another matter: then any lane may probe.
        """
        for_old = (self._set_off + room) // _OLD - self._set_off // _OLD
        free = self._limit // _OLD if self.gate.is_open(time.monotonic()) else 0
        return room - for_old, max(room - free, for_old)

    async def _rest(self, next_due_at: float | None) -> None:
        """Wait until something may be due."""
        until = [_LOOK]
        if next_due_at is not None:
            until.append(next_due_at - self._now())
        now = time.monotonic()
        if (ask_suspects := self._ask_suspects_at - now) > 0:
            until.append(ask_suspects)  # else one is out, or there is no room: whoever changes that wakes us
        if (closed := self.gate.opens_at(now) - now) > 0:
            until = [min(_LOOK, closed)]
        alarm = asyncio.get_running_loop().call_later(max(0.0, min(until)), self._wake.set)
        await self._wake.wait()
        alarm.cancel()

    async def _carry_run(self, deliveries: list[Delivery]) -> None:
        """Carry deliveries of one lane, one after the other, until one must wait or there are no more."""
        run = _Run(deliveries[-1], deliveries[0].unreachable)
        carried = _Carried(self._name)
        FIELDS.set(carried.names)
        try:
            for claimed in deliveries:
                carried.delivery = claimed
                if not await self._carry_one(claimed, run):
                    return
        finally:
            carried.delivery = None
            self._tasks.discard(asyncio.current_task())
            self._suspect_is_back(run.last.lane_id)

    async def _carry_one(self, claimed: Delivery, run: _Run) -> bool:
        """Carry one delivery and settle it. False: the lane is let go of."""
        started = time.monotonic()
        # The rest of the run was claimed before it was known that nobody is there, or is somewhere else.
        delivery, result, sent = await self._try(run.as_known(claimed))
        run.note(claimed, delivery, result)
        took = time.monotonic() - started
        last = run.ends_with(claimed, result) or self._stopping.is_set()
        if last:
            self._let_go(result)
        settled = await self._settler.settle(delivery, result, last=last)
        if settled is not Settled.DONE:
            self._wake.set()  # something waits in the lane, or somebody else has freed it
        if not isinstance(result, Delivered) and result.note is not None:
            self._on_note()
        self._settler.report(delivery, result, took, sent)
        if not settled and not last:
            self._lanes -= 1
        return bool(settled) and not last

    def _let_go(self, result: Result) -> None:
        """A place is about to be free. Who looks for what is due then, shares the commit that settles this one.

        Where all went well and there was room before, there is nothing to be found unless the settlement says so.
        """
        has_room = self._in_flight < self._limit and self.gate.is_open(time.monotonic()) and not self.side.returned
        self._lanes -= 1
        if not (has_room and isinstance(result, Delivered)):
            self._wake.set()

    async def _try(self, delivery: Delivery) -> tuple[Delivery, Result, tuple[int, ...]]:
        """The delivery as it stands then, what became of it, and the numbers of the messages that it has sent.

        With its steps done, their attempts are.
        """
        if delivery.unreachable is not None:
            # One call was enough; whether another note is due, the note itself knows.
            return delivery, self._with_note(delivery, Bury(delivery.unreachable, "unreachable")), ()
        if delivery.crashes >= POISON_AFTER and await self._is_poison(delivery):
            reason = f"the relay died {delivery.crashes} times with this delivery in its hands"
            return delivery, self._with_note(delivery, Bury(reason, "bug")), ()
        age = self._now() - delivery.accepted_at
        attempt = Attempt(delivery, self._store, self._stopping, self._calls, age=age)
        result = await self._outcome(attempt)
        if attempt.late:
            self._on_note()
            self._wake.set()
        for lost in attempt.lost:
            self._metrics.buried(lost.why)
            self._on_note()
        if not isinstance(result, Delivered):
            result = self._with_note(attempt.delivery, result)
        return attempt.delivery, result, attempt.message_ids

    async def _is_poison(self, delivery: Delivery) -> bool:
        """Whether the relay has died of it often enough, while the other side took what others sent."""
        return delivery.crashes >= LONE_POISON_AFTER or await self._store.others_passed(delivery)

    def _with_note(self, delivery: Delivery, result: Bury | Retry) -> Bury | Retry:
        return result if self._make_note is None else replace(result, note=self._make_note(delivery, result))

    async def _outcome(self, attempt: Attempt) -> Result:
        try:
            done = await self._carry(attempt)
        except StoreUnavailable as error:
            return Retry(1.0, str(error), free=True)
        except RelayError as error:
            return await self.side.failed(error, attempt.delivery, attempt.set_out_at)
        except asyncio.CancelledError:
            if not self._time_is_up:
                raise
            return cut_short(attempt.delivery, on_its_way=attempt.on_its_way)
        except Exception as error:  # noqa: BLE001 - one delivery's bug must not end everybody's process
            where = place_of(error)
            log.error(  # noqa: TRY400 - a traceback may hold a customer's words
                "delivery.bug", direction=self.direction, delivery=attempt.delivery.id, error=where
            )
            self.gate.gave_up(attempt.delivery.lane_id)
            return Bury(f"a bug in the relay: {where}", "bug")
        if isinstance(done, Later):
            return Retry(done.seconds, _PACED, free=True, paced=True)
        self.side.passed(attempt.delivery, attempt.set_out_at)
        return Delivered(attempt.said) if done else Retry(0.0, "interrupted between two steps", free=True)

    async def _stop_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stopping.set()
        self._wake.set()
