import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from telegram import Bot
from telegram.constants import UpdateType

from relay.errors import Throttled, Unavailable
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.telegram import polling
from relay.telegram.api import PolledElsewhere, TokenRefused
from relay.telegram.polling import ALLOWED_UPDATES, NOT_ASKED, Poller


class Ledger:
    """A store with one offset, which can be told to fail."""

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset
        self.accepted: list[dict[str, Any]] = []
        self.failures = 0
        self.fails_after_commit = False
        self.hold: asyncio.Event | None = None
        self.tries = 0

    async def read(self) -> int:
        return self.offset

    async def accept(self, updates: list[dict[str, Any]]) -> None:
        self.tries += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.failures and not self.fails_after_commit:
            self.failures -= 1
            raise Unavailable("the disk is full")
        self.accepted += updates
        self.offset = max(update["update_id"] for update in updates) + 1
        if self.failures:
            self.failures -= 1
            raise Unavailable("the connection broke after the commit")

    def texts(self) -> list[str]:
        return [update["message"]["text"] for update in self.accepted]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@asynccontextmanager
async def running(
    bot: Bot,
    ledger: Ledger,
    *,
    poll_timeout: int = 30,
    dice: float = -0.5,
    on_failure: Callable[[], None] = lambda: None,
) -> AsyncIterator[tuple[Poller, asyncio.Event]]:
    """A running poller, whose failures are tried again at once unless `dice` says otherwise."""
    poller = Poller(
        bot,
        offset=ledger.read,
        accept=ledger.accept,
        on_failure=on_failure,
        poll_timeout=poll_timeout,
        dice=lambda: dice,
    )
    stop = asyncio.Event()
    task = asyncio.create_task(poller.run(stop))
    try:
        yield poller, stop
    finally:
        stop.set()
        async with asyncio.timeout(5):
            await task


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def test_updates_are_given_away_in_order_and_confirmed(
    telegram: TelegramLookAlike, bot: Bot, ledger: Ledger
) -> None:
    """Everything arrives once, in order, across batches, and Telegram's queue is empty afterwards."""
    telegram.backlog(250, 5)
    async with running(bot, ledger) as (poller, _):
        await telegram.wait_for(lambda: telegram.updates.confirmed == 250 and telegram.updates.is_polled)
        telegram.customer().writes("live")
        await until(lambda: len(ledger.accepted) == 251)
        state = poller.state()
    ids = [update["update_id"] for update in ledger.accepted]
    assert ids == sorted(set(ids))
    assert state.error is None
    assert state.last_success is not None
    assert time.monotonic() - state.last_success < 5


async def test_nothing_is_confirmed_before_it_is_accepted(
    telegram: TelegramLookAlike, bot: Bot, ledger: Ledger
) -> None:
    """While the commit hangs, Telegram keeps the update and is not asked for more; a stop waits for the commit."""
    ledger.hold = asyncio.Event()
    telegram.customer().writes("precious")
    async with running(bot, ledger) as (_, stop):
        await until(lambda: ledger.tries == 1)
        assert telegram.updates.confirmed == 0
        assert telegram.updates.polls == 1
        stop.set()
        await asyncio.sleep(0)
        ledger.hold.set()
    assert ledger.texts() == ["precious"]
    assert telegram.updates.confirmed == 0


async def test_a_failing_store_raises_no_offset(telegram: TelegramLookAlike, bot: Bot, ledger: Ledger) -> None:
    """An update that could not be committed is fetched again until it could; the state says why."""
    ledger.failures = 3
    telegram.customer().writes("precious")
    async with running(bot, ledger, dice=-0.48) as (poller, _):
        await until(lambda: ledger.tries == 2)
        await until(lambda: poller.state().error == "the disk is full")
        assert telegram.updates.confirmed == 0
        await telegram.wait_for(lambda: telegram.updates.confirmed == 1)
        await until(lambda: poller.state().error is None or telegram.updates.is_polled)
    assert ledger.texts() == ["precious"]


async def test_a_commit_that_looked_like_a_failure_is_not_repeated(
    telegram: TelegramLookAlike, bot: Bot, ledger: Ledger
) -> None:
    """After a failure the store is asked for the offset: it may have committed after all."""
    ledger.failures, ledger.fails_after_commit = 1, True
    telegram.customer().writes("once")
    async with running(bot, ledger):
        await telegram.wait_for(lambda: telegram.updates.confirmed == 1)
    assert ledger.texts() == ["once"]


