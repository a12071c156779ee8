"""`relay demo`: the real relay on SQLite between a Telegram and a Kit look-alike, talking in the terminal."""

import asyncio
import os
import shlex
import socket
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

import aiohttp
import click
import structlog

from relay.app import Ports, open_relay
from relay.log import configure
from relay.sandbox.content import png
from relay.sandbox.kit import KitLookAlike
from relay.sandbox.telegram import TelegramLookAlike
from relay.settings import Settings
from relay.store.migrating import bring_up_to_date

log = structlog.get_logger()

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

    def hints(self, ports: Ports) -> str:
        """How to go on by hand."""
        customer = f"{self._telegram.url}/sandbox/customers/{self._anna.id}/messages"
        agent = f"{self._kit.url}/sandbox/agents/{self._anna.id}/messages"
        down = shlex.quote('{"down": true}')
        return f"""
Now talk yourself:
  as the customer   curl -d '{{"text": "Thank you!"}}' {customer}
  ... with a file   curl -F caption='my invoice' -F file=@README.md {customer}
  as the agent      curl -d '{{"text": "You are welcome"}}' {agent}
  the conversation  curl {customer}
Break things, and see that nothing is lost:
  Kit down          curl -d {down} {self._kit.url}/sandbox/faults
  Telegram down     curl -d {down} {self._telegram.url}/sandbox/faults
  ... and up again  curl -d '{{"down": false}}' (the same address)
Look at the relay:
  is it well?       curl http://127.0.0.1:{ports.admin}/readyz
  figures           curl http://127.0.0.1:{ports.admin}/metrics
Ctrl-C ends it."""


async def run_demo(stop_on_signals: Callable[[], asyncio.Event], *, directory: Path | None, once: bool) -> None:
    """Play the conversation, then stay up until a signal (or, with `once`, end)."""
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        home = directory or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-demo-")))
        telegram = await stack.enter_async_context(TelegramLookAlike())
        kit = await stack.enter_async_context(KitLookAlike())
        settings = _settings(telegram, kit, home)
        configure(os.environ.get("RELAY_LOG_LEVEL", "WARNING"), "console", settings.secrets)
        await asyncio.to_thread(bring_up_to_date, settings.database_path)
        relay = await stack.enter_async_context(open_relay(settings))
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
        if not once:
            click.echo(demo.hints(ports))
    finally:
        if once:
            stop.set()


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
