"""Group commit: whatever waits is committed together and acknowledged together.

A commit costs about as much for a hundred rows as for one. Which database it is, is the engine's matter: this room asks
it for a transaction, and for the meaning of its errors.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any, Protocol, TypeVar

from relay.errors import StoreAway, StoreFull, StoreLost, StoreUnavailable
from relay.store.engine.connection import Connection

Item = TypeVar("Item")
Result = TypeVar("Result")
#: A verb does one thing to many items within a transaction that it does not end. `now` is Unix time in seconds.
Verb = Callable[[Connection, float, Sequence[Item]], Sequence[Result]]

#: Items that one transaction takes at most, so that nobody waits long behind a flood.
_BATCH = 1000
#: Seconds for which a failure to commit stands; who must commit tries again sooner.
_STANDS = 60.0


class Engine(Protocol):
    """What a database must do for group commit."""

    async def transaction(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction, off the event loop, and commit it. Raises what the driver raises."""

    async def glance(self, look: Callable[[Connection], Result]) -> Result:
        """Run a statement that changes nothing and is relied on by nobody, as cheaply as can be. Raises as above."""

    def translated(self, error: Exception) -> Exception:
        """What an error of a transaction means to who asked for it."""

    async def remove_bytes(self) -> None:
        """Let no bytes of deleted rows stay in the files. Raises what the driver raises."""

    async def takes_more(self) -> bool:
        """Whether there is room for new things."""

    async def make_room(self) -> bool:
        """Give up what is kept for the worst. Returns whether there was anything."""


@dataclass(slots=True)
class _Job:
    verb: Verb[Any, Any]
    item: object
    late: bool
    grows: bool
    done: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def resolve(self, result: object) -> None:
        if not self.done.done():
            self.done.set_result(result)

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    verb: Verb[Any, Any]
    at: float  #: On the monotonic clock.
    is_everybodys: bool  #: Whatever else is committed shows that it is over.

    def ends_with(self, verb: Verb[Any, Any]) -> bool:
        """Whether a commit of this verb shows that it is over."""
        return self.is_everybodys or verb == self.verb


