"""The relay's memory, as verbs. Each verb is one transaction, shared with whoever calls at the same moment.

Every verb raises relay.errors.StoreUnavailable when the database cannot commit; then nothing of the call has happened.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from relay.errors import StoreLost, Unavailable
from relay.model import Delivery, Direction, Late, Lost, Media, Member, Result, Said
from relay.store import (
    accepting,
    alerts,
    avatars,
    away,
    backfill,
    business_connections,
    callbacks,
    charging,
    claiming,
    customers,
    dead_letters,
    deep_links,
    erased_in_common,
    hurrying,
    kit_sessions,
    limits,
    media_links,
    overview,
    parking,
    queries,
    retention,
    reviving,
    settling,
    survey,
    totals,
    tracing,
)
from relay.store.accepting import Arrival
from relay.store.alerts import Alert
from relay.store.away import Notices
from relay.store.backfill import Filled, Unfilled
from relay.store.business_connections import Met
from relay.store.callbacks import Callbacks, CallbacksSeen
from relay.store.claiming import Claim, Claimed
from relay.store.customers import KnownCustomers, Page, Past, Whose
from relay.store.dead_letters import DeadWish, FoundDead
from relay.store.deep_links import Link
from relay.store.deliveries import Verdict
from relay.store.engine.commit import Database
from relay.store.engine.migrating import HEAD
from relay.store.engine.sqlite import open_sqlite, steady_clock
from relay.store.erased_in_common import Lists
from relay.store.hurrying import Hurry
from relay.store.kit_sessions import Renewal, Session
from relay.store.limits import Block
from relay.store.media_links import MediaLink
from relay.store.overview import Overview
from relay.store.parking import Parked
from relay.store.reviving import Revival, Revived
from relay.store.settling import Move, Progress, Rewriting, Settled, Settlement
from relay.store.survey import Survey
from relay.store.totals import Counts
from relay.store.tracing import Trace, TraceWish

log = structlog.get_logger()


class Circle(Protocol):
    """The relays that share a database, as one of them sees it."""

    @property
    def others(self) -> int:
        """How many others there are."""

    @property
    def has_company(self) -> bool:
        """Whether there are others, or were some a moment ago."""

    @property
    def members(self) -> tuple[Member, ...]:
        """All of them."""

    def holds(self, holder: str | None) -> bool:
        """Whether what was claimed by this holder is surely in this one's hands."""

    def has_duty(self, name: str) -> bool:
        """Whether this one does what only one may do."""

    def part(self, channel: str, waiting: int) -> float:
        """The part of a channel's pace that this one may take now, where so many wait for it."""


class Alone:
    """Who has its database for itself."""

    others: Final = 0
    has_company: Final = False
    members: Final = ()

    def holds(self, _holder: str | None) -> bool:
        """It holds everything."""
        return True

    def has_duty(self, _name: str) -> bool:
        """It does everything."""
        return True

    def part(self, _channel: str, _waiting: int) -> float:
        """It takes all."""
        return 1.0


ALONE: Final = Alone()