async def test_a_restart_goes_on_at_the_stored_offset(telegram: TelegramLookAlike, bot: Bot, ledger: Ledger) -> None:
    """What was accepted but not yet confirmed is not given away again."""
    customer = telegram.customer()
    first = customer.writes("accepted before the crash")
    ledger.offset = first["update_id"] + 1
    customer.writes("new")
    async with running(bot, ledger):
        await until(lambda: ledger.accepted)
    assert ledger.texts() == ["new"]


async def test_ids_may_begin_anew_lower(telegram: TelegramLookAlike, bot: Bot, ledger: Ledger) -> None:
    """After a week of silence Telegram may go on at a lower id: the offset follows it down."""
    ledger.offset = 900_000_000
    telegram.customer().writes("after the silence")
    async with running(bot, ledger):
        await telegram.wait_for(lambda: telegram.updates.confirmed == 1)
    assert ledger.texts() == ["after the silence"]
    assert ledger.offset < 900_000_000


async def test_a_crippled_update_does_not_stop_its_neighbours(
    telegram: TelegramLookAlike, bot: Bot, ledger: Ledger
) -> None:
    """Updates without an integer id are passed over; what PTB could not parse is given away like any other."""
    good = [{"update_id": 7, "message": {"text": "no date"}}, {"update_id": 9, "message": {"text": "last"}}]
    bad: list[Any] = [{"update_id": "8"}, {}, None, {"update_id": True}, {"update_id": 1.5}]
    telegram.faults.answer_next(200, payload={"ok": True, "result": [good[0], *bad, good[1]]}, on="getUpdates")
    async with running(bot, ledger):
        await until(lambda: len(ledger.accepted) == 2)
    assert ledger.texts() == ["no date", "last"]
    assert ledger.offset == 10


@pytest.mark.parametrize("result", [[{}], [None, {"update_id": "x"}], "updates", {"update_id": 1}, 5])
async def test_a_batch_without_any_id_is_an_error_not_a_hot_loop(
    telegram: TelegramLookAlike, bot: Bot, ledger: Ledger, result: object
) -> None:
    """What cannot be confirmed would come back at once: the poller pauses and says so."""
    telegram.faults.answer_next(200, payload={"ok": True, "result": result}, on="getUpdates", times=1000)
    async with running(bot, ledger, dice=0.5) as (poller, _):
        await until(lambda: poller.state().error)
        assert telegram.faults.scripted == 1
    assert ledger.accepted == []


@pytest.mark.parametrize(
    ("status", "description", "words"),
    [
        (409, "Conflict: terminated by other getUpdates request", "another instance polls this bot"),
        (409, "Conflict: can't use getUpdates method while webhook is active", "a webhook is set for this bot"),
        (401, "Unauthorized", "Telegram refused the bot token"),
        (404, "Not Found", "Telegram refused the bot token"),
        (502, "Bad Gateway", "Bad Gateway"),
        (429, "Too Many Requests", "asked to wait"),
    ],
)
async def test_refused_polls_pause_and_say_why(
    telegram: TelegramLookAlike, bot: Bot, ledger: Ledger, status: int, description: str, words: str
) -> None:
    """A refusal is no hot loop: one call, a reason in words, and a stop that need not wait for the pause."""
    telegram.next_answer(status, description, on="getUpdates", times=1000)
    async with running(bot, ledger, dice=0.5) as (poller, _):
        await until(lambda: poller.state().error)
        assert words in str(poller.state().error)
        assert telegram.token not in str(poller.state().error)
        assert poller.state().last_success is None
        began = time.monotonic()
    assert telegram.faults.scripted == 1
    assert time.monotonic() - began < 1


async def test_an_outage_is_survived(telegram: TelegramLookAlike, bot: Bot, ledger: Ledger) -> None:
    """Telegram goes away in the middle of a long poll and comes back: nothing is lost, and the error is over."""
    async with running(bot, ledger, dice=-0.49) as (poller, _):
        await telegram.wait_for(lambda: telegram.updates.is_polled)
        await telegram.server.stop()
        await until(lambda: poller.state().error)
        telegram.customer().writes("meanwhile")
        await telegram.server.start()
        await until(lambda: ledger.accepted)
        await telegram.wait_for(lambda: telegram.updates.is_polled)
        assert poller.state().error is None


