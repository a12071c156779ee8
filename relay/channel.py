"""One channel at work: its bot and poller, its Kit client and callback, its intake and its two couriers.

Channels share the database, the ports and the process; whatever could hold one up (connections to Kit, places for
media, paces, gates) each has to itself, so that one's outage, wrong token or flood costs the others nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import aiohttp
import structlog
from structlog.contextvars import bound_contextvars
from telegram import Bot

from relay.delivery import to_kit, to_telegram
from relay.delivery.away import AwayNotices
from relay.delivery.calls import Calls
from relay.delivery.courier import Courier
from relay.delivery.gate import LONGEST_HOLD
from relay.delivery.policy import back_off
from relay.delivery.side import Side
from relay.delivery.suspects import Suspects
from relay.errors import CredentialsRefused, Unavailable
from relay.intake.accept import Intake
from relay.intake.avatars import Avatars
from relay.intake.business_accounts import Accounts
from relay.intake.button_presses import Presses
from relay.intake.reading import contexts_of
from relay.kit.client import KitClient
from relay.kit.tokens import SharedPair
from relay.mapping.event.events import KitContext
from relay.media.conversion.converter import Converter
from relay.model import LANES, Direction, poll_duty
from relay.monitoring.health import Check, Watched
from relay.monitoring.metrics import ChannelMetrics
from relay.settings.channels import Channel
from relay.settings.schema import Settings
from relay.store.store import Store
from relay.telegram.api import call, open_bot, probe
from relay.telegram.download import FileFetcher
from relay.telegram.files import TelegramFiles
from relay.telegram.identity import Identity
from relay.telegram.photos import profile_photo
from relay.telegram.polling import Poller
from relay.telegram.request import open_session
from relay.telegram.sending import Manner, send_step
from relay.telegram.webhook import Webhook, give_up_webhook
from relay.web.callback import KitCallback
from relay.web.callback_record import CallbackRecord
from relay.web.media import ChannelMedia
from relay.web.refusals import Refusals
from relay.web.slots import Slots
from relay.web.telegram_webhook import TelegramWebhook

log = structlog.get_logger()

#: Seconds between two logins before the first message: of a Kit that is away, and of one that refuses us.
_AWAY, _REFUSED = 4.0, 15.0
#: Seconds without an answer after which polling is no long poll any more but deaf.
_DEAF = 90.0


@dataclass(frozen=True, slots=True)
class Shared:
    """What the channels of a relay have in common."""

    store: Store
    fetcher: FileFetcher
    now: Callable[[], float]  #: The store's clock.
    new_converter: Callable[[], Converter]
    suspects: Suspects
    refusals: Refusals


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """A channel that is put together. `run` makes it run."""

    channel: Channel
    kit: KitClient
    source: Poller | Webhook  #: Of updates.
    webhook: TelegramWebhook | None  #: Who takes them, if Telegram brings them.
    couriers: Mapping[Direction, Courier]
    callback: KitCallback
    media: ChannelMedia
    avatars: Avatars
    presses: Presses
    away: AwayNotices
    identity: Identity
    say: Callable[[int, str], Awaitable[object]]  #: Sends a line of the relay's own to a chat. Raises RelayError.

    @property
    def log_fields(self) -> dict[str, str]:
        """What sets its lines in the log apart; nothing where there is but one channel."""
        return {"channel": self.channel.name} if self.channel.name else {}

    async def run(self, stop: asyncio.Event, *, grace: float) -> None:
        """Relay until `stop`, then finish what is in hand within `grace` seconds.

        Raises an ExceptionGroup for a bug, and nothing else.
        """
        with bound_contextvars(**self.log_fields):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.source.run(stop), name="updates")
                tasks.create_task(self.presses.run(stop), name="presses")
                for direction, courier in self.couriers.items():
                    tasks.create_task(courier.run(stop, grace=grace), name=f"courier {direction}")
                aside = (
                    tasks.create_task(_greet(self.kit), name="greeting"),
                    tasks.create_task(self.callback.record.run(), name="callback record"),
                    tasks.create_task(self.identity.run(), name="identity"),
                    tasks.create_task(self.avatars.run(), name="avatars"),
                    tasks.create_task(self.away.run(), name="away notices"),
                )
                await stop.wait()
                for task in aside:
                    task.cancel()

    def watched(self) -> Watched:
        """What the internal port says of it."""
        sides = {"telegram": self._check_telegram, "kit": self._check_kit}
        prefix = f"{self.channel.name}/" if self.channel.name else ""
        ages = {"poll": self._poll_age, "token": self.kit.token_age}
        speeds: dict[str, Callable[[], float | None]] = {
            direction: courier.attempt_seconds for direction, courier in self.couriers.items()
        }
        return Watched(
            self.channel.key, self.channel.label, sides, prefix, ages, lambda: self.identity.username, speeds
        )

    def wake(self, direction: Direction) -> None:
        """Something may be due."""
        self.couriers[direction].wake()

    def hurry(self) -> None:
        """Somebody wants what waits to be tried now."""
        for courier in self.couriers.values():
            courier.hurry()

    def _poll_age(self) -> float | None:
        last = self.source.state().last_success
        return None if last is None else time.monotonic() - last

    def _check_telegram(self) -> Check:
        state, gate = self.source.state(), self.couriers["to_telegram"].gate
        if state.error is not None:
            return Check(ok=False, reason=state.error)
        if state.last_success is None:
            return Check(ok=False, reason="no answer to the first poll yet")
        if state.elsewhere and gate.last_error is None:
            return Check(ok=True, reason="another relay polls")
        age = time.monotonic() - state.last_success
        if age > _DEAF:
            return Check(ok=False, reason=f"no answer to a poll for {age:.0f} s")
        if gate.last_error is not None:
            return Check(ok=False, reason=gate.last_error)
        return Check(ok=True, reason=f"last poll answered {age:.0f} s ago")

    def _check_kit(self) -> Check:
        age, gate = self.kit.token_age(), self.couriers["to_kit"].gate
        if gate.last_error is not None:
            return Check(ok=False, reason=gate.last_error)
        if age is None:
            return Check(ok=False, reason=self.kit.last_error or "not logged in yet")
        if (seconds := gate.throttled_for(time.monotonic())) > 0:
            return _patience(gate.throttle, seconds)
        return Check(ok=True, reason=f"token is {age:.0f} s old")


def _patience(reason: str, seconds: float) -> Check:
    """Kit has asked everybody to wait. For a minute that is nothing; for longer somebody should know."""
    if seconds <= LONGEST_HOLD:
        return Check(ok=True, reason=f"{reason}: for {seconds:.0f} s more")
    return Check(ok=False, reason=f"{reason}: for {seconds:.0f} s more; one message a minute tries")


async def open_channel(channel: Channel, shared: Shared, metrics: ChannelMetrics, stack: AsyncExitStack) -> OpenChannel:
    """Put a channel together; `stack` closes what it opens. Nothing outside is asked yet."""
    settings, store = channel.settings, shared.store
    kit = await _open_kit(channel, store, stack)
    converter = shared.new_converter()
    stack.push_async_callback(converter.close)
    session = await stack.enter_async_context(open_session(settings.telegram_proxy_url))
    bot = open_bot(settings.telegram_bot_token.get_secret_value(), settings.telegram_api_url, session)
    context, telegram = contexts_of(channel)
    couriers = _couriers(settings, shared, metrics, context, kit, bot)
    avatars = Avatars(channel.key, store, partial(profile_photo, bot, context.new_media_id), shared.now)
    presses = Presses(partial(_answer_press, bot), metrics)
    intake = Intake(
        channel.key,
        store,
        context,
        telegram,
        metrics,
        lambda direction: couriers[direction].wake(),
        avatars.note,
        Accounts(channel.key, store, partial(_ask_connection, bot), context.owners),
        presses,
    )
    source, webhook = _source(channel, bot, shared, intake, couriers["to_telegram"].side)
    return OpenChannel(
        channel,
        kit,
        source,
        webhook,
        couriers,
        KitCallback(
            settings.signing_secrets,
            intake.accept_callback,
            metrics,
            CallbackRecord(channel.key, store, metrics, shared.refusals),
            shared.refusals,
            {"channel": channel.name} if channel.name else {},
        ),
        ChannelMedia(
            TelegramFiles(bot, session, settings.telegram_local_files if settings.telegram_local_api else None),
            Slots(metrics.media_streams),
            converter,
        ),
        avatars,
        presses,
        AwayNotices(
            channel.key,
            store,
            settings.relay_away_notice_minutes * 60,
            couriers["to_kit"].side.down_for,
            couriers["to_telegram"].wake,
        ),
        Identity(bot),
        partial(_say, bot),
    )


def _source(
    channel: Channel, bot: Bot, shared: Shared, intake: Intake, side: Side
) -> tuple[Poller | Webhook, TelegramWebhook | None]:
    """Where updates come from, and who takes them if Telegram brings them. It and the couriers tell each other."""
    source, webhook = _source_of(channel, bot, shared, intake, partial(side.suspect, "failed"))
    side.on_return = source.hurry
    return source, webhook


def _source_of(
    channel: Channel, bot: Bot, shared: Shared, intake: Intake, on_failure: Callable[[], None]
) -> tuple[Poller | Webhook, TelegramWebhook | None]:
    settings = channel.settings
    if settings.telegram_mode == "webhook" and settings.telegram_webhook_secret is not None:
        secret = settings.telegram_webhook_secret.get_secret_value()
        registered = partial(shared.store.forget_offset, channel.key)
        log_fields = {"channel": channel.name} if channel.name else {}
        return (
            Webhook(bot, channel.webhook_url, secret, registered=registered, on_failure=on_failure),
            TelegramWebhook(secret, intake.accept_update, shared.refusals, log_fields),
        )
    poller = Poller(
        bot,
        offset=partial(shared.store.next_update_id, channel.key),
        accept=intake.accept_updates,
        on_failure=on_failure,
        reclaim=partial(give_up_webhook, bot, channel.webhook_url),
        is_ours=partial(shared.store.has_duty, poll_duty(channel.key)),
    )
    return poller, None


def _couriers(
    settings: Settings, shared: Shared, metrics: ChannelMetrics, context: KitContext, kit: KitClient, bot: Bot
) -> dict[Direction, Courier]:
    courier = partial(
        Courier, context.channel, store=shared.store, metrics=metrics, now=shared.now, suspects=shared.suspects
    )
    couriers: dict[Direction, Courier] = {}

    def wake_both() -> None:
        for each in couriers.values():
            each.wake()

    couriers["to_kit"] = courier(
        "to_kit",
        carry=to_kit.to_kit(
            kit, context.language, shared.store.wall_clock, a_minute=settings.relay_customer_rate_limit
        ),
        name=to_kit.name,
        limit=LANES["to_kit"],
        probe=kit.probe,
        check_login=kit.check_login,
        make_note=to_kit.note_maker(context),
        on_note=wake_both,
    )
    calls = Calls(partial(call, bot, "getMe", {}, read_timeout=5.0))
    couriers["to_telegram"] = courier(
        "to_telegram",
        carry=to_telegram.to_telegram(
            partial(send_step, bot, shared.fetcher, manner=Manner(settings.relay_link_previews, settings.upload_limit)),
            partial(call, bot, "getMe", {}),
            context,
            calls,
            rate=settings.telegram_rate_limit,
            part=partial(shared.store.part, context.channel),
            now=shared.now,
            chat_rate=settings.telegram_chat_rate_limit,
        ),
        limit=LANES["to_telegram"],
        probe=partial(
            probe,
            settings.telegram_bot_token.get_secret_value(),
            settings.telegram_api_url,
            proxy=settings.telegram_proxy_url,
        ),
        name=to_telegram.name,
        calls=calls,
        make_note=to_telegram.note_maker(context, shared.store.wall_clock),
        on_note=wake_both,
    )
    return couriers


async def _say(bot: Bot, chat_id: int, text: str) -> object:
    return await call(bot, "sendMessage", {"chat_id": chat_id, "text": text}, read_timeout=15.0)


async def _ask_connection(bot: Bot, connection_id: str) -> object:
    return await call(bot, "getBusinessConnection", {"business_connection_id": connection_id}, read_timeout=5.0)


async def _answer_press(bot: Bot, query_id: str) -> object:
    return await call(bot, "answerCallbackQuery", {"callback_query_id": query_id}, read_timeout=5.0)


async def _open_kit(channel: Channel, store: Store, stack: AsyncExitStack) -> KitClient:
    # A session of its own: Kit's token must never travel to another host. The courier bounds what is in flight.
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30), cookie_jar=aiohttp.DummyCookieJar()
    )
    await stack.enter_async_context(session)
    settings = channel.settings
    return KitClient(
        session,
        settings.kit_base_url,
        settings.kit_domain,
        settings.kit_api_token.get_secret_value(),
        settings.kit_channel_uuid,
        shared=_shared_tokens(channel, store) if store.is_shared else None,
    )


def _shared_tokens(channel: Channel, store: Store) -> SharedPair:
    from relay.delivery.shared_tokens import SharedTokens, key_of  # noqa: PLC0415 - 10 MB that one relay alone needs not

    settings = channel.settings
    secrets = settings.kit_api_token.get_secret_value(), settings.kit_security_salt.get_secret_value()
    return SharedTokens(channel.key, store, key_of(channel.key, *secrets))


async def _greet(kit: KitClient) -> None:
    """Log in before the first message, so that a wrong token shows at the start and not at a customer's cost."""
    attempts = 0
    while kit.token_age() is None:
        try:
            await kit.login()
        except Unavailable as error:
            attempts += 1
            pause = back_off(attempts, 1.0, longest=_REFUSED if isinstance(error, CredentialsRefused) else _AWAY)
            log.warning("kit.login_failed", reason=str(error), pause=pause)
            await asyncio.sleep(pause)
        else:
            log.info("kit.logged_in")
