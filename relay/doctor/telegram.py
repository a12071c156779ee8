"""Whether Telegram knows the bot, and whether its updates come to us. Asks nothing that would take updates away."""

from typing import Final

import aiohttp

from relay.doctor.finding import Finding, well, wrong
from relay.errors import RelayError, Unavailable
from relay.settings.schema import Settings
from relay.telegram.api import TokenRefused, call, open_bot

_PATIENCE: Final = 15.0
#: Updates that wait at Telegram while a relay runs: more than that, and nobody fetches them.
_MANY: Final = 100


async def check_bot(settings: Settings, session: aiohttp.ClientSession) -> list[Finding]:
    """GetMe and getWebhookInfo, https://core.telegram.org/bots/api#getwebhookinfo."""
    bot = open_bot(settings.telegram_bot_token.get_secret_value(), settings.telegram_api_url, session)
    try:
        me = await call(bot, "getMe", {}, read_timeout=_PATIENCE)
        webhook = await call(bot, "getWebhookInfo", {}, read_timeout=_PATIENCE)
    except TokenRefused:
        return [
            wrong("bot", "Telegram does not know TELEGRAM_BOT_TOKEN", "Get it anew: @BotFather, /mybots, API Token.")
        ]
    except Unavailable as error:
        return [wrong("bot", str(error), f"Can this machine reach {settings.telegram_api_url}? Look at its network.")]
    except RelayError as error:
        return [wrong("bot", str(error), "Is TELEGRAM_API_URL a Bot API server?")]
    name = me.get("username") if isinstance(me, dict) else None
    if not isinstance(name, str):
        return [wrong("bot", "what answers is no Bot API server", "Look at TELEGRAM_API_URL.")]
    return [well("bot", f"@{name} answers, id {settings.bot_id}"), _updates(webhook)]


def _updates(webhook: object) -> Finding:
    info = webhook if isinstance(webhook, dict) else {}
    waiting = info.get("pending_update_count", 0)
    if info.get("url"):
        return wrong(
            "updates",
            "a webhook is set, so they go to another program",
            "If that is meant to end, open the bot in @BotFather or call deleteWebhook; the relay polls.",
        )
    if isinstance(waiting, int) and waiting > _MANY:
        return wrong("updates", f"{waiting} wait at Telegram, which drops them after 24 hours", "Start the relay.")
    return well("updates", f"no webhook is in the way, {waiting} wait at Telegram")