def test_pauses_grow_stay_bounded_and_obey_telegram() -> None:
    """Failures double the pause up to 6 s, with jitter; a 429 names its own; a conflict begins at 2 s, at most 10."""

    def poller(dice: float) -> Poller:
        ledger = Ledger()
        return Poller(None, offset=ledger.read, accept=ledger.accept, dice=lambda: dice)  # type: ignore[arg-type]

    assert [poller(0.5)._failed(Unavailable("x"))] == [1.0]
    low, high = poller(0.0), poller(1.0)
    for _ in range(2000):
        shortest, longest = low._failed(Unavailable("x")), high._failed(Unavailable("x"))
        assert shortest < longest <= polling.MAX_PAUSE
    assert shortest >= 1
    conflicted = poller(0.5)
    assert [conflicted._failed(PolledElsewhere("x")) for _ in range(6)] == [2, 4, 8, 10, 10, 10]
    assert conflicted._failed(Throttled("x", retry_after=77)) == 77
    refused = poller(0.5)
    assert [refused._failed(TokenRefused("x")) for _ in range(6)] == [2, 4, 8, 16, 30, 30]


async def test_who_is_hurried_polls_at_once(telegram: TelegramLookAlike, bot: Bot, ledger: Ledger) -> None:
    """In a pause, and while a poll is out whose connection may have died; neither is taken for an answer."""
    telegram.next_answer(401, "Unauthorized", on="getUpdates")
    failures: list[str] = []
    async with running(bot, ledger, dice=0.5, on_failure=lambda: failures.append("failed")) as (poller, _):
        await until(lambda: poller.state().error)
        poller.hurry()
        await telegram.wait_for(lambda: telegram.updates.is_polled, 1.0)
        await until(lambda: poller.state().error is None)
        polls, success = telegram.updates.polls, poller.state().last_success
        poller.hurry()
        await telegram.wait_for(lambda: telegram.updates.polls > polls, 1.0)
        assert poller.state().last_success == success
        telegram.customer().writes("and now?")
        await until(lambda: ledger.accepted)
    assert failures == [], "who refuses us is there"


async def test_a_poll_that_fails_is_told_to_who_can_find_out(
    telegram: TelegramLookAlike, bot: Bot, ledger: Ledger
) -> None:
    """It may be Telegram, or this one connection."""
    failures: list[str] = []
    telegram.faults.down = True
    async with running(bot, ledger, dice=0.5, on_failure=lambda: failures.append("failed")) as (poller, _):
        await until(lambda: poller.state().error)
    assert failures


async def test_a_stop_ends_a_long_poll_at_once(telegram: TelegramLookAlike, bot: Bot, ledger: Ledger) -> None:
    """Stopping does not wait for the 30 seconds of an open poll."""
    async with running(bot, ledger) as (_, stop):
        await telegram.wait_for(lambda: telegram.updates.is_polled)
        began = time.monotonic()
        stop.set()
    assert time.monotonic() - began < 10
    await until(lambda: not telegram.updates.is_polled)


async def test_a_cancelled_poller_leaves_no_poll_behind(telegram: TelegramLookAlike, bot: Bot, ledger: Ledger) -> None:
    """When the process gives up, the open getUpdates ends too."""
    task = asyncio.create_task(Poller(bot, offset=ledger.read, accept=ledger.accept).run(asyncio.Event()))
    await telegram.wait_for(lambda: telegram.updates.is_polled)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not telegram.updates.is_polled)


async def test_a_bug_in_accepting_ends_the_poller(telegram: TelegramLookAlike, bot: Bot) -> None:
    """What is no RelayError is not swallowed, and nothing is confirmed."""

    async def accept(_: list[dict[str, Any]]) -> None:
        raise ZeroDivisionError

    telegram.customer().writes("hello")
    with pytest.raises(ZeroDivisionError):
        await Poller(bot, offset=Ledger().read, accept=accept).run(asyncio.Event())
    assert telegram.updates.confirmed == 0


def test_every_update_kind_is_asked_for_or_declined_for_a_reason() -> None:
    """A kind that a future PTB adds is asked for until somebody writes down why not; what we live on is asked for."""
    assert set(ALLOWED_UPDATES) | {kind.value for kind in NOT_ASKED} == {kind.value for kind in UpdateType}
    assert not set(ALLOWED_UPDATES) & {kind.value for kind in NOT_ASKED}
    assert set(ALLOWED_UPDATES) == {
        *("message", "edited_message", "callback_query", "my_chat_member", "message_reaction"),
        *("business_connection", "business_message", "edited_business_message", "deleted_business_messages"),
    }
