"""`python -m tests.docs.screenshots` photographs what the commands print, for the documents: real ones, on a bad day.

They run in a pseudo-terminal between the look-alikes; what they write there is drawn by rich, then by Chromium.
"""

import asyncio
import os
import pty
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from playwright.async_api import async_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import relay_between

IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"
CHROMIUM: Final = "/usr/bin/chromium"
COLUMNS: Final = 118
_RELAY: Final = str(Path(__file__).parents[2] / ".venv" / "bin" / "relay")
_PAGE: Final = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 24px; background: #fff; display: inline-block }}
pre {{ margin: 0; padding: 20px 24px; border-radius: 10px; background: {background}; color: {foreground};
      font: 14px/1.5 "DejaVu Sans Mono", monospace; box-shadow: 0 6px 24px #0003 }}
{stylesheet}</style><pre><code>{code}</code></pre>"""


async def typed(home: Path, environment: Mapping[str, str], *arguments: str) -> str:
    """What a person sees who types the command: the prompt, and all that it writes to the terminal."""
    ours, theirs = pty.openpty()
    variables = {**environment, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    process = await asyncio.create_subprocess_exec(
        _RELAY, *arguments, cwd=home, env=variables, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = await asyncio.to_thread(_read, ours)
    await process.wait()
    return f"\x1b[2m$\x1b[0m \x1b[1mrelay {' '.join(arguments)}\x1b[0m\n{said}"


def _read(descriptor: int) -> str:
    chunks = []
    with suppress(OSError), os.fdopen(descriptor, "rb", buffering=0) as terminal:  # it ends with an error
        while chunk := terminal.read(65536):
            chunks.append(chunk)
    return b"".join(chunks).decode().replace("\r\n", "\n").rstrip()


def drawn(output: str) -> str:
    """A page that shows the output as a terminal would."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(Text.from_ansi(output), soft_wrap=False)
        return console.export_html(theme=MONOKAI, code_format=_PAGE)


async def photograph(pages: Mapping[str, str]) -> None:
    """Save each page as a picture of its name."""
    IMAGES.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        view = await browser.new_page(device_scale_factor=2, viewport={"width": 1200, "height": 400})
        for name, page in pages.items():
            await view.set_content(page)
            await view.locator("body").screenshot(path=IMAGES / f"{name}.png")
        await browser.close()


async def bad_day(telegram: TelegramLookAlike, kit: KitLookAlike, home: Path) -> dict[str, str]:
    """Three things wrong for `check`; for `status` a Kit that is down, a customer who blocked the bot, a backlog."""
    async with relay_between(telegram, kit, home) as relay:
        await relay.start()
        await relay.ready()
        anna = telegram.customer(107804195)
        anna.writes("hello")
        await kit.wait_for(lambda: kit.events)
        anna.blocks_bot(announced=False)
        await kit.agent_says("107804195", "Your parcel is on its way")
        await kit.wait_for(lambda: len(kit.events) == 2)
        kit.faults.apply({"down": True})
        telegram.backlog(40, 12)
        await relay.unready("kit")
        status = await typed(home, relay.environment, "status")
        kit.faults.apply({"down": False})
        await relay.ready()
        wrong = {
            "TELEGRAM_BOT_TOKEN": f"1{telegram.token}",
            "KIT_DOMAIN": "acmee",
            "RELAY_PUBLIC_URL": "http://acme.example",
        }
        check = await typed(home, {**relay.environment, **wrong}, "check")
    return {"status": status, "check": check}


async def wrong_salt(telegram: TelegramLookAlike, kit: KitLookAlike, home: Path) -> dict[str, str]:
    """`status` where each side is well and Kit signs with another salt."""
    async with relay_between(telegram, kit, home) as relay:
        await relay.start()
        await relay.ready()
        telegram.customer(107804195).writes("hello")
        await kit.wait_for(lambda: kit.events)
        kit.callbacks.salt = "another"
        for _ in range(3):
            await kit.agent_says("107804195", "Good morning! How can I help?")
        await relay.shows("relay_callbacks_refused_from_kit_total", 3)
        return {"refused": await typed(home, relay.environment, "status")}


async def lost_and_found(telegram: TelegramLookAlike, kit: KitLookAlike, home: Path) -> dict[str, str]:
    """`trace` of a customer whose message Kit took at the third attempt, and who blocked the bot then."""
    async with relay_between(telegram, kit, home) as relay:
        await relay.start()
        await relay.ready()
        anna = telegram.customer(107804195)
        kit.faults.answer_next(500, times=2, on="event")
        anna.writes("Where is my parcel?")
        await kit.wait_for(lambda: kit.events)
        await kit.agent_says("107804195", "Good morning! One moment, please.")
        await relay.settled("to_telegram")
        anna.blocks_bot(announced=False)
        await kit.agent_says("107804195", "It arrives tomorrow.")
        await kit.wait_for(lambda: len(kit.events) == 2)
        await relay.settled("to_kit")
        return {"trace": await typed(home, relay.environment, "trace", "107804195")}


#: By what is seen in the pictures.
DAYS: Final = (bad_day, wrong_salt, lost_and_found)


async def main() -> None:
    """Make them all."""
    tidied: dict[str, str] = {}
    for day in DAYS:
        with tempfile.TemporaryDirectory() as home:
            async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit:
                said = await day(telegram, kit, Path(home))
            tidied |= {name: text.replace(home, "/srv/relay") for name, text in said.items()}
    await photograph({name: drawn(text) for name, text in tidied.items()})


if __name__ == "__main__":
    asyncio.run(main())
