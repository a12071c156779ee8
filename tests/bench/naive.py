"""The relay that one writes in an afternoon, and as good as its kind gets: what the relay is measured against.

python-telegram-bot's `Application` with long polling, its default transport and concurrent updates; Kit's token from
one login at the start; an agent's message goes to Telegram before Kit gets its 200. Nothing is on disk. Reads the same
environment variables as the relay, and imports nothing of it.
"""

import asyncio
import hashlib
import hmac
import os
import signal
from dataclasses import dataclass
from typing import Any

import aiohttp
import uvloop
from aiohttp import web
from telegram import Bot, Update
from telegram.ext import Application, ContextTypes, MessageHandler, filters


@dataclass(frozen=True)
class Kit:
    """One channel, logged in."""

    session: aiohttp.ClientSession
    url: str
    headers: dict[str, str]

    async def on_message(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Hand a customer's text to Kit."""
        message, user = update.effective_message, update.effective_user
        if message is None or user is None:
            return
        event = {
            "client_data": {"client_id": str(user.id), "client_display_name": user.full_name},
            "event_id": str(update.update_id),
            "event_type": "send_message",
            "event_data": {"message": {"message_id": str(message.message_id), "text": message.text}},
        }
        async with self.session.post(self.url, json=event, headers=self.headers) as response:
            response.raise_for_status()


@dataclass(frozen=True)
class Callback:
    """Kit's callback."""

    bot: Bot
    secret: str

    async def on_event(self, request: web.Request) -> web.Response:
        """Hand an agent's text to Telegram."""
        event = await request.json()
        expected = hashlib.md5(f"{self.secret}:{event['event_id']}".encode(), usedforsecurity=False).hexdigest()
        if not hmac.compare_digest(request.headers.get("Authorization", ""), expected):
            return web.Response(status=401)
        if event["event_type"] == "send_message":
            text = event["event_data"]["message"]["text"]
            await self.bot.send_message(int(event["client_data"]["client_id"]), text)
        return web.Response(text="OK")


async def login(session: aiohttp.ClientSession, url: str) -> dict[str, str]:
    """The headers for Kit."""
    query = {"domain": os.environ["KIT_DOMAIN"], "access_token": os.environ["KIT_API_TOKEN"]}
    form = {"channel_uuid": os.environ["KIT_CHANNEL_UUID"]}
    async with session.post(f"{url}/api/v3/botService/login", params=query, data=form) as response:
        token = (await response.json())["result"]["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def healthz(_: web.Request) -> web.Response:
    """Alive."""
    return web.Response(text="OK")


async def main() -> None:
    """Relay until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    kit_url, channel = os.environ["KIT_API_URL"], os.environ["KIT_CHANNEL_UUID"]
    application: Application[Any, Any, Any, Any, Any, Any] = (
        Application.builder()
        .token(os.environ["TELEGRAM_BOT_TOKEN"])
        .base_url(f"{os.environ['TELEGRAM_API_URL']}/bot")
        .concurrent_updates(True)  # noqa: FBT003 - python-telegram-bot's own spelling
        .build()
    )
    async with aiohttp.ClientSession() as session, application:
        kit = Kit(session, f"{kit_url}/{channel}", await login(session, kit_url))
        application.add_handler(MessageHandler(filters.TEXT, kit.on_message))
        callback = Callback(application.bot, f"{os.environ['KIT_SECURITY_SALT']}:{os.environ['KIT_API_TOKEN']}")
        server = web.Application()
        server.add_routes([web.post("/kit/callback", callback.on_event), web.get("/healthz", healthz)])
        runner = web.AppRunner(server, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(os.environ["RELAY_PORT"]), backlog=1024).start()
        await application.start()
        updater = application.updater
        assert updater is not None
        await updater.start_polling()
        await stop.wait()
        await updater.stop()
        await application.stop()
        await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(main())
