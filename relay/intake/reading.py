"""What letters mean. They are read here, and mapped inside the accepting transaction, which knows what came before."""

import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
from telegram import Update

from relay.errors import place_of
from relay.intake.numbers import chat_id_of
from relay.intake.served import not_served
from relay.kit.callbacks import SignedEvent, UnfitEvent, reread_event
from relay.kit.events import SendMessageEvent
from relay.mapping.event.events import KitContext
from relay.mapping.failure.unusable import tell_dead_event, tell_skipped, tell_unfit, tell_unknown
from relay.mapping.text.tolerant import tried
from relay.mapping.to_kit.dead_updates import tell_dead, wants_of_dead
from relay.mapping.to_kit.limits import limited
from relay.mapping.to_kit.old_spellings import modern
from relay.mapping.to_kit.partial import read_in_part
from relay.mapping.to_kit.plain import read_plain_text
from relay.mapping.to_kit.updates import read as read_parsed
from relay.mapping.to_telegram.events import TelegramContext, map_event
from relay.mapping.to_telegram.events import wants_of as wants_of_event
from relay.media.conversion.forms import available
from relay.model import Declined, Letter, Reading, Unreadable, Wants
from relay.settings.channels import Channel

log = structlog.get_logger()


def reread(letter: Letter, context: KitContext, telegram: TelegramContext) -> Reading:
    """A letter that was stored, as it is understood today."""
    if letter.source == "telegram":
        return read_update(json.loads(letter.body), context)
    return read_event(reread_event(letter.body.encode("utf-8", "replace"), letter.source_id), context, telegram)


def read_update(raw: dict[str, Any], context: KitContext) -> Reading:
    """What a raw update means. Never raises: one that nobody understands must not stop its neighbours."""
    if context.alert_chat is not None and chat_id_of(raw) == context.alert_chat:
        return Reading(lambda _: Declined("in the chat where alerts are told"))
    if (refused := not_served(raw, context)) is not None:
        return Reading(lambda _: refused)
    reading = _read_update(raw, context)
    decide = limited(reading.decide, raw["update_id"], context)
    wants = replace(reading.wants, limits=True) if context.limits_customers else reading.wants
    return replace(reading, decide=decide, wants=wants, tell_dead=partial(tell_dead, raw, context))


def _read_update(raw: dict[str, Any], context: KitContext) -> Reading:
    try:
        return read_plain_text(raw, context) or read_parsed(Update.de_json(modern(raw), None), context)
    except Exception as error:  # noqa: BLE001 - python-telegram-bot raises whatever its constructors do
        where = place_of(error)
    reading = read_in_part(modern(raw), context)
    given: dict[str, Any] = {"kind": "update", "source_id": str(raw["update_id"]), "error": where}
    if reading is not None:
        log.warning("letter.unreadable", read="in part", **given)
        return replace(reading, in_part=True)
    log.error("letter.unreadable", **given)
    outcome = Unreadable(f"the update cannot be read: {where}")
    return Reading(lambda _: outcome, tried(wants_of_dead, raw, context) or Wants())


def read_event(callback: SignedEvent | UnfitEvent, context: KitContext, telegram: TelegramContext) -> Reading:
    """What an event is about."""
    if isinstance(callback, UnfitEvent):
        unfit = Unreadable(callback.reason)
        return Reading(
            lambda known: tell_unfit(unfit, callback.event_id, callback.said, context, known),
            Wants(callback.client_id),
        )
    event = callback.event
    return Reading(
        lambda known: tell_skipped(map_event(event, known, telegram), event, context, known),
        wants_of_event(event),
        tell_unknown=partial(tell_unknown, event, context) if isinstance(event, SendMessageEvent) else None,
        tell_dead=partial(tell_dead_event, event, context) if isinstance(event, SendMessageEvent) else None,
    )


def event_id_of(callback: SignedEvent | UnfitEvent) -> str:
    """The event's id, whether it fits otherwise or not."""
    return callback.event_id if isinstance(callback, UnfitEvent) else callback.event.event_id


def contexts_of(channel: Channel) -> tuple[KitContext, TelegramContext]:
    """What mapping needs to know of a channel, towards Kit and towards Telegram."""
    settings = channel.settings
    kit = KitContext(
        channel.key,
        settings.relay_public_url,
        partial(secrets.token_urlsafe, 16),
        download_limit=settings.download_limit,
        language=settings.relay_agent_language,
        ask_phone=settings.relay_ask_phone,
        forms=available(),
        leave_groups=settings.relay_leave_groups,
        alert_chat=settings.relay_alert_chat,
        served_owners=settings.business_owners,
        greets=settings.relay_greeting,
        holds_starts=settings.relay_start == "hold",
        limits_customers=settings.relay_customer_rate_limit > 0,
    )
    telegram = TelegramContext(
        channel.key, settings.relay_show_agent_name, settings.relay_closing_texts, settings.relay_ask_rating
    )
    return kit, telegram


def reader_of(channel: Channel, owners: dict[str, int]) -> Callable[[Letter], Reading]:
    """Tells what stored letters of this channel's say. `owners` are those of Business accounts, by connection."""
    kit, telegram = contexts_of(channel)
    return partial(reread, context=replace(kit, owners=owners), telegram=telegram)
