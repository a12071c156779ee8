"""Whether Telegram knows the bot, and whether its updates come to us. Asks nothing that would take updates away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from telegram import Bot

from relay.doctor.finding import Finding, skipped, well, wrong
from relay.errors import NotAccepted, RelayError, Unavailable
from relay.settings.schema import Settings
from relay.telegram.api import TokenRefused, call, open_bot
from relay.telegram.request import open_session

_PATIENCE: Final = 15.0
#: Updates that wait at Telegram while a relay runs: more than that, and nobody fetches them.
_MANY: Final = 100


@asynccontextmanager
async def the_bot(settings: Settings) -> AsyncIterator[Bot]:
    """The bot, by the way that the relay takes to it."""
    async with open_session(settings.telegram_proxy_url) as session:
        yield open_bot(settings.telegram_bot_token.get_secret_value(), settings.telegram_api_url, session)


async def check_bot(settings: Settings, webhook_url: str = "") -> list[Finding]:
    """GetMe and getWebhookInfo; `webhook_url` would be this relay's. https://core.telegram.org/bots/api#getwebhookinfo."""
    through = f" through the proxy {settings.telegram_proxy_name}" if settings.telegram_proxy else ""
    try:
        async with the_bot(settings) as bot:
            me = await call(bot, "getMe", {}, read_timeout=_PATIENCE)
            webhook = await call(bot, "getWebhookInfo", {}, read_timeout=_PATIENCE)
    except TokenRefused:
        return [
            wrong("bot", "Telegram does not know TELEGRAM_BOT_TOKEN", "Get it anew: @BotFather, /mybots, API Token.")
        ]
    except Unavailable as error:
        return [wrong("bot", str(error), _way(settings))]
    except RelayError as error:
        return [wrong("bot", str(error), "Is TELEGRAM_API_URL a Bot API server?")]
    name = me.get("username") if isinstance(me, dict) else None
    if not isinstance(name, str):
        return [wrong("bot", "what answers is no Bot API server", "Look at TELEGRAM_API_URL.")]
    return [well("bot", f"@{name} answers{through}, id {settings.bot_id}"), _updates(settings, webhook_url, webhook)]


async def check_alert_chat(settings: Settings) -> list[Finding]:
    """Whether the bot is in the chat where it is to call people. https://core.telegram.org/bots/api#getchat."""
    chat_id = settings.relay_alert_chat
    if chat_id is None:
        return []
    try:
        async with the_bot(settings) as bot:
            chat = await call(bot, "getChat", {"chat_id": chat_id}, read_timeout=_PATIENCE)
    except NotAccepted:
        words = "the bot is not in the chat of RELAY_ALERT_CHAT"
        return [wrong("alerts", words, "Add it to the group, or write to it from the private chat.")]
    except RelayError as error:
        return [skipped("alerts", f"nobody could say whether the chat is there ({error})")]
    kind = chat.get("type") if isinstance(chat, dict) else "chat"
    return [well("alerts", f"the bot is in the {kind} where it is to call people")]


def _way(settings: Settings) -> str:
    """Where to look when Telegram is not reached."""
    if settings.telegram_proxy is not None:
        proxy = settings.telegram_proxy_name
        return (
            f"Does the proxy {proxy} run, and let this machine to {settings.telegram_api_url}? Look at TELEGRAM_PROXY."
        )
    return (
        f"Can this machine reach {settings.telegram_api_url}? Look at its network. "
        "If Telegram is blocked here: docs/where-telegram-is-blocked.md."
    )


def _updates(settings: Settings, url: str, webhook: object) -> Finding:
    info = webhook if isinstance(webhook, dict) else {}
    if settings.telegram_mode == "webhook":
        return _brought(info, url)
    if info.get("url") == url:
        return well("updates", "Telegram brings them to this relay still; it gives up its webhook when it polls")
    if info.get("url"):
        return wrong(
            "updates",
            "a webhook is set, so they go to another program",
            "If that is meant to end, open the bot in @BotFather or call deleteWebhook; the relay polls.",
        )
    waiting = info.get("pending_update_count", 0)
    return _waiting(info) or well("updates", f"no webhook is in the way, {waiting} wait at Telegram")


def _brought(info: dict[str, Any], url: str) -> Finding:
    said = info.get("last_error_message")
    if info.get("url") != url:
        where = "to another address" if info.get("url") else "nowhere yet"
        return wrong("updates", f"Telegram brings them {where}", "Start the relay: it registers its webhook itself.")
    if info.get("pending_update_count") and isinstance(said, str):
        return wrong(
            "updates",
            f"Telegram cannot bring them ({info['pending_update_count']} wait): {said[:200]}",
            "Look at RELAY_PUBLIC_URL, its certificate and the proxy: Telegram must reach port 443, 80, 88 or 8443.",
        )
    return _waiting(info) or well("updates", f"Telegram brings them, {info.get('pending_update_count', 0)} wait there")


def _waiting(info: dict[str, Any]) -> Finding | None:
    waiting = info.get("pending_update_count", 0)
    if isinstance(waiting, int) and waiting > _MANY:
        return wrong("updates", f"{waiting} wait at Telegram, which drops them after 24 hours", "Start the relay.")
    return None
