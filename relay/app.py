"""The one place that puts the relay together: for `relay run`, for the demo and for the tests alike."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import aiohttp
import structlog
from aiohttp import web

from relay import carrying
from relay.courier import Courier
from relay.errors import Unavailable
from relay.intake import Intake
from relay.kit.client import KitClient
from relay.mapping.events import KitContext
from relay.metrics import Metrics
from relay.model import Direction
from relay.policy import back_off
from relay.settings import Settings
from relay.store.store import Store, open_store
from relay.telegram.api import call, open_bot
from relay.telegram.download import FileFetcher
from relay.telegram.files import TelegramFiles
from relay.telegram.polling import Poller
from relay.telegram.request import open_session
from relay.telegram.sending import send_step
from relay.web.admin import Admin, Check, healthz
from relay.web.callback import BODY_LIMIT, KitCallback
from relay.web.media import add_media_routes
from relay.web.serving import serve
from relay.words.catalogue import overridden
from relay.words.texts import read_texts

log = structlog.get_logger()

#: Lanes carried at the same time, at most. Telegram's own limit is 30 messages a second.
_LANES: dict[Direction, int] = {"to_kit": 512, "to_telegram": 64}
#: Seconds without an answer after which polling is no long poll any more but deaf.
_DEAF = 90.0
_HOUR, _DAY = 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a running relay listens."""

    public: int
    admin: int


@dataclass(frozen=True, slots=True)
class Relay:
    """A relay that is put together. `run` makes it run."""

    settings: Settings
    store: Store
    kit: KitClient
    poller: Poller
    couriers: dict[Direction, Courier]
    public: web.Application
    admin: web.Application

    async def run(self, stop: asyncio.Event, on_ready: Callable[[Ports], None] = lambda _: None) -> None:
        """Relay until `stop`, then finish what is in hand.

        Raises relay.web.serving.CannotListenError, and an ExceptionGroup for a bug.
        """
        settings = self.settings
        async with (
            serve(self.admin, settings.relay_admin_host, settings.relay_admin_port, setting="RELAY_ADMIN") as admin,
            serve(self.public, settings.relay_host, settings.relay_port) as public,
            asyncio.TaskGroup() as tasks,
        ):
            for courier in self.couriers.values():
                await courier.carry_suspects(stop)
            tasks.create_task(self.poller.run(stop), name="poller")
            for direction, courier in self.couriers.items():
                tasks.create_task(courier.run(stop), name=f"courier {direction}")
            aside = (
                tasks.create_task(_greet(self.kit), name="greeting"),
                tasks.create_task(_forget(self.store, settings.relay_retention_days), name="retention"),
            )
            log.info("relay.ready", port=public, admin_port=admin, channel=settings.bot_id)
            on_ready(Ports(public, admin))
            await stop.wait()
            log.info("relay.stopping")
            for task in aside:
                task.cancel()
        log.info("relay.stopped")


