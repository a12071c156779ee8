"""Letters read once more, with today's code and settings: how a dead letter becomes what it should have been."""

import secrets
from collections.abc import Callable
from functools import partial

from relay.channels import Channel
from relay.conversion.forms import available
from relay.intake import reread
from relay.mapping.events import KitContext
from relay.model import Letter, Reading


def context_of(channel: Channel) -> KitContext:
    """What mapping needs to know of a channel."""
    settings = channel.settings
    return KitContext(
        channel.key,
        settings.relay_public_url,
        partial(secrets.token_urlsafe, 16),
        download_limit=settings.download_limit,
        language=settings.relay_agent_language,
        ask_phone=settings.relay_ask_phone,
        forms=available(),
    )


def reader_of(channel: Channel) -> Callable[[Letter], Reading]:
    """Tells what stored letters of this channel's say."""
    return partial(reread, context=context_of(channel))