class Store:
    """See `open_store`."""

    def __init__(self, database: Database, now: Callable[[], float], circle: Circle = ALONE) -> None:
        self.now = now  #: Unix time by the clock that due times are told by.
        self._database = database
        self._circle = circle
        #: Unix time as people have it. Beside a file by this machine's clock: the store's is that of the start, however
        #: wrong it was. Where there can be several relays, by the clock that they have in common.
        self.wall_clock = now if self.is_shared else time.time

    @property
    def is_shared(self) -> bool:
        """Whether there can be other relays."""
        return self._circle is not ALONE

    def holds(self, delivery: Delivery) -> bool:
        """Whether what was claimed is surely still in this relay's hands: else nothing may set out."""
        return self._circle.holds(delivery.holder)

    def has_duty(self, name: str) -> bool:
        """Whether this relay does what only one of those that share the database may do."""
        return self._circle.has_duty(name)

    def part(self, channel: str, waiting: int) -> float:
        """The part of a channel's pace that this relay may take now, where so many wait for it."""
        return self._circle.part(channel, waiting)

    @property
    def others(self) -> int:
        """How many other relays share the database."""
        return self._circle.others

    @property
    def has_company(self) -> bool:
        """Whether other relays share the database, or did a moment ago: for what they leave nobody here is woken."""
        return self._circle.has_company

    async def is_work_left(self, channels: Sequence[str]) -> bool:
        """Whether something of these channels is due that no relay has in its hands. Only a hint, of a moment ago."""
        return await self._database.glance(lambda tx: claiming.is_work_left(tx, self.now(), channels))

    @property
    def members(self) -> tuple[Member, ...]:
        """The relays that share the database, this one too; none where there can be but one."""
        return self._circle.members

    async def accept(self, arrival: Arrival) -> list[Verdict]:
        """Store letters once, with what follows from them. Returns after the commit, one verdict a letter."""
        return await self._database.run(accepting.accept, arrival, grows=True)

    async def claim(  # noqa: PLR0913 - one wish, said in full
        self,
        channel: str,
        direction: Direction,
        limit: int,
        run: int = 1,
        *,
        suspects: bool = False,
        fresh: int = 0,
        old: int | None = None,
    ) -> Claimed:
        """Lease up to `limit` lanes that are due, and take the oldest deliveries, `run` at most, of each.

        The longest due go first, but `fresh` places are first for lanes whose first delivery has just come, and
        not more than `old` for others. Of a lane with a death on its account only one delivery is taken.

        `suspects` are lanes with which processes have died, and are claimed only when asked for, the least suspect
        first. A claim sees whatever was asked of the store before it.
        """
        wish = Claim(channel, direction, limit, run, suspects, fresh, old)
        return await self._database.run(claiming.claim, wish, late=True)

    async def note_progress(
        self, delivery: Delivery, steps_done: int, said: tuple[Said, ...] = (), *, acquitted: bool = False
    ) -> bool:
        """Remember that the first `steps_done` steps are confirmed, and what they said.

        If the last of them was `acquitted`, the next one can be charged again. False: the lease is lost, stop.
        """
        return await self._database.run(settling.note_progress, Progress(delivery, steps_done, said, acquitted))

    async def acquit(self, delivery: Delivery) -> None:
        """Write down that a claimed delivery has been out for so long that no process dies of it."""
        await self._database.run(charging.acquit, delivery)

    async def others_passed(self, delivery: Delivery) -> bool:
        """Whether anything has got through to the same side since this one was accepted."""
        return await self._database.run(charging.others_passed, delivery)

    async def rewrite(self, delivery: Delivery, body: str, left: Lost | Late | None = None) -> bool:
        """Give a claimed delivery another body; bury what is lost of the old one, let go on by itself what is late.

        False: the lease is lost, nothing changed.
        """
        return await self._database.run(settling.rewrite, Rewriting(delivery, body, left))

    async def move(self, channel: str, old_chat_id: int, new_chat_id: int) -> None:
        """Answer the clients of a chat where it is now."""
        await self._database.run(settling.move, Move(channel, old_chat_id, new_chat_id))

    async def settle(self, delivery: Delivery, result: Result, *, last: bool = True) -> Settled:
        """Report what became of a claimed delivery; the `last` of a run, and a retry, let go of the lane."""
        return await self._database.run(settling.settle, Settlement(delivery, result, last))

    async def forget_offset(self, channel: str) -> None:
        """Let the next poll begin at the head of Telegram's queue: updates come by webhook now."""
        await self._database.run(queries.forget_offset, channel)

    async def find_media(self, media_id: str) -> Media | None:
        """The file behind a capability, or None."""
        return await self._database.run(queries.find_media, media_id)

    async def whose_avatar(self, channel: str, client_id: str, since: float) -> int | None:
        """The Telegram user whose picture is to be looked up; None if it was since that time, or cannot be."""
        return await self._database.run(avatars.whose_avatar, avatars.Question(channel, client_id, since))

    async def keep_avatar(self, avatar: avatars.Avatar) -> None:
        """Keep what was found when a picture was looked up."""
        await self._database.run(avatars.keep_avatar, avatar, grows=True)

    async def keep_link(self, link: Link) -> None:
        """Keep a deep link for ever: it may be printed anywhere."""
        await self._database.run(deep_links.keep_link, link, grows=True)

    async def find_owner(self, channel: str, connection_id: str) -> int | None:
        """The user id of the owner of a Business connection; None for one that nobody told of."""
        return await self._database.run(business_connections.find_owners, (channel, connection_id))

    async def all_owners(self, channel: str) -> dict[str, int]:
        """The user ids of the owners of Business accounts, by the ids of their connections."""
        return await self._database.run(business_connections.all_owners, channel)

    async def meet_connection(self, met: Met) -> None:
        """Remember a Business connection of which no update told."""
        await self._database.run(business_connections.meet_connection, met, grows=True)

    async def next_update_id(self, channel: str) -> int:
        """The polling offset; 0 when there is none yet."""
        return await self._database.run(queries.next_update_id, channel)

    async def count(self, channel: str) -> Counts:
        """Totals and what waits, read in one transaction, so that they add up."""
        return await self._database.run(totals.count, channel)

    async def note_callbacks(self, seen: CallbacksSeen, *, patience: float = 0.0) -> int:
        """Note what came to a channel's callback. Returns how many of the refused ones name a client who is known.

        With `patience` it waits so many seconds for a commit to share.
        """
        return await self._database.run(callbacks.note_callbacks, seen, patience=patience)

    async def find_callbacks(self, channel: str) -> Callbacks:
        """How Kit's callbacks to a channel have fared."""
        return await self._database.run(callbacks.find_callbacks, channel)

    async def survey(self, channel: str) -> Survey:
        """What a person wants to see of a channel, read in one transaction."""
        return await self._database.run(survey.survey, channel)

    async def look_over(self, channel: str) -> Overview:
        """The chats that wait and the dead letters of a channel, one by one, without a word."""
        return await self._database.run(overview.look_over, channel)

    async def trace(self, wish: TraceWish) -> Trace:
        """A page of letters, the newest first, with what became of them."""
        return await self._database.run(tracing.trace, wish)

    async def find_dead(self, wish: DeadWish) -> FoundDead:
        """Dead letters, the oldest first, and how many there are in all."""
        return await self._database.run(dead_letters.find_dead, wish)

    async def revive(self, wish: Revival) -> Revived:
        """Map a dead letter anew and let it wait again, in its old place in its lane."""
        return await self._database.run(reviving.revive, wish, grows=True)

    async def hurry(self, wish: Hurry) -> int:
        """Make lanes due that are parked. Returns how many there were."""
        return await self._database.run(hurrying.hurry, wish)

    async def drop(self, delivery_id: int) -> bool:
        """Throw a dead letter away for good. False: there is none of this id."""
        return await self._database.run(dead_letters.drop, delivery_id)

    async def forget(self, before: float) -> int:
        """Delete a part of what was delivered, and of the words of letters, from before a Unix time.

        Returns how many rows changed; call again until that is 0. In parts, since everybody else waits meanwhile.
        """
        return await self._database.run(retention.forget, before)

    async def count_customer(self, whose: Whose) -> dict[str, int]:
        """How many rows of each table speak of a customer."""
        return await self._database.run(customers.count_rows, whose)

    async def read_customer(self, page: Page) -> list[dict[str, Any]]:
        """Rows of one table that speak of a customer, as they are stored."""
        return await self._database.run(customers.read_rows, page)

    async def converted_files(self, whose: Whose) -> list[tuple[str, str]]:
        """Of a customer's files, the ids and types of those that are converted for browsers."""
        return await self._database.run(customers.converted_files, whose)

    async def ask_erasure(self, whose: Whose) -> None:
        """Mark a customer as to be erased; `erase_part` does it, and goes on with it after a crash."""
        await self._database.run(customers.ask_erasure, whose)

    async def known_customers(self, after: tuple[int, int]) -> KnownCustomers:
        """Some of the customers of whom there is a row; from (0, 0) on."""
        return await self._database.run(customers.known_customers, after)

    async def ask_again(self, past: Past) -> bool:
        """Mark a customer who was erased after this database was copied. False: nothing is left from before that."""
        return await self._database.run(customers.ask_again, past)

    async def revoke_media(self, media_id: str) -> tuple[str, str | None] | None:
        """Take a media link back: its file, and the type that it is converted from. None: there is no such link."""
        return await self._database.run(media_links.revoke, media_id)

    async def end_links(self, before: float) -> int:
        """End a part of the media links that were made before a Unix time; how many."""
        return await self._database.run(media_links.end_links, before)

    async def all_links(self, after: str) -> list[MediaLink]:
        """Some of the media links; from "" on, and from the last one's id."""
        return await self._database.run(media_links.all_links, after)

    async def have_erased_in_common(self, lists: Lists) -> dict[str, dict[str, float]]:
        """Let all relays on this database know of who was erased. Returns what they know; only where it `is_shared`."""
        return await self._database.run(erased_in_common.have_in_common, lists)

    async def marked_for_erasure(self) -> list[Whose]:
        """Customers who are to be erased, whoever has waited longest first."""
        return await self._database.run(customers.marked_for_erasure, None)

    async def erase_part(self, whose: Whose) -> int:
        """Erase a part of what is kept about a customer who is marked. How many rows; 0: nothing is left."""
        return await self._database.run(customers.erase_part, whose)

    async def end_erasure(self, whose: Whose) -> None:
        """Take the mark of a customer away of whom nothing is left anywhere."""
        await self._database.run(customers.end_erasure, whose)

    async def tell_waiting(self, wish: Notices) -> int:
        """Tell customers once that their message waits. How many; call again until that is 0."""
        return await self._database.run(away.tell_waiting, wish, grows=True)

    async def tell_arrived(self, wish: Notices) -> int:
        """Tell them that it has arrived. How many are not waited for any more; call again until that is 0."""
        return await self._database.run(away.tell_arrived, wish, grows=True)

    async def awaits_notice(self, channel: str) -> bool:
        """Whether anybody was told that their message waits, and not yet that it has arrived."""
        return await self._database.run(away.awaits_notice, channel)

    async def block(self, wish: Block) -> bool:
        """Block a customer, or let them in again. False: nobody with this client id has written."""
        return await self._database.run(limits.block, wish)

    async def find_blocked(self, channel: str) -> dict[str, float]:
        """Who is blocked until when, by client id."""
        return await self._database.run(limits.find_blocked, channel)

    async def remove_bytes(self) -> None:
        """Let no bytes of what was deleted stay in the files. Raises Unavailable when that cannot be done."""
        await self._database.remove_bytes()

    async def next_unfilled(self) -> Unfilled | None:
        """Some old letters of which it is not noted whose they are; None when there are no more."""
        return await self._database.run(backfill.next_unfilled, None)

    async def fill(self, part: Filled) -> None:
        """Note whose the letters of a part are."""
        await self._database.run(backfill.fill, part, grows=True)

    async def park_copy(self) -> Parked | None:
        """In a copy that has become the database: let nothing go on that may have arrived since. None: it is none."""
        return await self._database.run(parking.park, None)

    async def lost(self) -> StoreLost:
        """Wait until nothing can be stored any more by this process; why."""
        return await self._database.lost()

    @property
    def failure(self) -> str | None:
        """Why the database cannot commit, in its own words; None if it can, as far as is known."""
        return self._database.failure

    async def find_kit_session(self, channel: str) -> Session | None:
        """The pair of Kit's tokens that several relays have in common."""
        return await self._database.run(kit_sessions.find_session, channel)

    async def begin_kit_renewal(self, channel: str) -> bool:
        """Whether this one of them may renew it now: nobody else does."""
        return await self._database.run(kit_sessions.begin_renewal, channel)

    async def end_kit_renewal(self, renewal: Renewal) -> None:
        """Let others renew it again."""
        await self._database.run(kit_sessions.end_renewal, renewal)

    async def all_alerts(self) -> list[Alert]:
        """Those that are not over, or of whose end somebody is to be told yet."""
        return await self._database.run(alerts.all_alerts, None)

    async def keep_alert(self, alert: Alert) -> None:
        """Keep an alert as it is now."""
        await self._database.run(alerts.keep_alert, alert)

    async def drop_alert(self, name: str) -> None:
        """Forget an alert: it is over, and everybody knows."""
        await self._database.run(alerts.drop_alert, name)

    async def begin_run(self) -> None:
        """Note a start."""
        await self._database.run(alerts.begin_run, None)

    async def unclean_ends(self) -> int:
        """How many processes of the last ten minutes ended without being told to, after whose start this one began."""
        return await self._database.run(alerts.unclean_ends, None)

    async def end_run(self) -> None:
        """Note that the process ends as it was told to."""
        await self._database.run(alerts.end_run, None)

    async def release_all(self) -> int:
        """End the leases of couriers that died, and charge their deaths. Only for who holds the database alone.

        Returns how many there were.
        """
        return await self._database.run(claiming.release_all, None)


