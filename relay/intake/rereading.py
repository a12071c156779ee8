"""Letters read once more, with today's code and settings: how a dead letter becomes what it should have been."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from relay.intake.accept import reread
from relay.mapping.event.events import KitContext
from relay.mapping.to_telegram.events import TelegramContext
from relay.media.conversion.forms import available
from relay.model import Letter, Reading
from relay.settings.channels import Channel


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
    )
    telegram = TelegramContext(
        channel.key, settings.relay_show_agent_name, settings.relay_closing_texts, settings.relay_ask_rating
    )
    return kit, telegram


def reader_of(channel: Channel, owners: dict[str, int]) -> Callable[[Letter], Reading]:
    """Tells what stored letters of this channel's say. `owners` are those of Business accounts, by connection."""
    kit, telegram = contexts_of(channel)
    return partial(reread, context=replace(kit, owners=owners), telegram=telegram)
