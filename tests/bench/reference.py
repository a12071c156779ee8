"""What the promises cost at least: durable, ordered, once, and as little code as that can be.

Updates and callbacks are committed (SQLite, `synchronous=FULL`, group commit) before they are acknowledged; each chat
has one message in flight a side, in order; a restart goes on with what was not delivered. Nothing else: no media, no
retries with patience, no dead letters, no languages. Reads the same environment variables as the relay.
"""

import asyncio
import hashlib
import hmac
import os
import signal
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
import uvloop
from aiohttp import web

from tests.bench.bare import IN_FLIGHT, healthz, login

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS inbox (side TEXT, id TEXT, PRIMARY KEY (side, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, side TEXT, chat TEXT, body TEXT, done INTEGER DEFAULT 0);
CREATE INDEX IF NOT EXISTS waiting ON outbox (id) WHERE done = 0;
CREATE TABLE IF NOT EXISTS offset (one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER);
INSERT OR IGNORE INTO offset VALUES (1, 0);
"""

#: A row for the outbox: side, source id, chat, body.
Row = tuple[str, str, str, str]


class Store:
    """One connection in one thread; whatever waits is committed together."""

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._path = path
        self._waiting: list[tuple[Callable[[sqlite3.Connection], Any], asyncio.Future[Any]]] = []
        self._wake = asyncio.Event()

    async def open(self) -> tuple[int, list[tuple[int, str, str, str]]]:
        """The polling offset, and what was not delivered yet."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    def _open(self) -> tuple[int, list[tuple[int, str, str, str]]]:
        self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(_SCHEMA)
        [(offset,)] = self._connection.execute("SELECT next FROM offset").fetchall()
        waiting = self._connection.execute("SELECT id, side, chat, body FROM outbox WHERE done = 0 ORDER BY id")
        return offset, waiting.fetchall()

    async def run(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """Do this in the next transaction; returns after its commit."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        self._wake.set()
        return await done

    async def commit_forever(self) -> None:
        """Commit what waits."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            results = await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, batch)
            for (_, done), result in zip(batch, results, strict=True):
                if not done.done():
                    done.set_result(result)

    def _commit(self, batch: Sequence[tuple[Callable[[sqlite3.Connection], Any], Any]]) -> list[Any]:
        self._connection.execute("BEGIN IMMEDIATE")
        results = [work(self._connection) for work, _ in batch]
        self._connection.execute("COMMIT")
        return results


def accept(rows: Sequence[Row], offset: int | None) -> Callable[[sqlite3.Connection], list[int | None]]:
    """Write what is new, and the offset. The ids of what is to be delivered; None for what was known."""

    def work(connection: sqlite3.Connection) -> list[int | None]:
        ids: list[int | None] = []
        for side, source, chat, body in rows:
            if connection.execute("INSERT OR IGNORE INTO inbox VALUES (?, ?)", (side, source)).rowcount:
                values = (side, chat, body)
                ids.append(
                    connection.execute("INSERT INTO outbox (side, chat, body) VALUES (?, ?, ?)", values).lastrowid
                )
            else:
                ids.append(None)
        if offset is not None:
            connection.execute("UPDATE offset SET next = ?", (offset,))
        return ids

    return work


def settle(delivery: int) -> Callable[[sqlite3.Connection], None]:
    """Note that it arrived."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE outbox SET done = 1 WHERE id = ?", (delivery,))

    return work


class Lanes:
    """One message in flight for each chat and side, in order. `send` says whether it arrived."""

    def __init__(
        self, store: Store, send: Callable[[str, str], Awaitable[bool]], tasks: asyncio.TaskGroup, stop: asyncio.Event
    ) -> None:
        self._store = store
        self._send = send
        self._tasks = tasks
        self._stop = stop
        self._lanes: dict[tuple[str, str], deque[tuple[int, str]]] = {}

    def put(self, delivery: int, side: str, chat: str, body: str) -> None:
        """Let this follow what waits in its lane."""
        lane = self._lanes.get((side, chat))
        if lane is None:
            self._lanes[side, chat] = deque([(delivery, body)])
            self._tasks.create_task(self._carry(side, chat))
        else:
            lane.append((delivery, body))

    async def _carry(self, side: str, chat: str) -> None:
        lane = self._lanes[side, chat]
        while lane and not self._stop.is_set():
            delivery, body = lane[0]
            if await self._send(side, body):
                await self._store.run(settle(delivery))
                lane.popleft()
        del self._lanes[side, chat]


def event_of(update: dict[str, Any]) -> Row:
    """A customer's text as Kit wants it."""
    message = update["message"]
    user = message["from"]
    event = {
        "client_data": {"client_id": str(user["id"]), "client_display_name": user["first_name"]},
        "event_id": str(update["update_id"]),
        "event_type": "send_message",
        "event_data": {"message": {"message_id": str(message["message_id"]), "text": message["text"]}},
    }
    return "kit", str(update["update_id"]), str(user["id"]), orjson.dumps(event).decode()


class Relay:
    """Both ways, over one store."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        store: Store,
        token: dict[str, str],
        tasks: asyncio.TaskGroup,
        stop: asyncio.Event,
    ) -> None:
        self._session = session
        self._store = store
        self._stop = stop
        self._telegram = f"{os.environ['TELEGRAM_API_URL']}/bot{os.environ['TELEGRAM_BOT_TOKEN']}"
        self._secret = f"{os.environ['KIT_SECURITY_SALT']}:{os.environ['KIT_API_TOKEN']}"
        plain = {"Content-Type": "application/json"}
        kit = f"{os.environ['KIT_API_URL']}/{os.environ['KIT_CHANNEL_UUID']}"
        self._ways = {"kit": (kit, {**token, **plain}), "telegram": (f"{self._telegram}/sendMessage", plain)}
        self._places = asyncio.Semaphore(IN_FLIGHT)
        self.lanes = Lanes(store, self._send, tasks, stop)

    async def _send(self, side: str, body: str) -> bool:
        url, headers = self._ways[side]
        while not self._stop.is_set():
            async with self._places, self._session.post(url, data=body.encode(), headers=headers) as answer:
                await answer.read()
            if answer.status == 200:
                return True
            await asyncio.sleep(1)
        return False

    async def _take(self, rows: Sequence[Row], offset: int | None = None) -> None:
        for delivery, (side, _, chat, body) in zip(await self._store.run(accept(rows, offset)), rows, strict=True):
            if delivery is not None:
                self.lanes.put(delivery, side, chat, body)

    async def poll(self, offset: int) -> None:
        """Ask for updates for ever; the next question confirms what was committed."""
        while True:
            asked = {"offset": offset, "timeout": 30}
            async with self._session.post(f"{self._telegram}/getUpdates", json=asked) as answer:
                updates = orjson.loads(await answer.read())["result"]
            if updates:
                offset = updates[-1]["update_id"] + 1
                await self._take([event_of(update) for update in updates], offset)

    async def on_event(self, request: web.Request) -> web.Response:
        """Take an agent's text; 200 means that it is on disk."""
        event = orjson.loads(await request.read())
        expected = hashlib.md5(f"{self._secret}:{event['event_id']}".encode(), usedforsecurity=False).hexdigest()
        if not hmac.compare_digest(request.headers.get("Authorization", ""), expected):
            return web.Response(status=401)
        chat = event["client_data"]["client_id"]
        body = orjson.dumps({"chat_id": int(chat), "text": event["event_data"]["message"]["text"]}).decode()
        await self._take([("telegram", event["event_id"], chat, body)])
        return web.Response(text="OK")


async def main() -> None:
    """Relay until SIGTERM; what is on its way then is settled still, and what waits goes on with the next start."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    store = Store(Path(os.environ["RELAY_DATA_DIR"]) / "reference.db")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session, asyncio.TaskGroup() as last:
        committing = last.create_task(store.commit_forever())  # until each lane has settled what was on its way
        async with asyncio.TaskGroup() as tasks:
            token = await login(session, os.environ["KIT_API_URL"])
            await serve(Relay(session, store, token, tasks, stop), store, tasks, stop)
        committing.cancel()


async def serve(relay: Relay, store: Store, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> None:
    """Go on where the last run ended, and take what comes, until `stop`."""
    offset, waiting = await store.open()
    for delivery, side, chat, body in waiting:
        relay.lanes.put(delivery, side, chat, body)
    server = web.Application()
    server.add_routes([web.post("/kit/callback", relay.on_event), web.get("/healthz", healthz)])
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["RELAY_PORT"]), backlog=1024).start()
    polling = tasks.create_task(relay.poll(offset))
    await stop.wait()
    polling.cancel()
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(main())
