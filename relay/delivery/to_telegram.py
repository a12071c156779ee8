"""How a delivery reaches its chat in Telegram: what the couriers of that direction are given to do."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from pydantic import ValidationError

from relay.delivery.attempt import Attempt, Carry, Later, MakeNote
from relay.delivery.calls import Calls
from relay.delivery.chat_limits import Chats
from relay.delivery.pace import Pace
from relay.delivery.policy import LATE_PATIENCE, buries_step
from relay.delivery.turns import Part, Turns
from relay.errors import Down, NotAccepted, RelayError, SourceUnavailable, Throttled, Uncertain, cause_of
from relay.mapping.content.remembered import said_by_agent
from relay.mapping.event.events import KitContext
from relay.mapping.failure.undelivered import instead_of, note_of, note_of_file, note_of_late_file, note_of_wait
from relay.model import Address, Bury, Delivery, Late, Lost, Note, Retry
from relay.steps import Instead, MarkRead, SendAlbum, SendFile, SendText, Step, dump_steps, load_steps
from relay.telegram.albums import kept_waiting
from relay.telegram.api import ChatMoved

#: Messages to all chats together that leave at once after a rest.
_BURST: Final = 5
#: Seconds that a lane waits for its chat with its place among those in flight; for longer waits it gives it away.
_SOON: Final = 0.05
#: Steps at a time that fetch files and hold them on disk.
_FILES: Final = 16
#: Who finds all of those places taken comes back after half a second, and not more lanes a second than this.
_AGAIN: Final = 0.5
_AGAIN_RATE: Final = 40
_ALL: Final = 0
#: Seconds that Telegram makes a chat wait from which on the agent is told.
_LONG_WAIT: Final = 60.0

#: Does one step in a chat; the ids of the messages that came of it, or what is to be done instead. Raises RelayError.
#: Calls its last argument when what it has prepared leaves for Telegram.
DoStep = Callable[[Address, Step, Callable[[], None]], Awaitable[tuple[int, ...] | Instead]]
#: A harmless question that Telegram answers when it is there. Raises RelayError.
Probe = Callable[[], Awaitable[object]]


def to_telegram(  # noqa: PLR0913 - its whole world, said once where the channel is put together
    do_step: DoStep,
    probe: Probe,
    context: KitContext,
    calls: Calls,
    *,
    rate: float,
    chat_rate: float,
    part: Part = lambda _waiting: 1.0,
    now: Callable[[], float] = time.time,
) -> Carry:
    """Step by step, each one remembered before the next, at a pace (messages a second, 0 = any) that Telegram likes.

    A step that comes to nothing does not take the others along: it is buried by itself, and what can stand in for it
    is sent in its place.
    """
    carrier = _Carrier(do_step, context, Chats(chat_rate), Turns(rate, _BURST, calls, part), now)

    async def carry(attempt: Attempt) -> bool | Later:
        address = attempt.delivery.address
        if address is None:
            raise NotAccepted("the chat of this client is not known any more", why="chat_gone")
        if attempt.delivery.uncertain:
            with attempt.calling(on_its_way=False):
                await _make_sure(probe)
        return await carrier.carry(attempt, address)

    return carry


def name(delivery: Delivery) -> dict[str, object]:
    """By the event of Kit's that it comes from."""
    return {} if delivery.source_id is None else {"event_id": delivery.source_id}


def note_maker(context: KitContext, now: Callable[[], float] = time.time) -> MakeNote:
    """Makes the note about a whole delivery: of what is not done, if it is to be buried; or of a long wait."""

    def make(delivery: Delivery, result: Bury | Retry) -> Note | None:
        mark = f"{delivery.id}.{delivery.lease}"
        if isinstance(result, Retry):
            if not result.asked_for or result.after < _LONG_WAIT:
                return None
            until = datetime.fromtimestamp(now() + result.after, UTC)
            return note_of_wait(context, f"{mark}.wait", f"{until:%H:%M}")
        try:
            steps = load_steps(delivery.body)[delivery.steps_done :]
        except ValidationError:
            steps = []
        unreachable = result.unreachable or result.why == "unreachable"
        return note_of(context, mark, steps, result.why, result.reason, unreachable=unreachable)

    return make


