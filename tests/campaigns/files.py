"""`python -m tests.campaigns.files`: agents' files at servers that fail in every way, each in a chat of its own.

Words and what the agent writes next are there within 6 seconds; the file follows when it can be had, or is given up
after 30 minutes; the agent is told once, and truly, either way. An album keeps its nine healthy files. What moves
slowly keeps its words and its place, however long it takes.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import TestServer

from relay.delivery.policy import LATE_PATIENCE
from relay.sandbox.kit.control import control_routes as kit_routes
from relay.sandbox.kit.files import HostedFile
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.content import Content, png
from relay.sandbox.telegram.control import control_routes as telegram_routes
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.databases import change
from tests.e2e.inside import InnerRelay, relay_inside
from tests.e2e.process import free_port
from tests.waiting import eventually

#: Seconds within which words must be there.
SOON: Final = 6.0
#: Seconds that a server asks to be left alone.
ASKED: Final = 9
_RATE: Final = 120_000  #: Bytes a second of the slow server.
_PIECE: Final = 12_000
_WORDS: Final = "Here it is"
_NEXT: Final = "and another word"
_PICTURE: Final = png(64, 64)
_UNRESOLVABLE: Final = "files.invalid"


@dataclass(frozen=True, slots=True)
class Row:
    """What was seen of one failing server."""

    fault: str
    words: float = 0.0  #: Seconds until the agent's words were there.
    later: float = 0.0  #: The same of the next answer.
    file: str = "–"  #: When the file came, or that it was given up.
    notes: tuple[str, ...] = ()
    wrong: str = ""

    def __str__(self) -> str:
        told = " / ".join(note.replace("\n", " ")[:110] for note in self.notes)
        return f"{self.fault:34} {self.words:5.1f} {self.later:5.1f}  {self.file:22} {self.wrong or 'held':8} {told}"


@dataclass(slots=True)
class Desk:
    """The relay between its look-alikes, and the time at which all began."""

    telegram: TelegramLookAlike
    kit: KitLookAlike
    relay: InnerRelay
    port: int  #: Where nobody listens yet.

    async def opened(self, number: int) -> str:
        """A customer who has written."""
        client = str(5000 + number)
        self.telegram.customer(int(client)).writes("hello")
        await self.kit.wait_for(lambda: self.kit.messages(client))
        return client

    def seen(self, client: str) -> list[dict[str, Any]]:
        """What the bot has written into the chat."""
        return [each for each in self.telegram.chat(int(client)).messages if each.get("from", {}).get("is_bot")]

    def texts(self, client: str) -> list[str]:
        return [each["text"] for each in self.seen(client) if "text" in each]

    def notes(self, client: str) -> tuple[str, ...]:
        """What the agent was told beside the customer's own words."""
        return tuple(str(text) for text in self.kit.texts(client)[1:])

    async def until(self, holds: Callable[[], object], within: float) -> None:
        await self.telegram.wait_for(holds, within)


def _server(fault: str) -> Callable[[HostedFile], None]:
    """Makes a server fail."""

    def break_it(file: HostedFile) -> None:
        match fault:
            case "cut off":
                file.claimed_length = 10**6
            case "silent":
                file.stalls_after = 0
            case "stops in the middle":
                file.stalls_after = 20
            case _:
                file.status = int(fault.split(maxsplit=1)[0])
                file.retry_after = ASKED if "Retry-After" in fault else None

    return break_it


def _mend(file: HostedFile) -> None:
    file.status, file.claimed_length, file.stalls_after = 200, None, None


HOSTED: Final = (
    *("500", "502", "503 with Retry-After", "429 with Retry-After", "408"),
    *("cut off", "silent", "stops in the middle"),
)


async def hosted(desk: Desk, client: str, fault: str) -> Row:
    """A server that fails and is well again once the words are there."""
    url = desk.kit.host_file(_PICTURE, "front.png", "image/png")
    file = desk.kit.hosted(url)
    _server(fault)(file)
    row = await _say(desk, client, fault, url)
    began = time.monotonic()
    fetched = file.fetches
    _mend(file)
    row = await _comes(desk, client, row, began)
    early = "asked too early" if "Retry-After" in fault and time.monotonic() - began < ASKED - 6 else ""
    return replace(row, wrong=row.wrong or early or ("" if fetched else "never asked"))


