"""Updates by long polling: fetched raw, given away to be committed, and only then confirmed.

getUpdates with a higher offset is the acknowledgement, and Telegram keeps an unconfirmed update for 24 hours. So a
crash between the two fetches the same batch again, and loses nothing.
https://core.telegram.org/bots/api#getupdates
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from telegram import Bot
from telegram.constants import UpdateType

from relay.errors import CredentialsRefused, RelayError, StoreUnavailable, Throttled, Unavailable
from relay.model import value
from relay.telegram.api import PolledElsewhere, call

BATCH: Final = 100
#: Seconds between two tries, at most: of a Telegram that does not answer, that refuses the token, of a bot that
#: somebody else polls.
MAX_PAUSE: Final = 6.0
REFUSED_PAUSE: Final = 30.0
ELSEWHERE_PAUSE: Final = 10.0
#: Seconds between two looks whether the polling has become ours.
_LOOK: Final = 0.3

#: Update kinds that nobody writes to us with, and why we don't ask for them. Every other kind is asked for.
NOT_ASKED: Final[Mapping[UpdateType, str]] = {
    UpdateType.CHANNEL_POST: "a channel's public posts; that the bot was added to one comes as my_chat_member",
    UpdateType.EDITED_CHANNEL_POST: "the same",
    UpdateType.INLINE_QUERY: "typed into other chats; the bot offers no inline mode",
    UpdateType.CHOSEN_INLINE_RESULT: "the same",
    UpdateType.SHIPPING_QUERY: "the relay sends no invoices",
    UpdateType.PRE_CHECKOUT_QUERY: "the relay sends no invoices",
    UpdateType.PURCHASED_PAID_MEDIA: "the relay sells no media",
    UpdateType.POLL: "the state of polls that the bot sent, and it sends none; a customer's poll is a message",
    UpdateType.POLL_ANSWER: "the same",
    UpdateType.CHAT_MEMBER: "other people coming and going in groups; the bot's own case is my_chat_member",
    UpdateType.CHAT_JOIN_REQUEST: "for administrators of groups and channels",
    UpdateType.CHAT_BOOST: "for administrators of channels",
    UpdateType.REMOVED_CHAT_BOOST: "the same",
    UpdateType.MESSAGE_REACTION_COUNT: "anonymous counts under channel posts: nobody's in particular",
    UpdateType.MANAGED_BOT: "the relay manages no other bots",
    UpdateType.GUEST_MESSAGE: "may be answered only once and at once, which an agent cannot",
}
ALLOWED_UPDATES: Final = tuple(kind.value for kind in UpdateType if kind not in NOT_ASKED)

log = structlog.get_logger()


@value(frozen=True, slots=True)
class PollState:
    """How the polling is doing."""

    last_success: float | None  #: When Telegram last answered, on the monotonic clock.
    error: str | None  #: What is wrong now, in words without secrets.
    elsewhere: bool = False  #: Another relay polls, and this one would if that one were not there.


async def rest(seconds: float, stopping: asyncio.Task[bool], hurry: asyncio.Event) -> None:
    """Wait for so many seconds, until it is time to stop, or until somebody is in a hurry."""
    hurried = asyncio.create_task(hurry.wait(), name="updates: hurry")
    try:
        await asyncio.wait({stopping, hurried}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hurried.cancel()


class Poller:
    """Polls one bot. `offset` gives the stored offset; `accept` commits updates and the offset after them.

    `accept` gets dicts that all have an integer `update_id`, and the offset that it is to store is the highest one
    plus 1: Telegram may begin anew at a lower id after a week of silence, so it may be lower than the one before.
    Where several relays share a database, `is_ours` says whether this one is to poll.
    `reclaim` is called when updates go elsewhere: to a webhook, perhaps, that was ours before.
    """

    def __init__(  # noqa: PLR0913 - its whole world, said once where the channel is put together
        self,
        bot: Bot,
        *,
        offset: Callable[[], Awaitable[int]],
        accept: Callable[[list[dict[str, Any]]], Awaitable[None]],
        on_failure: Callable[[], None] = lambda: None,
        reclaim: Callable[[], Awaitable[object]] | None = None,
        poll_timeout: int = 30,
        dice: Callable[[], float] = random.random,
        is_ours: Callable[[], bool] = lambda: True,
    ) -> None:
        self._bot = bot
        self._stored_offset = offset
        self._accept = accept
        self._on_failure = on_failure
        self._reclaim = reclaim
        self._poll_timeout = poll_timeout
        self._dice = dice
        self._is_ours = is_ours
        self._next: int | None = None
        self._failures = 0
        self._hurried = asyncio.Event()
        self._out: asyncio.Timeout | None = None  #: Of the getUpdates that is on its way.
        self._state = PollState(last_success=None, error=None)

    def state(self) -> PollState:
        """How the polling is doing, for readiness."""
        return self._state

    def hurry(self) -> None:
        """Telegram is there again: poll now. What is on its way may have lost its connection meanwhile."""
        self._hurried.set()
        self._break_off()

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until `stop` is set; a batch in hand is accepted first. Whatever raises RelayError is tried again."""
        stopping = asyncio.create_task(stop.wait(), name="poller: stop")
        stopping.add_done_callback(self._break_off)
        try:
            while not stop.is_set():
                self._hurried.clear()
                if not self._is_ours():
                    self._next, self._state = None, PollState(time.monotonic(), None, elsewhere=True)
                    await rest(_LOOK, stopping, self._hurried)
                    continue
                try:
                    answered = await self._round(stopping)
                except RelayError as error:
                    if isinstance(error, PolledElsewhere):
                        await self._take_back()
                    await rest(self._failed(error), stopping, self._hurried)
                    continue
                if answered:
                    self._failures = 0
                    self._state = PollState(self._state.last_success, None)
        finally:
            stopping.cancel()

    async def _take_back(self) -> None:
        if self._reclaim is None:
            return
        try:
            await self._reclaim()
        except RelayError as error:
            log.warning("poll.not_reclaimed", reason=str(error))

    async def _round(self, stopping: asyncio.Task[bool]) -> bool:
        """Fetch a batch and have it accepted. Returns whether Telegram answered."""
        if self._next is None:
            self._next = await self._stored_offset()
        batch = await self._fetch(self._next, stopping)
        if not batch:
            return batch is not None
        updates = [update for update in batch if has_id(update)]
        if len(updates) < len(batch):
            log.error("poll.update_without_id", updates=len(batch) - len(updates))
        if not updates:
            raise Unavailable("Telegram sent only updates without an update_id, which cannot be confirmed")
        # Until the commit is certain only the store knows the offset: it may have failed before or after.
        self._next = None
        await self._accept(updates)
        self._next = max(update["update_id"] for update in updates) + 1
        return True

    async def _fetch(self, offset: int, stopping: asyncio.Task[bool]) -> list[Any] | None:
        """The next batch, empty after a quiet poll.

        None when it was broken off, to stop or in a hurry: a cancelled getUpdates confirms nothing more.
        """
        # A long poll says nothing for half a minute: after a start or a failure a short one tells sooner how it stands.
        well = self._state.last_success is not None and self._state.error is None
        parameters = {
            "offset": offset,
            "timeout": self._poll_timeout if well else 0,
            "limit": BATCH,
            "allowed_updates": ALLOWED_UPDATES,
        }
        try:
            async with asyncio.timeout(None) as self._out:
                if stopping.done() or self._hurried.is_set():
                    return None
                batch = await call(self._bot, "getUpdates", parameters, read_timeout=self._poll_timeout + 10.0)
        except TimeoutError:
            return None
        except (PolledElsewhere, CredentialsRefused, Throttled):
            raise  # somebody answers there
        except RelayError:
            self._on_failure()
            raise
        finally:
            self._out = None
        if not isinstance(batch, list):
            raise Unavailable("Telegram answered getUpdates with something else than updates")
        self._state = PollState(time.monotonic(), self._state.error)
        return batch

    def _break_off(self, _: object = None) -> None:
        """End the poll that is on its way: its time limit is set to a moment that is over.

        So it needs no task of its own that could be cancelled, and each poll costs less.
        """
        out, self._out = self._out, None
        if out is not None:
            out.reschedule(0.0)  # the loop's clock is past that

    def _failed(self, error: RelayError) -> float:
        """Note the failure. Returns the seconds to wait."""
        self._failures += 1
        doubled = 2.0 ** min(self._failures, 10)
        match error:
            case Throttled(retry_after=seconds):
                pause = seconds
            case PolledElsewhere():
                pause = min(ELSEWHERE_PAUSE, doubled)  # From 2 s: the other one may be the one that we replace.
            case CredentialsRefused():
                pause = min(REFUSED_PAUSE, doubled)
            case _:
                pause = min(MAX_PAUSE, doubled) / 2 * (0.5 + self._dice())
        # That we could not keep what Telegram gave us is not said of Telegram.
        self._state = PollState(self._state.last_success, None if isinstance(error, StoreUnavailable) else str(error))
        log.warning("poll.failed", reason=str(error), failures=self._failures, pause=round(pause, 1))
        return pause


def has_id(update: object) -> bool:
    """Whether an update can be told from others, and be stored."""
    # JSON knows larger numbers than a database does.
    return isinstance(update, dict) and type(number := update.get("update_id")) is int and 0 <= number < 2**62
