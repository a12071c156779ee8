"""One attempt at a delivery: what its carrier knows of it and may do to it. Each step is on disk before the next."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from relay.delivery.calls import Call, Calls
from relay.errors import StoreUnavailable, Unavailable, place_of
from relay.model import Address, Bury, Delivery, Late, Lost, Note, Retry, Said
from relay.store.store import Store

log = structlog.get_logger()


#: Seconds since its acceptance for which somebody is taken to wait for a delivery.
FRESH: Final = 10.0


class Attempt:
    """What a carrier may do to a delivery besides carrying it."""

    def __init__(self, delivery: Delivery, store: Store, stopping: asyncio.Event, calls: Calls, *, age: float) -> None:
        self.delivery = delivery  #: As it stands now: a confirmed step begins anew, without attempts and doubts.
        self.fresh = age < FRESH  #: Somebody waits for it: it was accepted a moment ago.
        self.accepted_at = asyncio.get_running_loop().time() - age  #: On the loop's clock.
        self.said: tuple[Said, ...] = ()  #: What was said and is not remembered yet: written with the next progress.
        self.message_ids: tuple[int, ...] = ()  #: Of what it has sent, where the other side numbers that.
        self.finished = False  #: All steps are done.
        self.late = 0  #: How many parts of it go on by themselves.
        self.lost: list[Lost] = []  #: What of it got no further, and is buried by itself.
        self.set_out_at = time.monotonic()  #: The last call.
        self._call: Call | None = None  #: The last one.
        self._has_left = False  #: It may have its effect.
        self._store = store
        self._stopping = stopping
        self._calls = calls

    def calling(self, *, on_its_way: bool = True) -> Call:
        """The other side is called until the block ends; `on_its_way`: from the beginning it may have its effect there.

        Raises StoreUnavailable when another relay may have taken this one for dead, and go on with what it has in its
        hands.
        """
        if not self._store.holds(self.delivery):
            raise StoreUnavailable("the database was not reached for so long that another relay may have this one")
        self.set_out_at, self._has_left = time.monotonic(), on_its_way
        self._call = self._calls.out(self.delivery)
        return self._call

    def leave(self) -> None:
        """What was prepared is on its way now."""
        self._has_left = True

    @property
    def on_its_way(self) -> bool:
        """Whether the other side may have the last call, and has not answered it."""
        return self._has_left and self._call is not None and not self._call.answered

    @property
    def _acquitted(self) -> bool:
        """Whether the last call was out for so long that it is written down as innocent."""
        return self._call is not None and self._call.innocent

    async def confirm(self, steps_done: int) -> bool:
        """Remember that so many steps are done. False: go no further, the rest is for a later attempt."""
        while True:
            try:
                ours = await self._store.note_progress(self.delivery, steps_done, self.said, acquitted=self._acquitted)
            except Unavailable:
                await asyncio.sleep(1.0)  # what is done must be written down before the next step
                continue
            except Exception as error:
                if not self.said:
                    raise
                report_unwritten(self.delivery, error)
                self.said = ()  # the step is done, and must not be done again for its words' sake
                continue
            self.delivery = replace(self.delivery, steps_done=steps_done, attempts=1, uncertain=0, failing_since=None)
            self.said = ()
            return ours and not self._stopping.is_set()

    def finish(self) -> None:
        """All steps are done. To settle the delivery will write it down."""
        self.finished = True

    async def rewrite(self, body: str, left: Lost | Late | None = None) -> bool:
        """Remember that the steps still due are others now, and what has `left` it of those before.

        The steps that are done stand in front of them as before. False: go no further.
        """
        while True:
            try:
                ours = await self._store.rewrite(self.delivery, body, left)
            except Unavailable:
                await asyncio.sleep(1.0)
                continue
            self.delivery = replace(self.delivery, body=body, attempts=1, uncertain=0, failing_since=None)
            self.lost += [left] if isinstance(left, Lost) and ours else []
            self.late += isinstance(left, Late) and ours
            return ours and not self._stopping.is_set()

    async def move(self, address: Address, new_chat_id: int) -> Address:
        """Remember that the chat has another id now. Returns where the delivery goes. Raises Unavailable."""
        await self._store.move(self.delivery.channel, address.chat_id, new_chat_id)
        self.delivery = replace(self.delivery, address=replace(address, chat_id=new_chat_id))
        return replace(address, chat_id=new_chat_id)

    async def pause(self, seconds: float) -> bool:
        """Wait. False: the relay is stopping, go no further."""
        if seconds > 0:
            try:
                await asyncio.wait_for(self._stopping.wait(), seconds)
            except TimeoutError:
                return True
        return not self._stopping.is_set()

    async def comes(self, turn: asyncio.Future[None]) -> bool:
        """Wait for a turn. False: the relay is stopping, go no further."""
        if not turn.done():
            stopping = asyncio.create_task(self._stopping.wait())
            either: set[asyncio.Future[Any]] = {turn, stopping}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopping.cancel()
        return not (turn.cancel() or self._stopping.is_set())


@dataclass(frozen=True, slots=True)
class Later:
    """Not its turn yet. The lane is let go of meanwhile: it holds up nobody else, and the attempt does not count."""

    seconds: float


#: Carries one delivery. True: the other side has it. False: unfinished, go on later. Raises RelayError.
Carry = Callable[[Attempt], Awaitable[bool | Later]]
#: What the two sides call a delivery, for the lines of the log about it.
Name = Callable[[Delivery], dict[str, object]]
#: The note about a delivery that is to be buried, or that must wait; None: nothing is to be told.
MakeNote = Callable[[Delivery, Bury | Retry], Note | None]


def report_unwritten(delivery: Delivery, error: Exception) -> None:
    """Say that a part of what is to be remembered cannot be, and is left out: what is done stays done."""
    log.error("delivery.unwritten", delivery=delivery.id, direction=delivery.direction, error=place_of(error))
