"""A courier carries deliveries of one channel in one direction until the other side has them or they are dead letters.

One lane is carried by one task at a time, lanes go side by side. The order within a lane, and that nobody else has it,
is the store's business; how to carry is the carrier's; whether to try again is policy's.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import structlog

from relay.delivery.attempt import Attempt, Carry, Later, MakeNote, report_unwritten
from relay.delivery.gate import Gate
from relay.delivery.policy import POISON_AFTER
from relay.delivery.side import Ask, Probe, Side, answers_always
from relay.errors import RelayError, Unavailable, place_of
from relay.model import Address, Bury, Delivered, Delivery, Direction, Result, Retry
from relay.monitoring.metrics import ChannelMetrics
from relay.store.claiming import Claimed
from relay.store.hurrying import Hurry
from relay.store.store import Store

log = structlog.get_logger()

#: Deliveries of a lane that are claimed together: a backlog costs less, and order is the same.
_RUN = 16
#: Seconds after which a lane goes back to the end of the line between two deliveries: places must become free.
_LONGEST = 1.0
#: Seconds after which a courier looks at the store even if nobody woke it.
_LOOK = 5.0
#: Seconds that deliveries in flight get to end when the relay stops.
_GRACE = 18.0
#: Seconds since its acceptance for which somebody is taken to wait for a delivery.
_FRESH = 10.0
#: Every so many places for a lane one goes to who has waited longest, however many fresh ones come.
_OLD = 4
#: Seconds after which places that are kept free are offered again.
_MOMENT = 0.1
_PACED = "it is not its turn yet"


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
        make_note: MakeNote | None = None,
        on_note: Callable[[], None] = lambda: None,
    ) -> None:
        self.channel = channel
        self.direction = direction
        self._store = store
        self._carry = carry
        self._metrics = metrics.of_courier(direction)
        self.side = Side(direction, probe, check_login, self.wake, on_state=self._metrics.seems_down, unix=now)
        self._limit = limit
        self._now = now
        self._make_note = make_note
        self._on_note = on_note
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._in_flight = 0  #: Lanes.
        self._set_off = 0  #: Lanes, ever.
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def gate(self) -> Gate:
        """What is known of the other side."""
        return self.side.gate

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    def hurry(self) -> None:
        """Somebody knows that the other side is well, or wants to see that it is not."""
        self.side.hurry()
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Carry what is due until `stop`; then let what is in flight end, up to 18 seconds.

        Only a bug of its own makes it raise (an ExceptionGroup): then the process ends, and nothing is lost.
        """
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(self._stop_at(stop), name=f"stop {self.direction}")
            watching = group.create_task(self.side.watch(), name=f"watch {self.direction}")
            await self._take_over()
            while not stop.is_set():
                self._wake.clear()
                next_due_at = await self._set_out(group)
                await self._rest(next_due_at)
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=_GRACE)
            for task in (stopping, watching, *self._tasks):
                task.cancel()

    async def carry_suspects(self, stop: asyncio.Event) -> None:
        """Carry, each alone, the deliveries with which processes have died: the one that kills must be found out.

        To be called before anything else runs.
        """
        while not stop.is_set():
            claimed = await self._store.claim(self.channel, self.direction, 1, suspects=True)
            if not claimed.lanes:
                return
            [run] = claimed.lanes
            log.warning("delivery.suspect", direction=self.direction, delivery=run[0].id, crashes=run[0].crashes)
            self._in_flight += 1
            await self._carry_run(run)

    async def _set_out(self, group: asyncio.TaskGroup) -> float | None:
        """Claim what is due and send a task out with each lane. Returns when more is due, if that is known."""
        now = time.monotonic()
        room = self.gate.room(self._limit - self._in_flight, now)
        if room <= 0:
            return None
        # Looked at before the claim: what ends while it runs has not been settled yet, and would seem to be nothing.
        is_trial, was_idle = not self.gate.is_open(now), not self._in_flight
        try:
            await self._tell_parked()
            fresh, old = self._shares(room)
            claimed = await self._store.claim(self.channel, self.direction, room, _RUN, fresh=fresh, old=old)
        except Unavailable:
            return self._now() + 1.0
        if is_trial:
            self._note_trial(claimed, was_idle=was_idle)
        self._set_off += len(claimed.lanes)
        for run in claimed.lanes:
            self._in_flight += 1
            task = group.create_task(self._carry_run(run), name=f"lane {run[0].lane_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
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
        if self.side.returned:
            self.side.returned = False
            await self._store.hurry(Hurry(self.channel, self.direction))

    async def _take_over(self) -> None:
        """What a past process parked knows nothing of how the other side is now: of Kit's 429 a trial finds out."""
        kit = self.direction == "to_kit"
        with suppress(Unavailable):
            if await self._store.hurry(Hurry(self.channel, self.direction, told_to_wait=kit)) and kit:
                self.gate.hesitate(time.monotonic())

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
        if (closed := self.gate.opens_at(now) - now) > 0:
            until = [min(_LOOK, closed)]
        alarm = asyncio.get_running_loop().call_later(max(0.0, min(until)), self._wake.set)
        await self._wake.wait()
        alarm.cancel()

    async def _carry_run(self, run: list[Delivery]) -> None:
        """Carry deliveries of one lane, one after the other, until one must wait or there are no more."""
        set_off = time.monotonic()
        unreachable, moved = run[0].unreachable, dict[Address | None, Address | None]()
        for claimed in run:
            started = time.monotonic()
            # The rest of the run was claimed before it was known that nobody is there, or is somewhere else.
            address = moved.get(claimed.address, claimed.address)
            delivery, result = await self._try(replace(claimed, unreachable=unreachable, address=address))
            moved[claimed.address] = delivery.address
            if isinstance(result, Bury) and result.unreachable:
                unreachable = result.reason
            took = time.monotonic() - started
            long = time.monotonic() - set_off > _LONGEST
            last = claimed is run[-1] or isinstance(result, Retry) or long or self._stopping.is_set()
            if last:
                # A claim comes after the settlements of its transaction: woken now, the courier shares the commit.
                self._in_flight -= 1
                self._wake.set()
            ours = await self._settle(delivery, result, last=last)
            if isinstance(result, Bury) and result.note is not None:
                self._on_note()
            self._report(delivery, result, took)
            if last:
                return
            if not ours:
                self._in_flight -= 1
                return

    async def _try(self, delivery: Delivery) -> tuple[Delivery, Result]:
        """What became of the delivery, and the delivery as it stands then: with its steps done, their attempts are."""
        if delivery.unreachable is not None:
            # One call and one note were enough; the next ones, if the customer writes again, may be made then.
            return delivery, Bury(delivery.unreachable, "unreachable")
        if delivery.crashes >= POISON_AFTER:
            reason = f"the relay died {delivery.crashes} times with this delivery in its hands"
            return delivery, self._with_note(delivery, Bury(reason, "bug"))
        attempt = Attempt(delivery, self._store, self._stopping, fresh=self._now() - delivery.accepted_at < _FRESH)
        result = await self._outcome(attempt)
        for lost in attempt.lost:
            self._metrics.buried(lost.why)
            self._on_note()
        return attempt.delivery, self._with_note(attempt.delivery, result) if isinstance(result, Bury) else result

    def _with_note(self, delivery: Delivery, bury: Bury) -> Bury:
        return bury if self._make_note is None else replace(bury, note=self._make_note(delivery, bury))

    async def _outcome(self, attempt: Attempt) -> Result:
        set_out = time.monotonic()
        try:
            done = await self._carry(attempt)
        except RelayError as error:
            return await self.side.failed(error, attempt.delivery, set_out)
        except Exception as error:  # noqa: BLE001 - one delivery's bug must not end everybody's process
            where = place_of(error)
            log.error(  # noqa: TRY400 - a traceback may hold a customer's words
                "delivery.bug", direction=self.direction, delivery=attempt.delivery.id, error=where
            )
            self.gate.gave_up(attempt.delivery.lane_id)
            return Bury(f"a bug in the relay: {where}", "bug")
        if isinstance(done, Later):
            return Retry(done.seconds, _PACED, free=True, paced=True)
        self.side.passed(attempt.delivery, set_out)
        return Delivered(attempt.said) if done else Retry(0.0, "interrupted between two steps", free=True)

    async def _settle(self, delivery: Delivery, result: Result, *, last: bool) -> bool:
        while True:
            try:
                ours = await self._store.settle(delivery, result, last=last)
            except Unavailable:
                await asyncio.sleep(1.0)  # done is done: it must not be carried again because the disk was full
                self._wake.set()
                continue
            except Exception as error:
                if result == (bare := _bare(result)):
                    raise
                report_unwritten(delivery, error)
                result = bare
                continue
            if not ours:
                log.warning("delivery.lease_lost", delivery=delivery.id, direction=self.direction)
            return ours

    def _report(self, delivery: Delivery, result: Result, took: float) -> None:
        outcome = {Delivered: "delivered", Retry: "retried", Bury: "dead"}[type(result)]
        fields: dict[str, object] = {}
        if isinstance(result, Retry):
            if result.paced:
                return  # once for each message of a long row: it says nothing
            fields = {"after": round(result.after, 1), "reason": result.reason}
        elif isinstance(result, Bury):
            fields = {"reason": result.reason}
            self._metrics.buried(result.why)
        else:
            self._metrics.delivered(self._now() - delivery.accepted_at)
        self._metrics.attempted(outcome, took)
        level = log.warning if isinstance(result, Bury) else log.info
        level(
            "delivery.attempted",
            direction=self.direction,
            delivery=delivery.id,
            client=delivery.client_id,
            attempt=delivery.attempts,
            outcome=outcome,
            took_ms=round(took * 1000, 1),
            **fields,
        )

    async def _stop_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stopping.set()
        self._wake.set()


def _bare(result: Result) -> Result:
    """The result without what others have said: that is all of it that a database may be unable to hold."""
    match result:
        case Delivered():
            return Delivered()
        case Bury():
            return replace(result, reason=_plain(result.reason), note=None)
        case Retry():
            return replace(result, reason=_plain(result.reason))


def _plain(reason: str) -> str:
    return reason.encode("ascii", "replace").decode()