async def refused(desk: Desk, client: str) -> Row:
    """Nobody listens there; later somebody does."""
    url = f"http://127.0.0.1:{desk.port}/front.png"
    row = await _say(desk, client, "refused", url)
    application = web.Application()
    application.router.add_get("/front.png", _picture)
    server = TestServer(application, port=desk.port)
    began = time.monotonic()
    await server.start_server()
    try:
        return await _comes(desk, client, row, began)
    finally:
        await server.close()


async def _picture(_: web.Request) -> web.Response:
    return web.Response(body=_PICTURE, content_type="image/png")


async def given_up(desk: Desk, client: str, fault: str) -> Row:
    """What never can be had, 30 minutes later by the database's dates."""
    url = f"http://{_UNRESOLVABLE}/front.png" if fault == "unresolvable" else desk.kit.host_file(1, "front.png")
    if fault != "unresolvable":
        desk.kit.hosted(url).status = 503
    row = await _say(desk, client, f"{fault}, for 30 minutes", url)
    await desk.kit.wait_for(lambda: len(desk.notes(client)) == 1, 20)
    await asyncio.to_thread(_grow_old, desk.relay.database.parent, client)
    await desk.kit.wait_for(lambda: len(desk.notes(client)) == 2, 90)
    await desk.until(lambda: any("front.png" in text for text in desk.texts(client)), 20)
    notes = desk.notes(client)
    right = notes[0].startswith("⏳") and notes[1].startswith("⚠️") and "front.png" in notes[1]
    return replace(row, file="given up, and said so", notes=notes, wrong=row.wrong or ("" if right else "untrue notes"))


def _grow_old(home: Path, client: str) -> None:
    """Half an hour passes for what waits of this client."""
    lanes = f"SELECT id FROM lane WHERE client_id = '{client}'"  # noqa: S608 - a number of ours
    late = f"UPDATE outbox SET accepted_at = accepted_at - {LATE_PATIENCE} WHERE status = 'waiting'"  # noqa: S608
    change(home, f"{late} AND lane_id IN ({lanes})")


async def album(desk: Desk, client: str) -> Row:
    """Ten, one of which its server keeps."""
    urls = [desk.kit.host_file(png(60 + number, 64), f"{number}.png", "image/png") for number in range(10)]
    bad = desk.kit.hosted(urls[3])
    bad.status = 503
    began = time.monotonic()
    items = [_item(url, f"{number}.png") for number, url in enumerate(urls)]
    await desk.kit.agent_says(client, _WORDS, items)
    await desk.until(lambda: len(desk.seen(client)) >= 9, 60)
    row = Row("one of an album of ten: 503", words=time.monotonic() - began)
    groups = {each.get("media_group_id") for each in desk.seen(client)}
    _mend(bad)
    began = time.monotonic()
    await desk.until(lambda: len(desk.seen(client)) == 10, 90)
    wrong = _late(row) or ("" if len(groups) == 1 and None not in groups else "no album")
    return replace(row, file=f"tenth after {time.monotonic() - began:.1f} s", notes=desk.notes(client), wrong=wrong)


async def slow(desk: Desk, client: str, size: int) -> Row:
    """A server whose bytes move at 120 KB/s: the words stay with the file."""
    url = desk.kit.host_file(Content.of(size), "film.bin", drip=(_PIECE, _PIECE / _RATE))
    began = time.monotonic()
    await desk.kit.agent_says(client, _WORDS, [{"type": "document", "file_name": "film.bin", "file_url": url}])
    await desk.until(lambda: desk.seen(client), 10 * size / _RATE + 30)
    took = time.monotonic() - began
    [message] = desk.seen(client)
    wrong = "" if message.get("caption") == _WORDS and "document" in message else f"came as {message}"
    row = Row(f"{size / 1e6:.0f} MB at 120 KB/s", words=took, later=took, file="with its words")
    return replace(row, notes=desk.notes(client), wrong=wrong or ("notes" if desk.notes(client) else ""))


