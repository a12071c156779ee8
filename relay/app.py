"""The one place that puts the relay together: for `relay run`, for the demo and for the tests alike."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import aiohttp
import structlog
from aiohttp import web

from relay.channel import OpenChannel, Shared, open_channel
from relay.control.customers import erase, have_list_in_common, mark_again
from relay.control.operation import OperationContext
from relay.control.operations import OPERATIONS
from relay.control.overview import overview
from relay.control.server import serve_control
from relay.delivery.courier import GRACE, Courier
from relay.delivery.suspects import Suspects
from relay.errors import Unavailable
from relay.intake.backfill import keep_filling
from relay.intake.reading import reader_of
from relay.media.confinement.closing import lacking
from relay.media.conversion.cache import Cache
from relay.media.conversion.converter import Converter, cache_key
from relay.media.conversion.forms import available
from relay.model import Direction, Letter, Reading, poll_duty
from relay.monitoring.alerts import Alerts
from relay.monitoring.disk import free_bytes
from relay.monitoring.metrics import Metrics
from relay.monitoring.outlets import outlets_of
from relay.settings.channels import Channel
from relay.settings.schema import Settings
from relay.store.engine.copies import old_copies
from relay.store.engine.erased import ErasedListError, list_of
from relay.store.engine.migrating import PATIENCE
from relay.store.store import Store, open_store
from relay.telegram.download import FileFetcher
from relay.web.admin import Admin, healthz
from relay.web.callback import BODY_LIMIT
from relay.web.media import add_media_routes
from relay.web.operator.page import OperatorPage
from relay.web.own_name import only_by_own_name
from relay.web.refusals import Refusals
from relay.web.serving import serve
from relay.words.catalogue import overridden
from relay.words.texts import read_texts

log = structlog.get_logger()

Result = TypeVar("Result")

_HOUR, _DAY = 3600.0, 86400.0
#: Seconds after which an erasure or retention goes on that could not be ended: the disk is full, or somebody reads.
_SOON = 5.0
#: Seconds between two looks for work of other relays.
_GLANCE = 0.5


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a running relay listens."""

    public: int
    admin: int


@dataclass(frozen=True, slots=True)
class Relay:
    """A relay that is put together. `run` makes it run."""

    settings: Settings  #: What is the whole relay's is the same in every channel; this is one of them.
    store: Store
    cache: Cache
    channels: tuple[OpenChannel, ...]
    public: web.Application
    admin: web.Application
    context: OperationContext
    refusals: Refusals
    alerts: Alerts

    async def run(
        self, stop: asyncio.Event, on_ready: Callable[[Ports], None] = lambda _: None, *, grace: float = GRACE
    ) -> None:
        """Relay until `stop`, then finish what is in hand within `grace` seconds, and let go of the rest.

        Raises relay.web.serving.CannotListenError, relay.control.place.NoPlaceError, and an ExceptionGroup for a bug,
        or with StoreLost in it.
        """
        settings = self.settings
        async with (
            serve_control(self.context, OPERATIONS, settings.relay_data_dir),
            serve(self.admin, settings.relay_admin_host, settings.relay_admin_port, setting="RELAY_ADMIN") as admin,
            serve(self.public, settings.relay_host, settings.relay_port, refusals=self.refusals) as public,
            asyncio.TaskGroup() as tasks,
        ):
            for each in self.channels:
                tasks.create_task(each.run(stop, grace=grace), name=f"channel {each.channel.label}")
            forgetting = tasks.create_task(_forget(self.store, self.cache, settings), name="retention")
            watching = tasks.create_task(self._end_with_the_store(), name="store")
            alerting = tasks.create_task(self.alerts.run(), name="alerts")
            couriers = [courier for each in self.channels for courier in each.couriers.values()]
            glancing = tasks.create_task(look_for_work(self.store, couriers), name="work of others")
            erasing = tasks.create_task(_go_on_erasing(self.store, settings), name="erasing")
            filling = tasks.create_task(keep_filling(self.store, self._readers), name="backfill")
            labels = [each.channel.label for each in self.channels]
            log.info("relay.ready", port=public, admin_port=admin, channels=labels)
            on_ready(Ports(public, admin))
            await stop.wait()
            log.info("relay.stopping")
            forgetting.cancel()
            filling.cancel()
            erasing.cancel()
            glancing.cancel()
            watching.cancel()
            alerting.cancel()
        await self.alerts.end()
        log.info("relay.stopped")

    async def _end_with_the_store(self) -> None:
        """A process that can store nothing must end: nobody may hear that it has taken anything."""
        raise await self.store.lost()

    async def _readers(self) -> dict[str, Callable[[Letter], Reading]]:
        """What tells what stored letters say, by channel."""
        channels = [each.channel for each in self.channels]
        return {each.key: reader_of(each, await self.store.all_owners(each.key)) for each in channels}