class Database:
    """Runs verbs in transactions. Use `committing`."""

    def __init__(self, engine: Engine, now: Callable[[], float]) -> None:
        self._engine = engine
        self._now = now
        self._waiting: list[_Job] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._reported: str | None = None
        self._failure: _Failure | None = None
        self._lost: asyncio.Future[StoreLost] = asyncio.get_running_loop().create_future()

    async def run(
        self, verb: Verb[Item, Result], item: Item, *, late: bool = False, grows: bool = False, patience: float = 0.0
    ) -> Result:
        """Run `verb` for `item`, together with whatever else waits. Returns after the commit.

        A `late` verb comes after the others of its transaction, so that it sees what was asked for before it. One that
        `grows` takes something new in: on a full disk it is refused, so that what is done can be written down.
        One with `patience` waits so many seconds for the commit of another one to share.
        Raises StoreUnavailable when the database cannot commit; then nothing of `item` has happened.
        """
        if self._lost.done():
            raise self._lost.result()
        job = _Job(verb, item, late, grows)
        self._waiting.append(job)
        if patience:
            asyncio.get_running_loop().call_later(patience, self._wake.set)
        else:
            self._wake.set()
        result: Result = await job.done
        return result

    async def commit_forever(self) -> None:
        """Take what waits, commit it, answer; until `close`, and then until nothing waits."""
        while True:
            await self._wake.wait()
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            if not self._waiting:
                self._wake.clear()
            if batch:
                await self._commit(batch)
            if self._waiting or self._closing:
                await asyncio.sleep(0)  # who has just been answered and asks for more shares the next transaction
            if self._closing:
                if not self._waiting:
                    return
                self._wake.set()

    @property
    def failure(self) -> str | None:
        """Why nothing can be stored, in the engine's words; None if something can, as far as is known.

        A failure stands for a minute, or until what failed succeeds: on a full disk something small may still fit.
        """
        failure = self._failure
        return failure.reason if failure is not None and time.monotonic() - failure.at < _STANDS else self._reported

    async def lost(self) -> StoreLost:
        """Wait until nothing can be stored any more by this process; why."""
        return await asyncio.shield(self._lost)

    def give_up(self, error: StoreLost) -> None:
        """Store nothing any more, and tell who waits for it."""
        self._lose(self._waiting, error)

    def report(self, reason: str) -> None:
        """Say that the database is not well, until the process ends."""
        self._reported = reason

    async def glance(self, look: Callable[[Connection], Result]) -> Result:
        """Run a statement that changes nothing, beside all transactions; only a hint. Raises StoreUnavailable."""
        try:
            return await self._engine.glance(look)
        except Exception as error:  # noqa: BLE001 - the engine knows what it means
            raise self._engine.translated(error) from None

    async def remove_bytes(self) -> None:
        """Let no bytes of deleted rows stay in the files. Raises StoreUnavailable when that cannot be done now."""
        try:
            await self._engine.remove_bytes()
        except Exception as error:  # noqa: BLE001 - the engine knows what it means
            raise self._engine.translated(error) from None

    def close(self) -> None:
        """Let `commit_forever` end once nothing waits."""
        self._closing = True
        self._wake.set()

    async def _commit(self, batch: list[_Job]) -> None:
        if any(job.grows for job in batch) and not await self._engine.takes_more():
            batch = self._refuse(batch, StoreFull("the disk is full"))
        if batch:
            await self._commit_all(batch)

    def _refuse(self, batch: list[_Job], error: StoreFull) -> list[_Job]:
        """Refuse what would take something new in; the rest."""
        for job in batch:
            if job.grows:
                self._fail(job, error)
        return [job for job in batch if not job.grows]

    async def _commit_all(self, batch: list[_Job]) -> None:
        try:
            done = await self._engine.transaction(partial(_run_verbs, now=self._now(), batch=batch))
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait
            meant = self._engine.translated(error)
            if isinstance(meant, StoreFull):
                await self._commit_what_is_done(batch, meant)
                return
            if isinstance(meant, StoreLost):
                self._lose([*batch, *self._waiting], meant)
                return
            if len(batch) == 1 or isinstance(meant, StoreAway):
                for job in batch:
                    self._fail(job, meant)
                return
            # One bad item must not take its neighbours along: each gets a transaction of its own.
            for job in batch:
                await self._commit_all([job])
            return
        for job, result in done:
            job.resolve(result)
        if self._failure is not None and any(self._failure.ends_with(job.verb) for job in batch):
            self._failure = None

    async def _commit_what_is_done(self, batch: list[_Job], error: StoreFull) -> None:
        """On a full disk: refuse what is new, and give up the reserve for the rest if it does not fit otherwise."""
        done = self._refuse(batch, error)
        if not done:
            return
        if len(done) < len(batch) or await self._engine.make_room():
            await self._commit_all(done)
            return
        for job in done:
            self._fail(job, error)

    def _lose(self, jobs: list[_Job], error: StoreLost) -> None:
        self._waiting = []
        if not self._lost.done():
            self._lost.set_result(error)
        for job in jobs:
            self._fail(job, error)

    def _fail(self, job: _Job, error: Exception) -> None:
        if isinstance(error, StoreUnavailable):
            self._failure = _Failure(str(error), job.verb, time.monotonic(), isinstance(error, StoreAway))
        job.fail(error)


@asynccontextmanager
async def committing(engine: Engine, now: Callable[[], float]) -> AsyncIterator[Database]:
    """Commit on this engine until the end of the block, and then what still waits. `now` is Unix time in seconds."""
    database = Database(engine, now)
    task = asyncio.create_task(database.commit_forever(), name="database")
    try:
        yield database
    finally:
        database.close()
        await task


def _run_verbs(connection: Connection, now: float, batch: list[_Job]) -> list[tuple[_Job, object]]:
    """Call each verb once with all its items, in the order in which the verbs were first asked for; late ones last."""
    connection.late = [job.item for job in batch if job.late]
    by_verb: dict[Verb[Any, Any], list[_Job]] = {}
    for job in sorted(batch, key=attrgetter("late")):
        by_verb.setdefault(job.verb, []).append(job)
    done: list[tuple[_Job, object]] = []
    for verb, jobs in by_verb.items():
        done += zip(jobs, verb(connection, now, [job.item for job in jobs]), strict=True)
    return done
