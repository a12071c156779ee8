"""Callbacks while the relay restarts: the proxy holds them, and Kit sees no failure."""

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

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

NEWEST = Path(sys.executable).with_name("caddy")
PACKAGED = Path("/usr/bin/caddy")


@dataclass(frozen=True, slots=True)
class Answered:
    """A post and what came back."""

    number: int
    began: float  #: On the monotonic clock.
    posted: Posted


@asynccontextmanager
async def caddy_before(
    relay: RelayProcess, program: Path, sample: str, url: str | None = None, there: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """A Caddy with its sample file, but for the addresses, before a relay that need not run yet; yields its URL.

    `there` says what else stands elsewhere than the file says.
    """
    home, url = relay.home, url or f"http://127.0.0.1:{free_port()}"
    text = (DEPLOY / sample).read_text()
    for said, meant in (there or {}).items():
        assert said in text
        text = text.replace(said, meant)
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
    kit: KitLookAlike, customers: list[str], disturb: Callable[[], Awaitable[float]]
) -> tuple[dict[str, list[Answered]], float]:
    """What each customer's agent's posts were answered, each posted once, one after the other, until all is over.

    And when there was no relay any more, as `disturb` says.
    """
    over = asyncio.Event()

    async def write(customer: str) -> list[Answered]:
        answers: list[Answered] = []
        while not over.is_set() or len(answers) < 3:
            number, began = len(answers), time.monotonic()
            text = f"{number} " + ("long " * 3000 if number % 5 == 0 else "")
            answers.append(Answered(number, began, await kit.callbacks.post(kit.callbacks.message(customer, text))))
        return answers

    async with asyncio.TaskGroup() as tasks:
        writing = {customer: tasks.create_task(write(customer)) for customer in customers}
        gone_at = await disturb()
        over.set()
    return {customer: task.result() for customer, task in writing.items()}, gone_at


async def restarted(relay: RelayProcess) -> float:
    """Told to stop, away for a while, started again; returns when it was gone, and the proxy had seen that."""
    await asyncio.sleep(0.5)
    assert await relay.stop() == 0
    await eventually(lambda: _nobody_is_connected(relay.port))
    gone_at = time.monotonic()
    await asyncio.sleep(GAP)
    await relay.start()
    await asyncio.sleep(0.5)
    return gone_at


async def _nobody_is_connected(port: int) -> bool:
    """Whether nobody has a connection to this port any more: on a busy machine a proxy sees late that it was closed."""
    connections = await asyncio.to_thread(psutil.net_connections, "tcp")
    to_it = [each for each in connections if each.raddr and each.raddr.port == port]
    return not any(each.status in {psutil.CONN_ESTABLISHED, psutil.CONN_CLOSE_WAIT} for each in to_it)


async def killed(relay: RelayProcess) -> float:
    """Killed with callbacks in its hands, and started again; returns when it was gone."""
    await asyncio.sleep(0.5)
    await relay.kill()
    gone_at = time.monotonic()
    await asyncio.sleep(GAP / 2)
    await relay.start()
    await asyncio.sleep(0.5)
    return gone_at


async def play(
    telegram: TelegramLookAlike,
    kit: KitLookAlike,
    relay: RelayProcess,
    url: str,
    disturb: Callable[[], Awaitable[float]],
) -> tuple[dict[str, list[Answered]], float]:
    """Customers write, agents answer through the proxy meanwhile, and whatever got its 200 arrives; see above."""
    kit.callbacks.url = f"{url}/kit/callback"
    await relay.start()
    customers = [telegram.customer(6_000_001 + number) for number in range(CHATS)]
    for customer in customers:
        customer.writes("hello")
    await kit.wait_for(lambda: len(kit.clients) == CHATS)
    answers, gone_at = await answers_while(kit, [str(customer.id) for customer in customers], disturb)
    for chat, each in answers.items():
        accepted = {one.number for one in each if one.posted.status == 200}
        await telegram.wait_for(lambda: accepted <= set(numbers(telegram, chat)))  # noqa: B023 - at once
    return answers, gone_at


def numbers(telegram: TelegramLookAlike, customer: str) -> list[int]:
    """The numbers that a customer's messages begin with, without the continuations of long ones."""
    return [int(text.split()[0]) for text in telegram.chat(int(customer)).texts if text[0].isdigit()]


async def test_every_callback_through_a_restart_is_answered(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Posts go on while the relay stops, is away for four seconds and starts: each gets its 200, and arrives once."""
    async with relay_between(telegram, kit, tmp_path) as relay, caddy_before(relay, NEWEST, "Caddyfile") as url:
        answers, _ = await play(telegram, kit, relay, url, lambda: restarted(relay))
    assert {one.posted.status for each in answers.values() for one in each} == {200}
    assert max(one.posted.seconds for each in answers.values() for one in each) > GAP
    for customer, each in answers.items():
        assert numbers(telegram, customer) == list(range(len(each)))


async def test_a_relay_that_is_killed_is_not_noticed_either(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """What was in its hands is posted again by Caddy, and known by its id; only a step in flight may come again."""
    async with relay_between(telegram, kit, tmp_path) as relay, caddy_before(relay, NEWEST, "Caddyfile") as url:
        answers, _ = await play(telegram, kit, relay, url, lambda: killed(relay))
    assert {one.posted.status for each in answers.values() for one in each} == {200}
    for customer, each in answers.items():
        arrived = numbers(telegram, customer)
        assert list(dict.fromkeys(arrived)) == list(range(len(each)))
        assert len(arrived) <= len(each) + 1


@needs("caddy")
async def test_the_packaged_caddy_holds_what_comes_while_there_is_no_relay(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """It cannot post again, so who posts in the very moment in which the relay goes may get 502; nobody else does."""
    async with (
        relay_between(telegram, kit, tmp_path) as relay,
        caddy_before(relay, PACKAGED, "Caddyfile.debian") as url,
    ):
        answers, gone_at = await play(telegram, kit, relay, url, lambda: restarted(relay))
    failed = [one for each in answers.values() for one in each if one.posted.status != 200]
    assert {one.posted.status for one in failed} <= {502}
    assert [one for one in failed if one.began >= gone_at] == []
    assert max(one.posted.seconds for each in answers.values() for one in each if one.posted.status == 200) > GAP
