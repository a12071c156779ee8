"""`python -m tests.page.field_pictures`: what a customer and an agent see of what is not simple, into `docs/images`.

The real relay between the look-alikes, and the demo's page in Chromium: the phone beside the desk.
"""

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.async_api import Browser

from relay.sandbox.demo.running import COMMAND, environment
from relay.sandbox.kit.control import control_routes as kit_routes
from relay.sandbox.kit.functions import inline_keyboard
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.page.cast import gather
from relay.sandbox.page.process import RelayProcess
from relay.sandbox.page.samples import sample
from relay.sandbox.page.server import Page
from relay.sandbox.page.watch import Watch
from relay.sandbox.telegram.control import control_routes as telegram_routes
from relay.sandbox.telegram.customers import Customer
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.databases import new_database
from tests.e2e.process import free_port
from tests.page.demo import chromium, visiting
from tests.page.pictures import FOLDER

ANNA: Final = 107804195
JOAO: Final = 208114733
#: Bytes of a picture at most.
LARGEST: Final = 120_000
#: Pictures, and whose chat each shows.
NAMES: Final = {"field-customer": ANNA, "field-agent": JOAO}
_NEWS: Final = {"id": -1009, "title": "Weber Gifts", "username": "webergifts", "type": "channel"}
_CARD: Final = (
    "BEGIN:VCARD\nVERSION:3.0\nFN:Ben Ott\nORG:Ott Logistics\nTEL;TYPE=WORK:+49 30 5550199\n"
    "EMAIL:ben@ott.example\nEND:VCARD"
)


@dataclass(frozen=True, slots=True)
class Stage:
    """The look-alikes, with a relay between them."""

    telegram: TelegramLookAlike
    kit: KitLookAlike
    url: str  #: The page.

    async def heard(self, chat: int, count: int) -> None:
        """Return once agents have so many messages of this customer's."""
        await self.kit.wait_for(lambda: len(self.kit.messages(str(chat))) >= count, 60)


@asynccontextmanager
async def staged(home: Path) -> AsyncIterator[Stage]:
    """A demo without its story."""
    async with (
        TelegramLookAlike(limits=False, control=telegram_routes) as telegram,
        KitLookAlike(control=kit_routes) as kit,
    ):
        gather(telegram)
        new_database(home)
        public, admin = free_port(), free_port()
        kit.callbacks.url = f"http://127.0.0.1:{public}/kit/callback"
        watch = Watch(telegram, kit)
        process = RelayProcess(COMMAND, environment(telegram, kit, home, public, admin), home, watch.hear)
        page = Page(telegram, kit, process, watch, relay_url=f"http://127.0.0.1:{public}")
        async with page.server:
            aside = asyncio.create_task(watch.follow(process, f"http://127.0.0.1:{admin}"))
            running = asyncio.create_task(process.run())
            try:
                await process.ready()
                yield Stage(telegram, kit, page.url)
            finally:
                process.stop()
                await running
                aside.cancel()
                with suppress(asyncio.CancelledError):
                    await aside


async def from_the_customer(stage: Stage) -> None:
    """A rich message, an answer to the second of two photos, a public post, a business card."""
    anna = stage.telegram.customer(ANNA)
    blocks: list[dict[str, Any]] = [
        {"type": "heading", "text": "Return of order 4711", "size": 1},
        {"type": "list", "items": [_ticked("Label on the box"), _ticked("Receipt inside")]},
        {"type": "photo", **_photo(anna, "label.jpg"), "caption": {"text": "The label"}},
    ]
    anna.sends_raw({"rich_message": {"blocks": blocks}})
    await stage.heard(ANNA, 1)
    taken = []
    for number, name in enumerate(("parcel.jpg", "corner.jpg"), 2):
        taken.append(anna.sends_raw(_photo(anna, name))["message"])
        await stage.heard(ANNA, number)
    anna.sends_raw({"text": "This corner is torn", "reply_to_message": taken[1]})
    await stage.heard(ANNA, 4)
    origin = {"type": "channel", "chat": _NEWS, "message_id": 42, "date": 1764500000}
    post = {"origin": origin, "chat": _NEWS, "message_id": 42, **_photo(anna, "parcel.jpg")}
    anna.sends_raw({"text": "Is this the new box?", "external_reply": post})
    await stage.heard(ANNA, 5)
    anna.sends_raw(
        {"contact": {"first_name": "Ben", "last_name": "Ott", "phone_number": "+49 151 555", "vcard": _CARD}}
    )
    await stage.heard(ANNA, 6)


