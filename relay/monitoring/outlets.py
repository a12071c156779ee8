"""Where alerts are told: a program that takes JSON, and a chat in Telegram."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import aiohttp
import orjson

from relay.monitoring.alerts import Line, Outlet
from relay.monitoring.standard_webhook import headers_for, post
from relay.settings.schema import Settings

#: Sends a line to a chat. Raises RelayError.
Say = Callable[[int, str], Awaitable[object]]


def outlets_of(settings: Settings, session: aiohttp.ClientSession, say: Say) -> dict[str, Outlet]:
    """Those that are set, by the name under which the store notes what each was told."""
    outlets: dict[str, Outlet] = {}
    url, secret, chat = settings.relay_alert_url, settings.relay_alert_secret, settings.relay_alert_chat
    if url is not None and secret is not None:
        outlets["url"] = _to_url(session, url, secret.get_secret_value())
    if chat is not None:
        outlets["chat"] = lambda line: say(chat, line.text)
    return outlets


def _to_url(session: aiohttp.ClientSession, url: str, secret: str) -> Outlet:
    async def tell(line: Line) -> None:
        body = body_of(line)
        await post(session, url, headers_for(secret, line.id, int(time.time()), body), body)

    return tell


def body_of(line: Line) -> bytes:
    """The JSON of an alert: Standard Webhooks' `type`, `timestamp` and `data`."""
    alert = line.alert
    at = alert.since if alert.over_at is None else alert.over_at
    return orjson.dumps(
        {
            "type": f"alert.{line.stage}",
            "timestamp": datetime.fromtimestamp(at, UTC).isoformat(),
            "data": {
                "name": alert.name,
                "kind": alert.kind,
                "channel": alert.channel or None,
                "reason": alert.reason,
                "since": datetime.fromtimestamp(alert.since, UTC).isoformat(),
                "text": line.text,
            },
        }
    )