@asynccontextmanager
async def open_relay(*channels: Channel) -> AsyncIterator[Relay]:
    """Put a relay together over a database that has the current schema. Nothing outside is asked yet.

    Raises relay.store.engine.lock.StoreLockedError when another relay holds the database.
    """
    settings, metrics = channels[0].settings, Metrics()
    async with AsyncExitStack() as stack:
        if settings.relay_texts_file is not None:
            stack.enter_context(overridden(read_texts(settings.relay_texts_file)))
        store = await stack.enter_async_context(
            open_store(settings.database, patience=PATIENCE, duties=_duties(channels))
        )
        fetcher = FileFetcher(settings.relay_data_dir / "tmp", settings.trusted_file_hosts)
        stack.push_async_callback(fetcher.close)
        cache = Cache(settings.relay_data_dir / "media-cache", settings.relay_media_cache_mb * 2**20)
        metrics.media_cache_bytes.set_function(lambda: cache.total)
        metrics.disk_free_bytes.set_function(lambda: free_bytes(settings.written_directories))
        metrics.started_at.set_to_current_time()
        forms = available()
        log.info("media.converted", types=sorted(forms))
        if forms and (lacks := lacking()):
            log.warning("media.unconfined", kernel_lacks=lacks)
        new_converter = partial(Converter, cache, forms, metrics.media_conversions)
        refusals = Refusals()
        shared = Shared(store, fetcher, store.now, new_converter, Suspects(), refusals)
        opened = [await open_channel(each, shared, metrics.of_channel(each.label), stack) for each in channels]
        public = web.Application(client_max_size=BODY_LIMIT)
        for each in opened:
            each.callback.add_to(public, each.channel.callback_path)
            if each.webhook is not None:
                each.webhook.add_to(public, each.channel.webhook_path)
        media = {each.channel.key: each.media for each in opened}
        add_media_routes(public, store.find_media, media)
        public.router.add_get("/healthz", healthz)
        admin = web.Application(middlewares=[only_by_own_name(settings.relay_admin_host)])
        watched = [each.watched() for each in opened]
        Admin(watched, store, metrics).add_to(admin)
        wake, hurry = partial(_wake, opened), partial(_hurry, opened)
        context = OperationContext(channels, store, wake, hurry, watched, started_at=time.monotonic())
        OperatorPage(partial(overview, context, {})).add_to(admin)
        # A session of its own: what goes to Telegram goes another way.
        alerting = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        alerts = Alerts(
            watched,
            store,
            outlets_of(settings, alerting, opened[0].say),
            settings.relay_agent_language,
            lambda: free_bytes(settings.written_directories),
            now=store.wall_clock,
        )
        yield Relay(settings, store, cache, tuple(opened), public, admin, context, refusals, alerts)


def _duties(channels: Sequence[Channel]) -> tuple[str, ...]:
    """What only one of several relays on a database may do at a time."""
    return ("retention", "alerts", *(poll_duty(each.key) for each in channels))


def _wake(opened: Sequence[OpenChannel], key: str, direction: Direction) -> None:
    for each in opened:
        if each.channel.key == key:
            each.wake(direction)


def _hurry(opened: Sequence[OpenChannel], key: str) -> None:
    for each in opened:
        if each.channel.key == key:
            each.hurry()


async def _go_on_erasing(store: Store, settings: Settings) -> None:
    """Erase the customers whose erasure was broken off, and those of whom a restored copy does not know it."""
    again, at_start = 0, True
    while True:
        pause = _HOUR
        try:
            marked = await _mark_again(store, settings, at_start=at_start)
            at_start = at_start and marked is None
            again += marked or 0
            if await _erase_marked(store, settings):
                if again:
                    log.warning("customer.erased_again", customers=again)
                again = 0
        except Unavailable:
            pause = _SOON
        await asyncio.sleep(pause)


