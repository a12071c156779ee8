"""`relay demo`: the real relay on SQLite between a Telegram and a Kit look-alike, talking in the terminal."""

import asyncio
import shlex
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import aiohttp
import click
import structlog

from relay.app import Ports, open_relay
from relay.channels import Channel
from relay.log import configure
from relay.sandbox.changes import Changes
from relay.sandbox.content import png
from relay.sandbox.kit import KitLookAlike
from relay.sandbox.kit_ledger import Sent
from relay.sandbox.telegram import TelegramLookAlike
from relay.sandbox.telegram_ledger import Call
from relay.settings import Settings
from relay.store.migrating import bring_up_to_date

log = structlog.get_logger()

Entry = TypeVar("Entry")

_CUSTOMER, _AGENT, _RELAY = "Telegram", "Kit", "relay"
_COLOURS = {_CUSTOMER: "cyan", _AGENT: "magenta", _RELAY: "green"}


class Demo:
    """One conversation, seen from both ends."""

    def __init__(self, telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
        self._telegram = telegram
        self._kit = kit
        self._anna = telegram.customer(107804195, first_name="Anna", last_name="Weber", language_code="de")

    async def play(self) -> None:
        """A customer asks, an agent answers, a photo goes each way."""
        anna, client = self._anna, str(self._anna.id)
        _say(_CUSTOMER, "Anna writes:  Hello! My parcel arrived damaged.")
        anna.writes("Hello! My parcel arrived damaged.")
        photo = png(640, 480)
        _say(_CUSTOMER, f"Anna sends a photo ({len(photo):,} bytes):  Look at this")
        anna.sends_photo(photo, caption="Look at this")
        await self._kit.wait_for(lambda: len(self._kit.messages(client)) == 2)
        for sent in self._kit.messages(client):
            _say(_AGENT, f"the desk shows:  {sent.text}")
            for item in sent.payload:
                _say(_AGENT, f"        {item['type']}:  {item['file_url']}")
                await self._open(item["file_url"], photo)
        answer = "I am sorry! A new one is on its way, here is the label."
        _say(_AGENT, f"the agent answers, with a photo:  {answer}")
        label = png(320, 200)
        url = self._kit.host_file(label, "label.png", "image/png")
        await self._kit.agent_says(client, answer, [{"type": "photo", "file_name": "label.png", "file_url": url}])
        chat = self._telegram.chat(self._anna.id)
        await self._telegram.wait_for(lambda: chat.captions)
        _say(_CUSTOMER, f"Anna sees a photo:  {chat.captions[-1]}")

    @staticmethod
    async def _open(url: str, expected: bytes) -> None:
        """What the agent's browser does."""
        async with aiohttp.ClientSession() as browser, browser.get(url) as response:
            body = await response.read()
        same = "the same bytes" if body == expected else "OTHER BYTES"
        _say(_AGENT, f"        the browser opens it: {response.status} {response.content_type}, {same}")

    async def follow(self) -> None:
        """Say what arrives at either end from now on, until cancelled."""
        await asyncio.gather(
            _each_new(self._kit.changes, lambda: self._kit.events, _say_event),
            _each_new(self._telegram.changes, lambda: self._telegram.calls, _say_call),
        )

    def hints(self, ports: Ports) -> str:
        """How to go on by hand."""
        customer = f"{self._telegram.url}/sandbox/customers/{self._anna.id}/messages"
        agent = f"{self._kit.url}/sandbox/agents/{self._anna.id}/messages"
        down, up = shlex.quote('{"down": true}'), shlex.quote('{"down": false}')
        return f"""
Now talk yourself; what arrives is shown here:
  as the customer   curl -d '{{"text": "Thank you!"}}' {customer}
  ... with a file   curl -F caption='my invoice' -F file=@README.md {customer}
  as the agent      curl -d '{{"text": "You are welcome"}}' {agent}
What each end has seen:
  Telegram          curl {customer}
  Kit               curl {self._kit.url}/sandbox/clients/{self._anna.id}/messages
Break things, and see that nothing is lost:
  Kit down          curl -d {down} {self._kit.url}/sandbox/faults
  ... up again      curl -d {up} {self._kit.url}/sandbox/faults
  Telegram down     curl -d {down} {self._telegram.url}/sandbox/faults
  ... up again      curl -d {up} {self._telegram.url}/sandbox/faults
Look at the relay:
  is it well?       curl http://127.0.0.1:{ports.admin}/readyz
  figures           curl http://127.0.0.1:{ports.admin}/metrics
Ctrl-C ends it."""


async def run_demo(
    stop_on_signals: Callable[[], asyncio.Event], *, directory: Path | None, once: bool, log_level: str
) -> None:
    """Play the conversation, then stay up until a signal (or, with `once`, end)."""
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        home = directory or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-demo-")))
        # A database that is kept knows the update ids of the last demo, and rightly drops them when they come again.
        telegram = await stack.enter_async_context(TelegramLookAlike(first_update_id=int(time.time() * 1000)))
        kit = await stack.enter_async_context(KitLookAlike())
        settings = _settings(telegram, kit, home)
        configure(log_level, "console", settings.secrets)
        await asyncio.to_thread(bring_up_to_date, settings.database_path)
        relay = await stack.enter_async_context(open_relay(Channel("", settings)))
        ready: asyncio.Future[Ports] = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(relay.run(stop, ready.set_result))
        await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            await _show(Demo(telegram, kit), kit, settings, ready.result(), stop, once=once)
        await running


async def _show(
    demo: Demo, kit: KitLookAlike, settings: Settings, ports: Ports, stop: asyncio.Event, *, once: bool
) -> None:
    kit.callbacks.url = f"http://127.0.0.1:{ports.public}/kit/callback"
    _say(_RELAY, f"runs on SQLite in {settings.database_path}")
    try:
        await demo.play()
        _say(_RELAY, "a message and a photo went both ways, each stored before it was acknowledged")
    finally:
        if once:
            stop.set()
    if not once:
        following = asyncio.create_task(demo.follow(), name="following")
        click.echo(demo.hints(ports))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((following, stopping), return_when=asyncio.FIRST_COMPLETED)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


async def _each_new(changes: Changes, ledger: Callable[[], Sequence[Entry]], say: Callable[[Entry], None]) -> None:
    """Call `say` with whatever is added to a look-alike's ledger."""
    seen = len(ledger())

    def changed() -> bool:
        return len(ledger()) != seen

    while True:
        await changes.wait_for(changed, None)
        entries = ledger()
        for entry in entries[seen if len(entries) > seen else 0 :]:  # it is shorter after a reset
            say(entry)
        seen = len(entries)


def _say_event(sent: Sent) -> None:
    again = "  (again, under the same id)" if sent.duplicate else ""
    _say(_AGENT, f"client {sent.client_id}:  {_one_line(sent.text)}{again}")
    for item in sent.payload:
        _say(_AGENT, f"        {item['type']}:  {item['file_url']}")


def _say_call(call: Call) -> None:
    if call.message_id is not None:
        said = call.params.get("text", call.params.get("caption"))
        _say(_CUSTOMER, f"chat {call.chat_id} gets {call.method}:  {_one_line(said)}")


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _settings(telegram: TelegramLookAlike, kit: KitLookAlike, home: Path) -> Settings:
    """Settings that know only the look-alikes; nothing of the user's environment."""
    port = _free_port()
    return Settings.model_validate(
        {
            "telegram_bot_token": telegram.token,
            "telegram_api_url": telegram.url,
            "kit_api_url": kit.url,
            "kit_domain": kit.domain,
            "kit_api_token": kit.api_token,
            "kit_channel_uuid": kit.channel_uuid,
            "kit_security_salt": kit.salt,
            "relay_public_url": f"http://127.0.0.1:{port}",
            "relay_port": port,
            "relay_admin_port": 0,
            "relay_database_url": f"sqlite:///{home}/relay.db",
            "relay_data_dir": str(home),
            "relay_trusted_file_hosts": f"127.0.0.1:{kit.server.port}",
        }
    )


def _free_port() -> int:
    """A port that is free now: media links name it before the relay listens on it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _say(who: str, line: str) -> None:
    now = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
    click.echo(f"{now}  {click.style(f'{who:<8}', fg=_COLOURS[who], bold=True)}  {line}")
