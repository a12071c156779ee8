"""Three relays on one PostgreSQL behind the Caddy of `deploy/several.yml`, which finds them by asking a name server."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import RelayProcess, free_port, relay_between
from tests.e2e.test_behind_caddy import CHATS, NEWEST, answers_while, caddy_before, numbers
from tests.postgresql import empty_postgresql
from tests.waiting import eventually

_ADDRESSES: Final = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


class _NameServer(asyncio.DatagramProtocol):
    """As Docker's: says where the relays are, whatever it is asked."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        end = data.index(b"\0", 12) + 5  # of the one question: a name, its kind, its class
        question, kind = data[12:end], data[end - 4 : end - 2]
        found = _ADDRESSES if kind == b"\0\1" else ()
        rows = [b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", 1, 4) + bytes(map(int, each.split("."))) for each in found]
        self.transport.sendto(
            data[:2] + struct.pack(">5H", 0x8180, 1, len(rows), 0, 0) + question + b"".join(rows), addr
        )


@asynccontextmanager
async def _three(telegram: TelegramLookAlike, kit: KitLookAlike, home: Path) -> AsyncIterator[list[RelayProcess]]:
    """Three relays that run and Caddy before them: as the file says, but for the port and where the name server is."""
    port, url, loop = free_port(), empty_postgresql(), asyncio.get_running_loop()
    names, _ = await loop.create_datagram_endpoint(_NameServer, local_addr=("127.0.0.1", 0))
    there = {"port 8080": f"port {port}", "127.0.0.11": "127.0.0.1:{}".format(names.get_extra_info("sockname")[1])}
    public = f"http://127.0.0.1:{free_port()}"
    async with AsyncExitStack() as stack:
        stack.callback(names.close)
        relays = []
        for address in _ADDRESSES:
            settings = {"RELAY_HOST": address, "RELAY_PORT": str(port), "RELAY_PUBLIC_URL": public}
            relay = await stack.enter_async_context(
                relay_between(telegram, kit, home / address, RELAY_DATABASE_URL=url, **settings)
            )
            await relay.begin()
            await relay.ready()
            relays.append(relay)
        await stack.enter_async_context(caddy_before(relays[0], NEWEST, "Caddyfile.several", public, there))
        kit.callbacks.url = f"{public}/kit/callback"
        yield relays


async def _statuses(links: list[str]) -> set[int]:
    """What an agent's browser is answered that opens them."""
    async with aiohttp.ClientSession() as session:
        answers = [await session.get(link) for link in links]
        assert {await answer.read() for answer in answers} == {b"some words"}
    return {answer.status for answer in answers}


async def test_one_is_killed_and_one_is_stopped_and_nobody_notices(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Callbacks go to all three. Through a kill and a stop each gets its 200, and arrives; media links go on."""
    async with _three(telegram, kit, tmp_path) as relays:
        customers = [telegram.customer(6_000_001 + number) for number in range(CHATS)]
        for customer in customers:
            customer.sends_raw(customer.attachment("document", b"some words", file_name="words.txt"))
        await kit.wait_for(lambda: len(kit.clients) == CHATS)
        links = [kit.messages(str(customer.id))[0].payload[0]["file_url"] for customer in customers]

        async def all_take_part() -> bool:
            return all("callback.received" in relay.log for relay in relays)

        async def disturb() -> float:
            await eventually(all_take_part)
            await relays[0].kill()
            assert await _statuses(links) == {200}
            await asyncio.sleep(0.5)
            assert await relays[1].stop() == 0
            assert await _statuses(links) == {200}
            await asyncio.sleep(0.5)
            return 0.0

        answers, _ = await answers_while(kit, [str(customer.id) for customer in customers], disturb)
        assert {one.posted.status for each in answers.values() for one in each} == {200}
        assert max(one.posted.seconds for each in answers.values() for one in each) < 5.0
        for chat, each in answers.items():
            await telegram.wait_for(lambda: {*range(len(each))} <= {*numbers(telegram, chat)})  # noqa: B023 - at once
            assert list(dict.fromkeys(numbers(telegram, chat))) == list(range(len(each)))