@dataclass(frozen=True, slots=True)
class _Carrier:
    """Where the steps of one channel are done."""

    do_step: DoStep
    context: KitContext
    chats: Chats
    turns: Turns
    now: Callable[[], float]
    files: asyncio.Semaphore = field(default_factory=partial(asyncio.Semaphore, _FILES))
    again: Pace = field(default_factory=partial(Pace, _AGAIN_RATE, 1))

    async def carry(self, attempt: Attempt, address: Address) -> bool | Later:
        steps, moved = load_steps(attempt.delivery.body), False
        while not attempt.finished and attempt.delivery.steps_done < len(steps):
            try:
                sent = await self._do(attempt, address, steps[attempt.delivery.steps_done])
            except ChatMoved as error:
                if moved:
                    raise
                address, moved = await attempt.move(address, error.new_chat_id), True
                continue
            except Throttled as error:
                self.chats.park(address.chat_id, error.retry_after, time.monotonic())
                raise
            except RelayError as error:
                if not await self._lose(attempt, steps, error):
                    return False
                continue
            if isinstance(sent, Later):
                return sent
            if sent is None or not await self._note(attempt, steps, sent):
                return False
        return True

    async def _do(self, attempt: Attempt, address: Address, step: Step) -> tuple[int, ...] | Instead | Later | None:
        """Do a step when its turn comes. None: the relay is stopping."""
        if isinstance(step, SendFile) and step.late is not None and not attempt.delivery.is_late:
            why, reason = step.late
            raise SourceUnavailable(reason, why=why, retry_after=step.wait or 0.0)  # it is known already
        if isinstance(step, MarkRead):
            with attempt.calling():
                return await self.do_step(address, step, attempt.leave)  # no message, so no pace holds it up
        wait = self.chats.delay(address.chat_id, _messages(step), time.monotonic())
        if wait > _SOON:
            return Later(wait)
        if not isinstance(step, SendFile | SendAlbum):
            return await self._do_in_turn(attempt, address, step, wait)
        if self.files.locked():
            # Slow file servers must take neither all lanes nor the disk, and who waits for them takes nobody's turn.
            return Later(_AGAIN + self.again.reserve(_ALL, time.monotonic()))
        async with self.files:
            return await self._do_in_turn(attempt, address, step, wait, of_file=True)

    async def _do_in_turn(
        self, attempt: Attempt, address: Address, step: Step, wait: float, *, of_file: bool = False
    ) -> tuple[int, ...] | Instead | None:
        """Do a step so many seconds from now, when its turn comes. None: the relay is stopping."""
        with self.chats.next_in(address.chat_id):
            if not await attempt.pause(wait):
                return None
            urgent = attempt.fresh and not of_file
            if not await attempt.comes(self.turns.take(urgent_since=attempt.accepted_at if urgent else None)):
                return None
            self.chats.left(address.chat_id, _messages(step), time.monotonic())
        try:
            with attempt.calling(on_its_way=not of_file) as call:
                if not of_file:
                    self.turns.unanswered(call)
                return await self.do_step(address, step, attempt.leave)
        except OSError as error:
            raise SourceUnavailable(f"the file could not be read ({cause_of(error)})") from None

    async def _note(self, attempt: Attempt, steps: list[Step], sent: tuple[int, ...] | Instead) -> bool:
        """Remember what came of the step that was due. False: go no further."""
        done = attempt.delivery.steps_done
        if isinstance(sent, Instead):
            steps[done : done + 1] = sent.steps
            return await attempt.rewrite(dump_steps(steps))
        attempt.message_ids += sent
        attempt.said += said_by_agent(steps[done], sent, self.context.language)
        if done + 1 == len(steps):
            attempt.finish()
            return True
        return await attempt.confirm(done + 1)

    async def _let_go(self, attempt: Attempt, steps: list[Step], file: SendFile) -> bool:
        """Let a file go on by itself whose server keeps it waiting; first the words under it. False: no further."""
        done = attempt.delivery.steps_done
        if file.caption or file.reply_markup:
            words = SendText(file.caption or f"📎 {file.name}", file.reply_markup)
            steps[done : done + 1] = [words, replace(file, caption=None, reply_markup=None)]
            return await attempt.rewrite(dump_steps(steps))
        del steps[done]
        late = replace(file, reply_to=attempt.message_ids[-1] if attempt.message_ids else None)
        mark = f"{attempt.delivery.id}.{attempt.delivery.lease}.late{attempt.late}"
        note = note_of_late_file(self.context, mark, late, round(LATE_PATIENCE / 60))
        wait = min(file.wait or 0.0, LATE_PATIENCE)
        return await attempt.rewrite(dump_steps(steps), Late(dump_steps([late]), note, wait))

    async def _lose(self, attempt: Attempt, steps: list[Step], error: RelayError) -> bool:
        """Go on without the step that was due, if that is the end of it and something is left to do; else raise.

        False: go no further.
        """
        delivery, done = attempt.delivery, attempt.delivery.steps_done
        step = steps[done]
        if isinstance(error, SourceUnavailable) and isinstance(step, SendFile) and not delivery.is_late:
            return await self._let_go(attempt, steps, kept_waiting(step, error))
        bury = buries_step(error, delivery, self.now())
        if bury is None:
            raise error
        if isinstance(step, SendAlbum) and isinstance(error, NotAccepted):
            steps[done : done + 1] = _halves(step)  # one of them is to blame, and is found out
            return await attempt.rewrite(dump_steps(steps))
        instead, lost = instead_of(step, bury.why, delivery.language, file_is_public=error.file_is_public)
        if not instead and len(steps) == 1:
            raise error
        mark = f"{delivery.id}.{delivery.lease}.{len(attempt.lost)}"
        note = note_of(self.context, mark, [step], bury.why, bury.reason)
        if instead:
            note = note_of_file(
                self.context, mark, step, bury.why, bury.reason,
                has_words=any(map(_has_words, steps)), is_late=delivery.is_late,
            )  # fmt: skip
        steps[done : done + 1] = instead
        return await attempt.rewrite(dump_steps(steps), Lost(dump_steps([lost]), bury.reason, bury.why, note))


def _has_words(step: Step) -> bool:
    """Whether the agent's own words are in it."""
    match step:
        case SendText():
            return True
        case SendFile():
            return step.caption is not None
        case SendAlbum():
            return any(map(_has_words, step.items))
        case _:
            return False


def _halves(album: SendAlbum) -> tuple[SendAlbum | SendFile, ...]:
    """The album as two: what is not to blame stays together."""
    middle = (len(album.items) + 1) // 2
    parts = album.items[:middle], album.items[middle:]
    return tuple(SendAlbum(part) if len(part) > 1 else part[0] for part in parts)


def _messages(step: Step) -> int:
    """How many messages Telegram makes of it."""
    return len(step.items) if isinstance(step, SendAlbum) else 1


async def _make_sure(probe: Probe) -> None:
    """Raise Down unless Telegram answers: the one repeat of a call is not to be spent on an outage."""
    try:
        await probe()
    except Uncertain as error:
        raise Down(str(error)) from None