def _ticked(text: str) -> dict[str, Any]:
    return {"has_checkbox": True, "is_checked": True, "blocks": [{"type": "paragraph", "text": text}]}


def _photo(customer: Customer, name: str) -> dict[str, Any]:
    return customer.attachment("photo", sample(name).data)


async def from_the_agent(stage: Stage) -> None:
    """Buttons of a function's; a file that comes later; a file that needs a sign-in."""
    stage.telegram.customer(JOAO).writes("Where is my parcel?")
    await stage.heard(JOAO, 1)
    buttons = [{"text": "Track it", "url": "https://shop.example/4711"}, {"text": "Ask a person", "callback_data": "1"}]
    await stage.kit.function_says(JOAO, "It left our house yesterday.", inline_keyboard(buttons))
    late = stage.kit.host_file(sample("label.jpg").data, "label.jpg", "image/jpeg", status=503)
    await stage.kit.agent_says(JOAO, "Here is its label.", [_item(late, "label.jpg")])
    await stage.kit.agent_says(JOAO, "It should be there on Thursday.")
    await stage.telegram.wait_for(lambda: "It should be there on Thursday." in stage.telegram.chat(JOAO).texts, 60)
    stage.kit.hosted(late).status = 200
    await stage.telegram.wait_for(lambda: any("photo" in each for each in stage.telegram.chat(JOAO).messages), 60)
    locked = stage.kit.host_file(sample("receipt.jpg").data, "receipt.jpg", "image/jpeg", status=401)
    await stage.kit.agent_says(JOAO, "And your receipt.", [_item(locked, "receipt.jpg")])
    await stage.heard(JOAO, 3)


def _item(url: str, name: str) -> dict[str, str]:
    return {"type": "photo", "file_name": name, "file_url": url}


async def picture(browser: Browser, url: str, chat: int) -> bytes:
    """The phone of this customer beside the conversation at the desk, in 128 colours."""
    async with visiting(browser, url, width=1500, height=1200 if chat == JOAO else 1600) as visit:
        page = visit.page
        await page.locator("#people button").nth(0 if chat == ANNA else 1).click()
        await page.locator("#inbox li").nth(0 if chat == JOAO else 1).click()
        await page.wait_for_function("() => [...document.images].every(one => one.complete || !one.offsetParent)")
        await page.wait_for_function("() => !document.querySelector('.packet')")
        shots = [await page.locator(f"#{part}").screenshot() for part in ("phone", "desk")]
    return _beside([Image.open(io.BytesIO(shot)).convert("RGB") for shot in shots])


def _beside(parts: list[Image.Image]) -> bytes:
    whole = Image.new("RGB", (sum(part.width for part in parts), max(part.height for part in parts)), "white")
    left = 0
    for part in parts:
        whole.paste(part, (left, 0))
        left += part.width
    out = io.BytesIO()
    whole.save(out, "WEBP", quality=72, method=6)
    return out.getvalue()


async def main() -> None:
    """Write them."""
    with tempfile.TemporaryDirectory() as home:
        async with staged(Path(home)) as stage, chromium() as browser:
            await from_the_customer(stage)
            await from_the_agent(stage)
            for name, chat in NAMES.items():
                drawn = await picture(browser, stage.url, chat)
                (FOLDER / f"{name}.webp").write_bytes(drawn)
                print(f"{name}: {len(drawn)} bytes")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    asyncio.run(main())
