"""Addresses where nothing may be fetched, in all their spellings: directly, by redirect, and by a name that moves."""

import ipaddress
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

from aiohttp import web

from relay.errors import RelayError, SourceRefused
from tests.campaigns.attacks.attacked import ANNA, Result, attacked
from tests.telegram.hostile_addresses import HOSTILE, INSIDE, LOOPBACKS, Rebinding, counting, fetcher, serving

_SECRET_PATH: Final = "/secret-path?secret-query"


def spellings_of(address: ipaddress.IPv4Address) -> Iterator[str]:
    """The ways in which people, and libraries, write an IPv4 address as a host."""
    number, parts = int(address), str(address).split(".")
    high, low = number >> 16, number & 0xFFFF
    yield from (str(address), f"{address}.", str(number), hex(number), oct(number).replace("o", ""))
    yield ".".join(f"{int(part):#x}" for part in parts)
    yield ".".join(f"0{int(part):o}" for part in parts)
    yield f"{parts[0]}.{int(number & 0xFFFFFF)}"
    yield f"{parts[0]}.{parts[1]}.{low}"
    yield from (f"[::ffff:{address}]", f"[::ffff:{high:x}:{low:x}]", f"[::{high:x}:{low:x}]")
    yield from (f"[64:ff9b::{high:x}:{low:x}]", f"[2002:{high:x}:{low:x}::1]")
    yield str(address).translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})


def targets(port: int) -> list[str]:
    """Every hostile URL, once: those of the tables, and each inner IPv4 address in each of its spellings."""
    written = [template.replace("{port}", str(port)) for template in HOSTILE]
    for inside in INSIDE:
        if ":" not in inside:
            spelt = spellings_of(ipaddress.IPv4Address(inside))
            written += [f"https://{each}:{port}{_SECRET_PATH}" for each in spelt]
    return list(dict.fromkeys(written))


class _Connections:
    """Every attempt of this process to connect, wherever it leads: also where nobody listens."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.allowed: set[int] = set()  #: Ports of our own servers.
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][1] not in self.allowed:
            self.seen.append(arguments[1])

    @contextmanager
    def watched(self, result: Result, what: str) -> Iterator[None]:
        """Nobody is connected to within the block."""
        self.seen.clear()
        yield
        result.tried += 1
        result.expect(f"{what}: connected to {self.seen}", held=not self.seen)


async def attack_targets(home: Path, count: int, dice: Random) -> Result:
    """All of them by the part that fetches agents' files, and so many by a whole relay."""
    result = Result("inner addresses in agents' links")
    home.mkdir()  # noqa: ASYNC240 - before anything runs
    connections = _Connections()
    async with counting() as (port, visitors):
        hostile = targets(port)
        refused = await _fetch_directly_and_by_redirect(home, hostile, connections, result)
        await _fetch_by_moving_names(home, port, connections, result)
        result.note = f"{len(hostile)} spellings, {len(INSIDE)} addresses of names that move"
        here = [url for url in refused if "\r" not in url and any(f"//{host}:" in url for host in LOOPBACKS)]
        await _by_callback(home / "relay", dice.sample(here, min(count, len(here))), result)
        result.expect(f"{len(visitors)} connections arrived", held=not visitors)
    return result


async def _fetch_directly_and_by_redirect(
    home: Path, hostile: list[str], connections: _Connections, result: Result
) -> list[str]:
    """Those that were refused for good; others are names that lead nowhere here, and would be tried again."""
    current, refused = "", list[str]()

    async def redirect(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": current})

    async with serving(redirect) as trusted, fetcher(home, frozenset({trusted}), idle=2.0) as files:
        connections.allowed.add(int(trusted.rpartition(":")[2]))
        for url in hostile:
            current = url
            for asked in [url] if "\r" in url else [url, f"http://{trusted}/start"]:
                with connections.watched(result, f"{url} by {asked}"):
                    try:
                        async with files.fetch(asked):
                            result.expect(f"fetched {url}", held=False)
                    except RelayError as error:
                        result.expect(f"{url}: its path is told", held="secret" not in str(error))
                        refused += [url] if isinstance(error, SourceRefused) and asked == url else []
    return refused


async def _fetch_by_moving_names(home: Path, port: int, connections: _Connections, result: Result) -> None:
    """Public when it is first asked for, inside from then on."""
    for inside in INSIDE:
        async with fetcher(home, resolver=Rebinding(inside), idle=2.0) as files:
            for _ in range(2):
                with connections.watched(result, f"a name that moves to {inside}"):
                    try:
                        async with files.fetch(f"https://rebind.example:{port}{_SECRET_PATH}"):
                            result.expect(f"fetched from {inside}", held=False)
                    except RelayError:
                        pass


async def _by_callback(home: Path, hostile: list[str], result: Result) -> None:
    """As files of an agent's messages, directly and by a redirect of Kit's own, trusted host."""
    async with attacked(home, RELAY_LOG_LEVEL="INFO") as desk:
        for number, url in enumerate(hostile):
            hosted = desk.kit.host_file(b"x", f"{number}.bin")
            desk.kit.hosted(hosted).redirect_to = url
            items = [{"type": "document", "file_name": "a.bin", "file_url": each} for each in (url, hosted)]
            desk.kit.enqueue_callbacks([desk.kit.callbacks.message(str(ANNA), None, items)])
            result.tried += len(items)
        await desk.kit.callbacks_done(60)
        await desk.relay.settled("to_telegram", within=60)
        sent = [call for call in desk.telegram.calls if call.method == "sendDocument"]
        result.expect(f"{len(sent)} files arrived", held=not sent)
        await desk.check(result)