@asynccontextmanager
async def open_relay(settings: Settings) -> AsyncIterator[Relay]:
    """Put a relay together over a database that has the current schema. Nothing outside is asked yet.

    Raises relay.store.database.StoreLockedError when another relay holds the database.
    """
    channel, metrics = settings.bot_id, Metrics()
    couriers: dict[Direction, Courier] = {}
    async with AsyncExitStack() as stack:
        if settings.relay_texts_file is not None:
            stack.enter_context(overridden(read_texts(settings.relay_texts_file)))
        now = steady_clock()
        store = await stack.enter_async_context(open_store(settings.database_path, now=now))
        kit = await _open_kit(settings, stack)
        session = await stack.enter_async_context(open_session())
        bot = open_bot(settings.telegram_bot_token.get_secret_value(), settings.telegram_api_url, session)
        fetcher = FileFetcher(settings.relay_data_dir / "tmp", settings.trusted_file_hosts)
        stack.push_async_callback(fetcher.close)
        carry = {
            "to_kit": carrying.to_kit(kit),
            "to_telegram": carrying.to_telegram(
                partial(send_step, bot, fetcher),
                partial(call, bot, "getMe", {}),
                rate=settings.telegram_rate_limit,
                chat_rate=settings.telegram_chat_rate_limit,
                language=settings.relay_agent_language,
            ),
        }
        for direction, limit in _LANES.items():
            couriers[direction] = Courier(channel, direction, store, carry[direction], metrics, limit=limit, now=now)
        context = KitContext(
            channel,
            settings.relay_public_url,
            partial(secrets.token_urlsafe, 16),
            download_limit=settings.download_limit,
            language=settings.relay_agent_language,
        )
        intake = Intake(channel, store, context, metrics, lambda direction: couriers[direction].wake())
        poller = Poller(bot, offset=partial(store.next_update_id, channel), accept=intake.accept_updates)
        callback = KitCallback(
            settings.kit_security_salt.get_secret_value(),
            settings.kit_api_token.get_secret_value(),
            intake.accept_callback,
            metrics,
        )
        public = web.Application(client_max_size=BODY_LIMIT)
        callback.add_to(public)
        add_media_routes(public, store.find_media, TelegramFiles(bot, session))
        public.router.add_get("/healthz", healthz)
        admin = web.Application()
        sides = {"telegram": partial(_check_telegram, poller, couriers), "kit": partial(_check_kit, kit, couriers)}
        Admin(channel, store.count, sides, metrics).add_to(admin)
        yield Relay(settings, store, kit, poller, couriers, public, admin)


def steady_clock() -> Callable[[], float]:
    """Unix time as it was at the start, and steady from then on: setting the clock parks and repeats nothing."""
    started, at = time.time(), time.monotonic()
    return lambda: started + time.monotonic() - at


async def _open_kit(settings: Settings, stack: AsyncExitStack) -> KitClient:
    # A session of its own: Kit's token must never travel to another host. The courier bounds what is in flight.
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30), cookie_jar=aiohttp.DummyCookieJar()
    )
    await stack.enter_async_context(session)
    return KitClient(
        session,
        settings.kit_base_url,
        settings.kit_domain,
        settings.kit_api_token.get_secret_value(),
        settings.kit_channel_uuid,
    )


async def _greet(kit: KitClient) -> None:
    """Log in before the first message, so that a wrong token shows at the start and not at a customer's cost."""
    attempts = 0
    while kit.token_age() is None:
        try:
            await kit.login()
        except Unavailable as error:
            attempts += 1
            pause = back_off(attempts, 1.0, longest=60.0)
            log.warning("kit.login_failed", reason=str(error), pause=pause)
            await asyncio.sleep(pause)
        else:
            log.info("kit.logged_in")


async def _forget(store: Store, days: int) -> None:
    """Keep customers' words no longer than the retention time."""
    while True:
        rows = 0
        with suppress(Unavailable):
            while changed := await store.forget(time.time() - days * _DAY):
                rows += changed
        log.info("retention.done", rows=rows)
        await asyncio.sleep(_HOUR)


def _check_telegram(poller: Poller, couriers: dict[Direction, Courier]) -> Check:
    state, gate = poller.state(), couriers["to_telegram"].gate
    if state.error is not None:
        return Check(ok=False, reason=state.error)
    if state.last_success is None:
        return Check(ok=False, reason="no answer to the first poll yet")
    age = time.monotonic() - state.last_success
    if age > _DEAF:
        return Check(ok=False, reason=f"no answer to a poll for {age:.0f} s")
    if gate.last_error is not None:
        return Check(ok=False, reason=gate.last_error)
    return Check(ok=True, reason=f"last poll answered {age:.0f} s ago")


def _check_kit(kit: KitClient, couriers: dict[Direction, Courier]) -> Check:
    age, gate = kit.token_age(), couriers["to_kit"].gate
    if gate.last_error is not None:
        return Check(ok=False, reason=gate.last_error)
    if age is None:
        return Check(ok=False, reason=kit.last_error or "not logged in yet")
    return Check(ok=True, reason=f"token is {age:.0f} s old")
