"""Callbacks while the relay restarts: the proxy holds them, and Kit sees no failure."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from relay.sandbox.kit.callbacks import Posted
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.components import needs
from tests.e2e.process import RelayProcess, free_port, relay_between
from tests.waiting import eventually

DEPLOY = Path(__file__).parents[2] / "deploy"
#: Seconds without a relay: longer than its start takes, shorter than Caddy's patience.
GAP = 4.0
CHATS = 8

#: The sample files, each with the Caddy that it is for: the newest in the development lock, and Debian's.
FRONTS = [
    pytest.param(Path(sys.executable).with_name("caddy"), "Caddyfile", id="newest"),
    pytest.param(Path("/usr/bin/caddy"), "Caddyfile.debian", id="packaged", marks=needs("caddy")),
]


@asynccontextmanager
async def caddy_before(relay: RelayProcess, program: Path, sample: str, home: Path) -> AsyncIterator[str]:
    """A Caddy with its sample file, but for the addresses, before a relay that need not run yet; yields its URL."""
    url = f"http://127.0.0.1:{free_port()}"
    text = (DEPLOY / sample).read_text()
    text = text.replace("relay:8080", f"127.0.0.1:{relay.port}").replace("127.0.0.1:8080", f"127.0.0.1:{relay.port}")
    text = text.replace("https://relay.example.com", url)
    text = re.sub(r"^\{$", "{\n\tadmin off", text.replace("\tadmin off\n", ""), count=1, flags=re.MULTILINE)
    (home / "Caddyfile").write_text(text)
    with (home / "caddy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(program, "run", "--config", home / "Caddyfile", "--adapter", "caddyfile"),
            env=os.environ | {"RELAY_PUBLIC_URL": url, "HOME": str(home)},
            stdout=log,
            stderr=log,
        )
    try:
        await eventually(lambda: _listens(url))
        yield url
    finally:
        process.terminate()
        await process.wait()


async def _listens(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    return True


async def answers_while(
    kit: KitLookAlike, customers: list[str], disturb: Callable[[], Awaitable[None]]
) -> dict[str, list[Posted]]:
    """What each customer's agent's posts were answered, each posted once, one after the other, until all is over."""
    over = asyncio.Event()

    async def write(customer: str) -> list[Posted]:
        posted: list[Posted] = []
        while not over.is_set() or len(posted) < 3:
            said = str(len(posted)) if len(posted) % 5 else f"{len(posted)} " + "long " * 3000
            posted.append(await kit.callbacks.post(kit.callbacks.message(customer, said)))
        return posted

    async with asyncio.TaskGroup() as tasks:
        writing = {customer: tasks.create_task(write(customer)) for customer in customers}
        await disturb()
        over.set()
    return {customer: task.result() for customer, task in writing.items()}


async def restarted(relay: RelayProcess) -> None:
    """Told to stop, away for a while, started again."""
    await asyncio.sleep(0.5)
    assert await relay.stop() == 0
    await asyncio.sleep(GAP)
    await relay.start()
    await asyncio.sleep(0.5)


async def killed(relay: RelayProcess) -> None:
    """Killed with callbacks in its hands, and started again."""
    await asyncio.sleep(0.5)
    await relay.kill()
    await asyncio.sleep(GAP / 2)
    await relay.start()
    await asyncio.sleep(0.5)


@pytest.mark.parametrize(("program", "sample"), FRONTS)
async def test_every_callback_through_a_restart_is_answered(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, program: Path, sample: str
) -> None:
    """Posts go on while the relay stops, is away for four seconds and starts: each gets its 200, none is lost."""
    async with relay_between(telegram, kit, tmp_path) as relay, caddy_before(relay, program, sample, tmp_path) as url:
        answers = await _play(telegram, kit, relay, url, lambda: restarted(relay))
    for customer, each in answers.items():
        assert _numbers(telegram, customer) == list(range(len(each)))
    assert {posted.status for each in answers.values() for posted in each} == {200}
    held = max(posted.seconds for each in answers.values() for posted in each)
    assert held > GAP


async def test_a_relay_that_is_killed_is_not_noticed_either(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """What was in its hands is posted again by Caddy, and known by its id; only a step in flight may come again."""
    program, sample = Path(sys.executable).with_name("caddy"), "Caddyfile"
    async with relay_between(telegram, kit, tmp_path) as relay, caddy_before(relay, program, sample, tmp_path) as url:
        answers = await _play(telegram, kit, relay, url, lambda: killed(relay))
    for customer, each in answers.items():
        arrived = _numbers(telegram, customer)
        assert list(dict.fromkeys(arrived)) == list(range(len(each)))
        assert len(arrived) <= len(each) + 1
    assert {posted.status for each in answers.values() for posted in each} == {200}


async def _play(
    telegram: TelegramLookAlike,
    kit: KitLookAlike,
    relay: RelayProcess,
    url: str,
    disturb: Callable[[], Awaitable[None]],
) -> dict[str, list[Posted]]:
    """Customers write, agents answer through the proxy while the relay is disturbed, until everything has arrived."""
    kit.callbacks.url = f"{url}/kit/callback"
    await relay.start()
    customers = [telegram.customer(6_000_001 + number) for number in range(CHATS)]
    for customer in customers:
        customer.writes("hello")
    await kit.wait_for(lambda: len(kit.clients) == CHATS, 20)
    answers = await answers_while(kit, [str(customer.id) for customer in customers], disturb)
    for chat, each in answers.items():
        await telegram.wait_for(lambda: len(set(_numbers(telegram, chat))) >= len(each), 30)  # noqa: B023 - at once
    return answers


def _numbers(telegram: TelegramLookAlike, customer: str) -> list[int]:
    """The numbers that a customer's messages begin with, without the continuations of long ones."""
    return [int(text.split()[0]) for text in telegram.chat(int(customer)).texts if text[0].isdigit()]