@asynccontextmanager
async def open_store(
    place: Path | str,
    *,
    now: Callable[[], float] | None = None,
    patience: float = 0.0,
    duties: Iterable[str] | None = (),
) -> AsyncIterator[Store]:
    """Open a database that has the current schema: an SQLite file for this process alone, or a PostgreSQL by its URL.

    `duties` are what only one of the relays on a PostgreSQL may do at a time, and this one is ready to; None for who is
    no relay, and only looks in.
    `now` is Unix time: by default that of the start, and steady from then on, so that to set the clock parks and
    repeats nothing; on a PostgreSQL the server's, so that due times mean the same to every host.
    Raises StoreLockedError when another process holds it, and goes on doing so for `patience` seconds; StoreAway when
    a server cannot be reached.
    """
    if isinstance(place, Path):
        opened = _opened_file(place, now or steady_clock(), patience)
    else:
        opened = _opened_server(place, now, patience, duties)
    async with opened as store:
        yield store


@asynccontextmanager
async def _opened_file(path: Path, now: Callable[[], float], patience: float) -> AsyncIterator[Store]:
    async with open_sqlite(path, now=now, patience=patience) as database:
        store = Store(database, now)
        # A copy of an SQLite file says of itself that it is one; of a PostgreSQL's its own tools make copies.
        if (parked := await store.park_copy()) is not None:
            log.warning("store.restored", copy_of=parked.made_at, parked=parked.deliveries)
        await store.release_all()
        yield store


@asynccontextmanager
async def _opened_server(
    url: str, now: Callable[[], float] | None, patience: float, duties: Iterable[str] | None
) -> AsyncIterator[Store]:
    from relay.store.engine.postgresql import open_postgresql  # noqa: PLC0415 - psycopg is an extra
    from relay.store.taking_over import Inquest, take_over  # noqa: PLC0415 - only where there can be several

    async with open_postgresql(url, HEAD, now=now, patience=patience, duties=duties) as (database, replica):
        await database.run(take_over, Inquest(lambda: False, at_start=True))

        async def watch() -> None:
            while True:
                await asyncio.sleep(replica.next_look)
                if replica.somebody_died:
                    with suppress(Unavailable):
                        if released := await database.run(take_over, Inquest(lambda: replica.is_witness)):
                            log.warning("store.taken_over", lanes=released)

        watching = asyncio.create_task(watch(), name="inquests")
        try:
            yield Store(database, now or replica.clock, replica)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError, Unavailable):
                await watching
