"""`python -m tests.campaigns.badday`: the worst day, played: what a person is told of each fault, and how soon.

Each fault has a relay of its own, a process with its usual times, between the look-alikes; all of them at once:

- `salt`: Kit signs with another salt, so every answer of every agent is refused;
- `kit`: Kit is down;
- `disk`: the disk is full;
- `blocked`: a customer has blocked the bot, and an agent answers;
- `poison`: an update that nobody can read;
- `proxy`: Telegram is behind a proxy, and the proxy dies;
- `dead`: the relay is killed, and nobody starts it. It cannot call; a Prometheus with deploy/alerts.yml does.

For each it prints what `relay status`, the operator's page, the alert and `relay trace` say, and after how many seconds
somebody knew. The exit code is 0 if each was known within `--within` seconds. `--pictures` writes the page's pictures
into docs/images.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Page

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns.badday.calls import Calls, Stopwatch, firing, prometheus, receiver
from tests.campaigns.badday.faults import FAULTS, Fault, Scene
from tests.e2e.process import command, relay_between
from tests.page.demo import chromium
from tests.page.pictures import keep

WITHIN: Final = 360.0
#: Set for the process that has mounts of its own.
_OWN_MOUNTS: Final = "BADDAY_OWN_MOUNTS"
#: Lines of `relay trace` that are shown.
_LAST: Final = 3


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of a fault. `seconds` is None when nobody was called in time."""

    fault: Fault
    seconds: float | None
    alert: str
    status: str
    page: str
    trace: str


async def play(fault: Fault, home: Path, calls: Calls, browser: Browser, within: float) -> Told:
    """Break it, wait until somebody is called, and look at everything that a person would look at."""
    async with (
        TelegramLookAlike(limits=False) as telegram,
        KitLookAlike() as kit,
        AsyncExitStack() as stack,
    ):
        scene = Scene(telegram, kit, home, stack)
        settings = calls.settings(fault.name) | await fault.prepare(scene)
        scene.relay = relay = await stack.enter_async_context(relay_between(telegram, kit, home, **settings))
        await relay.start()
        await relay.ready()
        scene.anna.writes("Hello!")
        await kit.wait_for(lambda: kit.texts(scene.anna.id), 60)
        page = await browser.new_page(viewport={"width": 900, "height": 700}, locale="en-GB")
        await page.goto(f"http://127.0.0.1:{relay.admin_port}/")
        await page.locator(".channel .figures").first.wait_for()
        watching = None if fault.kind else await stack.enter_async_context(prometheus(home, relay.admin_port))
        broken = Stopwatch()
        await fault.breaks(scene)
        alert, seconds = "nobody was called", None
        try:
            async with asyncio.timeout(within - broken.seconds):
                called = firing(watching, "RelayDown") if watching else calls.first(fault.name, fault.kind)
                alert, seconds = await called, broken.seconds
        except TimeoutError:
            pass
        return await _look(fault, scene, page, alert, seconds)


async def _look(fault: Fault, scene: Scene, page: Page, alert: str, seconds: float | None) -> Told:
    await page.wait_for_function("() => !document.getElementById('state').classList.contains('ok')")
    seen = await page.locator("#state, #calls:not([hidden]) li, .dead .rows li").all_inner_texts()
    keep(await page.screenshot(full_page=True), f"badday-{fault.name}")
    status = (await command(scene.relay, "status"))[1]
    trace = await command(scene.relay, "trace", str(scene.anna.id))
    return Told(
        fault, seconds, alert, _telling(status), "; ".join(" ".join(each.split()) for each in seen),
        "\n".join((trace[1] or trace[2]).splitlines()[-_LAST:]),
    )  # fmt: skip


def _telling(status: str) -> str:
    """The lines that say that something is wrong."""
    lines = [line.strip() for line in status.splitlines()]
    told = [line for line in lines if line.startswith(("✗", "No relay", "dead to", "held to", "→"))]
    return "\n".join(told or lines[:1])


def _say(told: Told) -> str:
    known = "NOBODY KNEW" if told.seconds is None else f"known after {told.seconds:.0f} s"
    parts = (("alert", told.alert), ("status", told.status), ("page", told.page), ("trace", told.trace))
    lines = [f"{told.fault.name}: {told.fault.words}: {known}"]
    lines += [f"  {name:<7} " + text.replace("\n", "\n          ") for name, text in parts]
    return "\n".join(lines)


async def campaign(names: Sequence[str], within: float) -> int:
    """Play them all at once. The exit code."""
    with tempfile.TemporaryDirectory(prefix="badday-") as directory:
        homes = {name: Path(directory) / name for name in names}
        for home in homes.values():
            await asyncio.to_thread(home.mkdir)
        async with receiver() as calls, chromium() as browser:
            day = [play(fault, homes[fault.name], calls, browser, within) for fault in FAULTS if fault.name in names]
            all_told = await asyncio.gather(*day)
    known = [told.seconds for told in all_told if told.seconds is not None]
    for told in all_told:
        sys.stdout.write(_say(told) + "\n\n")
    sys.stdout.write(
        f"{len(known)} of {len(all_told)} faults were known, the last after {max(known, default=0):.0f} s"
        f" ({within:.0f} allowed)\n"
    )
    return 0 if len(known) == len(all_told) else 1


def _with_own_mounts() -> None:
    """Become a process with mounts of its own: the small disk is nobody else's, and gone when it ends."""
    ours = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    again = [sys.executable, "-m", "tests.campaigns.badday", *sys.argv[1:]]
    os.environ[_OWN_MOUNTS] = "1"
    os.execvp("unshare", ["unshare", *ours, "--mount", *again])  # noqa: S606 - ourselves


def main() -> None:
    """The command line."""
    names = [fault.name for fault in FAULTS]
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.badday", description=__doc__.splitlines()[0])
    parser.add_argument("faults", nargs="*", choices=[*names, []], metavar="FAULT", help=", ".join(names))
    parser.add_argument("--within", type=float, default=WITHIN, help="seconds within which somebody must know")
    parser.add_argument("--pictures", action="store_true", help="write the page's pictures into docs/images")
    wishes = parser.parse_args()
    chosen = wishes.faults or names
    if "disk" in chosen and not os.environ.get(_OWN_MOUNTS):
        _with_own_mounts()
    if wishes.pictures:
        os.environ["DEMO_PICTURES"] = "1"
    sys.exit(asyncio.run(campaign(chosen, wishes.within)))


if __name__ == "__main__":
    main()
