"""The ceiling: raw aiohttp between the two APIs, and nothing else.

No library's objects, no database, no order, no retry: what comes in is sent on from memory. It loses everything at a
crash. Whatever promises something costs more than this. Reads the same environment variables as the relay.
"""

import asyncio
import hashlib
import hmac
import os
import signal
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import uvloop
from aiohttp import web

IN_FLIGHT = 512  #: Requests to either side at the same time.


@dataclass(frozen=True)
class Sides:
    """Where both APIs are, and how one speaks to them."""

    session: aiohttp.ClientSession
    telegram: str
    kit: str
    headers: dict[str, str]
    places: asyncio.Semaphore

    async def to_kit(self, message: dict[str, Any], update_id: int) -> None:
        """Hand a customer's text to Kit."""
        user = message["from"]
        event = {
            "client_data": {"client_id": str(user["id"]), "client_display_name": user["first_name"]},
            "event_id": str(update_id),
            "event_type": "send_message",
            "event_data": {"message": {"message_id": str(message["message_id"]), "text": message["text"]}},
        }
        async with self.places, self.session.post(self.kit, data=orjson.dumps(event), headers=self.headers) as answer:
            await answer.read()

    async def to_telegram(self, chat_id: int, text: str) -> None:
        """Hand an agent's text to Telegram."""
        body = orjson.dumps({"chat_id": chat_id, "text": text})
        headers = {"Content-Type": "application/json"}
        async with self.places, self.session.post(f"{self.telegram}/sendMessage", data=body, headers=headers) as answer:
            await answer.read()

    async def poll(self, tasks: asyncio.TaskGroup) -> None:
        """Ask for updates for ever."""
        offset = 0
        while True:
            asked = {"offset": offset, "timeout": 30}
            async with self.session.post(f"{self.telegram}/getUpdates", json=asked) as answer:
                updates = orjson.loads(await answer.read())["result"]
            for update in updates:
                offset = update["update_id"] + 1
                tasks.create_task(self.to_kit(update["message"], update["update_id"]))


async def healthz(_: web.Request) -> web.Response:
    """Alive."""
    return web.Response(text="OK")


async def main() -> None:
    """Relay until SIGTERM."""
    kit_url, channel = os.environ["KIT_API_URL"], os.environ["KIT_CHANNEL_UUID"]
    secret = f"{os.environ['KIT_SECURITY_SALT']}:{os.environ['KIT_API_TOKEN']}"
    telegram = f"{os.environ['TELEGRAM_API_URL']}/bot{os.environ['TELEGRAM_BOT_TOKEN']}"
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as tasks:
        headers = {**await login(session, kit_url), "Content-Type": "application/json"}
        sides = Sides(session, telegram, f"{kit_url}/{channel}", headers, asyncio.Semaphore(IN_FLIGHT))

        async def on_event(request: web.Request) -> web.Response:
            event = orjson.loads(await request.read())
            expected = hashlib.md5(f"{secret}:{event['event_id']}".encode(), usedforsecurity=False).hexdigest()
            if not hmac.compare_digest(request.headers.get("Authorization", ""), expected):
                return web.Response(status=401)
            text = event["event_data"]["message"]["text"]
            tasks.create_task(sides.to_telegram(int(event["client_data"]["client_id"]), text))
            return web.Response(text="OK")

        server = web.Application()
        server.add_routes([web.post("/kit/callback", on_event), web.get("/healthz", healthz)])
        runner = web.AppRunner(server, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(os.environ["RELAY_PORT"]), backlog=1024).start()
        polling = tasks.create_task(sides.poll(tasks))
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
        polling.cancel()
        await runner.cleanup()


async def login(session: aiohttp.ClientSession, url: str) -> dict[str, str]:
    """The headers for Kit."""
    query = {"domain": os.environ["KIT_DOMAIN"], "access_token": os.environ["KIT_API_TOKEN"]}
    form = {"channel_uuid": os.environ["KIT_CHANNEL_UUID"]}
    async with session.post(f"{url}/api/v3/botService/login", params=query, data=form) as response:
        token = (await response.json())["result"]["access_token"]
    return {"Authorization": f"Bearer {token}"}


if __name__ == "__main__":
    uvloop.run(main())