def _item(url: str, name: str) -> dict[str, str]:
    return {"type": "photo", "file_name": name, "file_url": url}


async def _say(desk: Desk, client: str, fault: str, url: str) -> Row:
    began = time.monotonic()
    await desk.kit.agent_says(client, _WORDS, [_item(url, "front.png")])
    await desk.kit.agent_says(client, _NEXT)
    await desk.until(lambda: _WORDS in desk.texts(client), 60)
    words = time.monotonic() - began
    await desk.until(lambda: _NEXT in desk.texts(client), 60)
    row = Row(fault, words=words, later=time.monotonic() - began)
    in_order = desk.texts(client)[:2] == [_WORDS, _NEXT]
    return replace(row, wrong=_late(row) or ("" if in_order else "out of order"))


def _late(row: Row) -> str:
    return f"later than {SOON:.0f} s" if max(row.words, row.later) > SOON + 0.5 else ""


async def _comes(desk: Desk, client: str, row: Row, began: float) -> Row:
    """The file as a reply to its words; the agent was told once that it is late."""
    await desk.until(lambda: any("photo" in each for each in desk.seen(client)), 120)
    took = time.monotonic() - began
    words = next(each for each in desk.seen(client) if each.get("text") == _WORDS)
    [picture] = [each for each in desk.seen(client) if "photo" in each]
    notes = desk.notes(client)
    wrong = row.wrong
    if picture.get("reply_to_message", {}).get("message_id") != words["message_id"]:
        wrong = wrong or "no reply to its words"
    if len(notes) != 1 or not notes[0].startswith("⏳ The file ❝front.png❞ comes later"):
        wrong = wrong or "untrue notes"
    return replace(row, file=f"{took:.1f} s after it could", notes=notes, wrong=wrong)


async def files(home: Path, slow_bytes: int) -> list[Row]:
    """All faults at the same time, each in a chat of its own."""
    async with (
        TelegramLookAlike(limits=False, control=telegram_routes) as telegram,
        KitLookAlike(control=kit_routes) as kit,
    ):
        port = free_port()
        trusted = f"127.0.0.1:{kit.server.port},127.0.0.1:{port},{_UNRESOLVABLE}:80,{_UNRESOLVABLE}"
        async with relay_inside(telegram, kit, home, RELAY_TRUSTED_FILE_HOSTS=trusted) as relay:
            desk = Desk(telegram, kit, relay, port)
            rows = await _all(desk, slow_bytes)

            async def settled() -> bool:
                return (await relay.figures("to_telegram")).waiting == 0

            await eventually(settled, within=30)
            figures = await relay.figures("to_telegram")
            if figures.unaccounted or figures.dead != 2:
                rows.append(Row("the books", wrong=str(figures)))
    return rows


async def _all(desk: Desk, slow_bytes: int) -> list[Row]:
    faults: list[Callable[[str], Awaitable[Row]]] = [
        *(lambda client, fault=fault: hosted(desk, client, fault) for fault in HOSTED),
        lambda client: refused(desk, client),
        lambda client: given_up(desk, client, "unresolvable"),
        lambda client: given_up(desk, client, "503"),
        lambda client: album(desk, client),
        lambda client: slow(desk, client, slow_bytes),
    ]
    clients = [await desk.opened(number) for number in range(len(faults))]
    return list(await asyncio.gather(*(fault(client) for fault, client in zip(faults, clients, strict=True))))


def main(arguments: list[str]) -> int:
    """Exit status 1 if anything did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.files", description=__doc__)
    parser.add_argument("--slow-megabytes", type=float, default=12.0, help="of the file that comes at 120 KB/s")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as home:
        rows = asyncio.run(files(Path(home), int(given.slow_megabytes * 1e6)))
    out = sys.stdout
    out.write(f"{'server of the file':34} words later  {'file':22} {'verdict':8} the agent reads\n")
    for row in rows:
        out.write(f"{row}\n")
    wrong = [row for row in rows if row.wrong]
    slowest = max(row.words for row in rows if "KB/s" not in row.fault)
    out.write(f"{len(rows)} servers, words after {slowest:.1f} s at most, {len(wrong)} wrong\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