async def _erase_marked(store: Store, settings: Settings) -> bool:
    """Erase whoever is marked. False: of somebody a file cannot be removed, and the others are erased."""
    reasons: set[str] = set()
    for whose in await store.marked_for_erasure():
        try:
            await erase(store, settings, whose)
        except OSError as error:
            reasons.add(str(error))
    for reason in sorted(reasons):
        log.error("customer.not_erased", reason=reason)
    return not reasons


async def _mark_again(store: Store, settings: Settings, *, at_start: bool) -> int | None:
    """Only a start can be on a restored copy; who was erased at another relay is listed here within the hour.

    None: the list cannot be read, so nobody was marked.
    """
    erased = list_of(settings.database, settings.relay_data_dir)
    try:
        await have_list_in_common(store, erased)
        return await mark_again(store, erased) if at_start else 0
    except ErasedListError as error:
        log.error("customer.not_erased_again", reason=str(error))  # noqa: TRY400 - the reason says all
        return None


async def _forget(store: Store, cache: Cache, settings: Settings) -> None:
    """Keep customers' words no longer than the retention time, and their voices that long after the last opening.

    It is done when nothing is left, bytes included; what the database cannot do now is tried again soon.
    """
    bytes_left = True  # of rows that were deleted just before an end
    rows, files = 0, 0
    while True:
        age = settings.relay_retention_days * _DAY
        try:
            files += await _forget_files(store, cache, settings, time.time() - age)
            if not store.has_duty("retention"):
                await asyncio.sleep(_HOUR)
                continue
            while changed := await _gently(store.forget(store.wall_clock() - age)):
                rows, bytes_left = rows + changed, True
            links_before = store.wall_clock() - settings.relay_media_days * _DAY
            while settings.relay_media_days and (ended := await _gently(store.end_links(links_before))):
                rows, bytes_left = rows + ended, True
            if bytes_left:
                await store.remove_bytes()
        except Unavailable:
            await asyncio.sleep(_SOON)
            continue
        log.info("retention.done", rows=rows, files=files)
        bytes_left, rows, files = False, 0, 0
        await asyncio.sleep(_HOUR)


async def _forget_files(store: Store, cache: Cache, settings: Settings, before: float) -> int:
    """Remove files that are older than that by this machine's clock, and those without a link; how many.

    One that cannot go holds up neither the others nor the rows, and everybody's messages go on.
    """
    removed, reasons = 0, []
    unlinked = await _unlinked(store, cache)
    try:
        removals = [partial(cache.drop, key) for key in {*unlinked, *cache.unused(before)}]
        removals += [partial(copy.unlink, missing_ok=True) for copy in old_copies(settings.database, before)]
    except OSError as error:
        removals, reasons = [], [str(error)]
    for remove in removals:
        try:
            remove()
            removed += 1
        except OSError as error:
            reasons.append(str(error))
    if reasons:
        log.error("retention.file_stays", reason=reasons[0], files=len(reasons))
    return removed


async def _gently(part: Awaitable[Result]) -> Result:
    """Do a part, and leave the database to others for as long as that took."""
    began = time.monotonic()
    result = await part
    await asyncio.sleep(time.monotonic() - began)
    return result


async def _unlinked(store: Store, cache: Cache) -> set[str]:
    """Converted files to which no link leads any more, and that nobody uses.

    Each of several relays has files of its own, and another one may have erased the customer or ended the link.
    """
    unlinked = cache.keys()  # before the links are read: a file that comes meanwhile stays
    last: str | None = ""
    while unlinked and last is not None:
        links = await _gently(store.all_links(last))
        unlinked -= {cache_key(link.file_id, link.source_type) for link in links if link.source_type is not None}
        last = links[-1].id if links else None
    return unlinked & cache.keys()


async def look_for_work(store: Store, couriers: Sequence[Courier]) -> None:
    """What another relay has accepted, or let go of, nobody in this process is woken for.

    To see that there is nothing costs an eighth of a claim that finds nothing.
    """
    channels = sorted({courier.channel for courier in couriers})
    while store.is_shared:
        await asyncio.sleep(_GLANCE)
        idle = [courier for courier in couriers if courier.looked_at < time.monotonic() - _GLANCE / 2]
        with suppress(Unavailable):
            if idle and store.has_company and await store.is_work_left(channels):
                for courier in idle:  # together, in one transaction; who is busy looks often enough by itself
                    courier.glance(_GLANCE / 2)
