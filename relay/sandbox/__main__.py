"""`python -m relay.sandbox`: both look-alikes in one process, until SIGTERM; one line of JSON says where."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from relay.sandbox.kit.control import control_routes as kit_routes
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.control import control_routes as telegram_routes
from relay.sandbox.telegram.server import TelegramLookAlike


def read_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m relay.sandbox", description=__doc__)
    parser.add_argument("--telegram-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--kit-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--callback-url", help="where Kit posts agents' messages")
    parser.add_argument("--no-limits", action="store_true", help="Telegram answers no 429 of its own")
    parser.add_argument("--local", type=Path, metavar="DIRECTORY", help="be a local Bot API server its files there")
    return parser.parse_args(arguments)


def introduction(telegram: TelegramLookAlike, kit: KitLookAlike) -> dict[str, Any]:
    """Where both listen, and the credentials, which open nothing but them."""
    return {
        "telegram": {"url": telegram.url, "token": telegram.token, "username": telegram.bot["username"]},
        "kit": {
            "url": kit.url,
            "domain": kit.domain,
            "api_token": kit.api_token,
            "channel_uuid": kit.channel_uuid,
            "salt": kit.salt,
            "callback_url": kit.callbacks.url,
        },
    }


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    telegram = TelegramLookAlike(port=options.telegram_port, limits=not options.no_limits, control=telegram_routes)
    if options.local is not None:
        telegram.run_locally(options.local.absolute())
    kit = KitLookAlike(port=options.kit_port, callback_url=options.callback_url, control=kit_routes)
    async with telegram, kit:
        sys.stdout.write(json.dumps(introduction(telegram, kit)) + "\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    """Run with uvloop where it exists."""
    options = read_arguments()
    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        runner.run(serve(options))


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """The loop of uvloop where that is installed, else asyncio's own."""
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.new_event_loop
    return new_event_loop


if __name__ == "__main__":
    main()
