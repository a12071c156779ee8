"""`python -m tests.campaigns.torn`: every answer of Kit's and of Telegram's is cut off once at each of its bytes.

Between the relay and either side stands a proxy. The first message of each chat gets its answer up to a byte, another
byte for each chat, and then its connection is reset; or the answer stops there, and the connection is never closed, as
when the way between has died (`--silent`). What was asked has been done: nobody can know. Nothing is lost or turned
round, Kit's repeat has the same id, and Telegram's comes at most once.
"""

import argparse
import asyncio
import re
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns.kills import settled
from tests.campaigns.ledger import Verdict, by_agent, by_customer, draw_up
from tests.e2e.process import relay_between

FIRST: Final = 6_000_001
#: An answer with its head, about; beyond its end nothing is cut.
BYTES: Final = 420
TOGETHER: Final = 6  #: Chats whose answers are cut at the same time: a side that fails at everybody is another fault.
_CHUNK: Final = 65536


class Tears:
    """A proxy that cuts answers off. A request that holds a mark of which the place is known is cut there, once."""

    def __init__(self, port: int, places: dict[str, int], mark: re.Pattern[bytes], *, silent: bool) -> None:
        self.port = 0
        self.torn = 0  #: Answers that were cut off.
        self._seen: set[str] = set()
        self._there = port
        self._places, self._mark, self._silent = places, mark, silent
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Let go of everybody."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        with suppress(OSError, asyncio.CancelledError):
            upstream, sink = await asyncio.open_connection("127.0.0.1", self._there)
            cut: list[int] = []
            await asyncio.gather(self._ask(reader, sink, cut), self._answer(upstream, writer, cut))

    async def _ask(self, reader: asyncio.StreamReader, sink: asyncio.StreamWriter, cut: list[int]) -> None:
        while chunk := await reader.read(_CHUNK):
            for found in self._mark.findall(chunk):
                mark = found.decode()
                if mark in self._places and mark not in self._seen:
                    self._seen.add(mark)
                    cut[:] = [self._places[mark]]
            sink.write(chunk)
        sink.close()

    async def _answer(self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: list[int]) -> None:
        while chunk := await upstream.read(_CHUNK):
            if cut and cut[0] < len(chunk):
                self.torn += 1
                writer.write(chunk[: cut[0]])
                await writer.drain()
                if self._silent:
                    await asyncio.Event().wait()
                writer.transport.abort()
                return
            cut.clear()
            writer.write(chunk)
        writer.close()


async def tear(home: Path, every: int, *, silent: bool) -> tuple[int, Verdict]:
    """Cut at one byte in so many. How many answers were cut, and the ledger."""
    places = range(0, BYTES, every)
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit:
        chats = [FIRST + number for number in range(len(places))]
        of_kit = {by_customer(chat, 2): place for chat, place in zip(chats, places, strict=True)}
        of_telegram = {by_agent(chat, 1): place for chat, place in zip(chats, places, strict=True)}
        before_kit = Tears(kit.server.port, of_kit, re.compile(rb"c\d+n2(?!\d)"), silent=silent)
        before_telegram = Tears(telegram.server.port, of_telegram, re.compile(rb"a\d+n1(?!\d)"), silent=silent)
        await before_kit.start()
        await before_telegram.start()
        settings = {
            "KIT_API_URL": kit.url.replace(str(kit.server.port), str(before_kit.port)),
            "TELEGRAM_API_URL": telegram.url.replace(str(telegram.server.port), str(before_telegram.port)),
            "RELAY_LOG_LEVEL": "INFO",
        }
        async with relay_between(telegram, kit, home, **settings) as relay:
            await relay.start()
            for chat in chats:
                telegram.customer(chat).writes(by_customer(chat, 1))
            await kit.wait_for(lambda: len(kit.clients) == len(chats), 60)
            for first in range(0, len(chats), TOGETHER):
                for chat in chats[first : first + TOGETHER]:
                    telegram.customer(chat).writes(by_customer(chat, 2))
                    telegram.customer(chat).writes(by_customer(chat, 3))
                    kit.enqueue_callbacks([kit.callbacks.message(str(chat), by_agent(chat, n)) for n in (1, 2)])
                await settled(telegram, kit, relay, 180)
            await relay.stop()
            database = relay.environment["RELAY_DATABASE_URL"]
            verdict = draw_up(telegram, kit, database, interruptions=1)
        before_kit.close()
        before_telegram.close()
        return before_kit.torn + before_telegram.torn, verdict


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.torn", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take one byte in so many")
    parser.add_argument("--silent", action="store_true", help="the answer stops, and the connection stays")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        torn, verdict = asyncio.run(tear(Path(home), options.every, silent=options.silent))
    print(f"{torn} answers torn: {verdict}")  # noqa: T201 - a report
    return 0 if verdict.held and not verdict.kept else 1


if __name__ == "__main__":
    sys.exit(main())
