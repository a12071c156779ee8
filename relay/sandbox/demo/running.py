"""Puts the demo together: both look-alikes, the page, and the relay as a process between them."""

import asyncio
import os
import socket
import sys
import tempfile
import time
import webbrowser
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

import relay
from relay.sandbox.demo.narrative import RELAY, Narrative, say, say_line
from relay.sandbox.kit.control import control_routes as kit_routes
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.page.cast import gather
from relay.sandbox.page.process import Line, RelayProcess
from relay.sandbox.page.server import Page
from relay.sandbox.page.watch import Watch
from relay.sandbox.telegram.control import control_routes as telegram_routes
from relay.sandbox.telegram.server import TelegramLookAlike

COMMAND: Final = (sys.executable, "-m", "relay.sandbox.demo.child")
#: Where the page is unless it is told otherwise or somebody else is there.
PORT: Final = 8090


class PageAddressError(Exception):
    """The page cannot listen where it was told to."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asked for."""

    directory: Path | None
    once: bool
    browser: bool
    port: int | None
    log_level: str


async def run_demo(stop_on_signals: Callable[[], asyncio.Event], wishes: Wishes) -> int:
    """Play the conversation, then stay up until a signal (or, with `once`, end). Returns the relay's exit code.

    Raises PageAddressError.
    """
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        home = wishes.directory or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-demo-")))
        # A database that is kept knows the update ids of the last demo, and rightly drops them when they come again.
        telegram = await stack.enter_async_context(
            TelegramLookAlike(first_update_id=int(time.time() * 1000), control=telegram_routes)
        )
        kit = await stack.enter_async_context(KitLookAlike(control=kit_routes))
        gather(telegram)
        public, admin = _free_port(), _free_port()
        kit.callbacks.url = f"http://127.0.0.1:{public}/kit/callback"
        watch = Watch(telegram, kit)

        def hear(line: Line) -> None:
            watch.hear(line)
            say_line(line, wishes.log_level)

        process = RelayProcess(COMMAND, environment(telegram, kit, home, public, admin), home, hear)
        page = Page(telegram, kit, process, watch, relay_url=f"http://127.0.0.1:{public}")
        await _open_page(stack, page, wishes)
        admin_url = f"http://127.0.0.1:{admin}"
        aside = asyncio.create_task(watch.follow(process, admin_url), name="watching")
        running = asyncio.create_task(process.run(), name="relay")
        try:
            if await _ready(process, stop):
                say(RELAY, f"runs on SQLite in {home}/relay.db, as process {process.pid}")
                await _show(Narrative(telegram, kit), page, admin_url, stop, wishes)
        finally:
            process.stop()
            code = await running
            aside.cancel()
            with suppress(asyncio.CancelledError):
                await aside
        return code


async def _show(narrative: Narrative, page: Page, admin_url: str, stop: asyncio.Event, wishes: Wishes) -> None:
    await narrative.play()
    say(RELAY, "a message and a photo went both ways, each stored before it was acknowledged")
    if wishes.once:
        return
    await narrative.others_write()
    following = asyncio.create_task(narrative.follow(), name="following")
    click.echo(narrative.hints(admin_url))
    click.echo(f"\nThe page: {click.style(page.url, bold=True, underline=True)}\nCtrl-C ends it.")
    if wishes.browser and can_show_a_browser():
        await asyncio.to_thread(_open_browser, page.url)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((following, stopping), return_when=asyncio.FIRST_COMPLETED)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


async def _ready(process: RelayProcess, stop: asyncio.Event) -> bool:
    """Whether the relay relays; false when it ended, or when we are to end."""
    ready, stopping = asyncio.create_task(process.ready()), asyncio.create_task(stop.wait())
    await asyncio.wait((ready, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not ready.done():
        ready.cancel()
        return False
    return ready.result()


async def _open_page(stack: AsyncExitStack, page: Page, wishes: Wishes) -> None:
    """Listen on the port that was asked for; if none was, on the usual one or else on any."""
    if wishes.once:
        return
    page.server.port = PORT if wishes.port is None else wishes.port
    try:
        await stack.enter_async_context(page.server)
    except OSError as error:
        if wishes.port is not None:
            raise PageAddressError(
                f"--port: cannot listen on 127.0.0.1:{wishes.port} ({os.strerror(error.errno or 0)}). Another demo?"
            ) from None
        page.server.port = 0
        await stack.enter_async_context(page.server)


def can_show_a_browser() -> bool:
    """Somebody sits in front of it: a terminal, and a screen."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.stdout.isatty() and bool(screen)


def _open_browser(url: str) -> None:
    with suppress(webbrowser.Error, OSError):  # the address is on the screen
        webbrowser.open(url)


def environment(telegram: TelegramLookAlike, kit: KitLookAlike, home: Path, public: int, admin: int) -> dict[str, str]:
    """Settings that know only the look-alikes; nothing of the user's."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(Path(relay.__file__).parents[1]),  # a bare checkout is not installed
        "TELEGRAM_BOT_TOKEN": telegram.token,
        "TELEGRAM_API_URL": telegram.url,
        "KIT_API_URL": kit.url,
        "KIT_DOMAIN": kit.domain,
        "KIT_API_TOKEN": kit.api_token,
        "KIT_CHANNEL_UUID": kit.channel_uuid,
        "KIT_SECURITY_SALT": kit.salt,
        "RELAY_CUSTOMER_RATE_LIMIT": "0",  # a visitor may write as fast as they like
        "RELAY_PUBLIC_URL": f"http://127.0.0.1:{public}",
        "RELAY_PORT": str(public),
        "RELAY_ADMIN_PORT": str(admin),
        "RELAY_DATABASE_URL": f"sqlite:///{home.absolute()}/relay.db",
        "RELAY_DATA_DIR": str(home.absolute()),
        "RELAY_TRUSTED_FILE_HOSTS": f"127.0.0.1:{kit.server.port}",
        "RELAY_LOG_FORMAT": "json",
    }


def _free_port() -> int:
    """A port that is free now: the look-alikes and links name it before the relay listens on it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
