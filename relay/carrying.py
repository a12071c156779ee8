"""How a delivery reaches the other side: what the couriers are given to do."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Final

from relay.courier import Attempt, Carry
from relay.errors import Busy, Down, NotAccepted, SourceUnavailable, Uncertain
from relay.kit.client import KitClient
from relay.mapping.said import said_by_agent
from relay.model import Address
from relay.policy import Pace
from relay.steps import SendAlbum, SendFile, Step, dump_steps, load_steps
from relay.telegram.albums import Instead
from relay.words.catalogue import ENGLISH

#: Telegram lets short bursts pass. https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
_CHAT_BURST: Final = 3
_BURST: Final = 5
_ALL_CHATS: Final = 0
#: Steps at a time that fetch files and hold them on disk.
_FILES: Final = 16

#: Does one step in a chat; the ids of the messages that came of it, or what is to be done instead. Raises RelayError.
DoStep = Callable[[Address, Step], Awaitable[tuple[int, ...] | Instead]]
#: A harmless question that Telegram answers when it is there. Raises RelayError.
Probe = Callable[[], Awaitable[object]]


def to_kit(kit: KitClient) -> Carry:
    """One event, one request. Kit knows a repeated event by its id."""

    async def carry(attempt: Attempt) -> bool:
        await kit.send(attempt.delivery.body)
        return True

    return carry


def to_telegram(do_step: DoStep, probe: Probe, *, rate: float, chat_rate: float, language: str = ENGLISH) -> Carry:
    """Step by step, each one remembered before the next, at a pace (messages a second, 0 = any) that Telegram likes.

    `language` is the agents': that of what is remembered for them.
    """
    pace, chat_pace = Pace(rate, _BURST), Pace(chat_rate, _CHAT_BURST)
    files = asyncio.Semaphore(_FILES)

    async def do(attempt: Attempt, address: Address, step: Step) -> tuple[int, ...] | Instead | None:
        """Do a step when its turn comes. None: the relay is stopping."""
        of_file = isinstance(step, SendFile | SendAlbum)
        if of_file and files.locked():
            # Slow file servers must not take all lanes, nor the disk; and who waits here takes nobody's turn.
            raise Busy("too many files are in transit")
        now = time.monotonic()
        wait = max(chat_pace.reserve(address.chat_id, now), pace.reserve(_ALL_CHATS, now))
        if not await attempt.pause(wait):
            return None
        async with files if of_file else nullcontext():
            return await _do(do_step, address, step)

    async def carry(attempt: Attempt) -> bool:
        address = attempt.delivery.address
        if address is None:
            raise NotAccepted("the chat of this client is not known any more")
        if attempt.delivery.uncertain:
            await _make_sure(probe)
        steps = load_steps(attempt.delivery.body)
        while attempt.delivery.steps_done < len(steps):
            sent = await do(attempt, address, steps[attempt.delivery.steps_done])
            if sent is None or not await _note(attempt, steps, sent, language):
                return False
        return True

    return carry


async def _note(attempt: Attempt, steps: list[Step], sent: tuple[int, ...] | Instead, language: str) -> bool:
    """Remember what came of the step that was due. False: go no further."""
    done = attempt.delivery.steps_done
    if isinstance(sent, Instead):
        steps[done : done + 1] = sent.steps
        return await attempt.rewrite(dump_steps(steps))
    attempt.said += said_by_agent(steps[done], sent, language)
    if done + 1 == len(steps):
        attempt.finish()
        return True
    return await attempt.confirm(done + 1)


async def _do(do_step: DoStep, address: Address, step: Step) -> tuple[int, ...] | Instead:
    try:
        return await do_step(address, step)
    except OSError as error:
        raise SourceUnavailable(f"the file could not be read ({type(error).__name__})") from None


async def _make_sure(probe: Probe) -> None:
    """Raise Down unless Telegram answers: the one repeat of a call is not to be spent on an outage."""
    try:
        await probe()
    except Uncertain as error:
        raise Down(str(error)) from None
