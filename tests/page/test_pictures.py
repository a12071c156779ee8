"""The README's pictures are the page itself. `DEMO_PICTURES=1` writes them anew."""

from typing import Final

import pytest
from playwright.async_api import Browser, expect

from tests.components import needs
from tests.page.demo import Scheme, Visit, visiting
from tests.page.pictures import FOLDER, LARGEST, keep

PATIENCE: Final = 20_000  # milliseconds
NAMES: Final = ("demo-light", "demo-dark", "demo-phone", "operator")


async def take(visit: Visit, name: str) -> None:
    """Look at the page as it is, and keep the picture if that was asked for."""
    await visit.page.wait_for_function(
        "() => [...document.images].every(image => image.complete || !image.offsetParent)"
    )
    await visit.page.wait_for_function("() => !document.querySelector('.packet')")
    keep(await visit.page.screenshot(), name)


async def converse(visit: Visit) -> None:
    """Something to look at: an answered question, other customers, and words that wait for Kit."""
    page = visit.page
    await page.get_by_role("button", name="Send something else").click()
    await page.get_by_role("button", name="Sticker", exact=True).click()
    await expect(page.locator("#desk-chat .row.theirs")).to_have_count(3, timeout=PATIENCE)
    await visit.write("Thank you! When will it be here?")
    await expect(page.locator("#desk-chat")).to_contain_text("When will it be here?", timeout=PATIENCE)
    await visit.answer("On Thursday, before noon.")
    await expect(page.locator("#chat .row.theirs").last).to_contain_text("Thursday", timeout=PATIENCE)
    await page.get_by_role("heading", name="The relay", exact=False).click()


@needs("chromium")
@pytest.mark.asyncio(loop_scope="module")
async def test_the_pictures_show_a_conversation_and_an_outage(browser: Browser, url: str) -> None:
    """Dark, light and on a phone; in the light one Kit is down, and what waits can be seen to wait."""
    scheme: Scheme = "dark"
    async with visiting(browser, url, scheme=scheme) as visit:
        await converse(visit)
        await take(visit, "demo-dark")
    async with visiting(browser, url, width=390, height=844) as visit:
        await take(visit, "demo-phone")
    async with visiting(browser, url) as visit:
        await visit.flip("Kit down")
        await visit.write("Perfect. Please leave it with the neighbours.")
        await expect(visit.page.locator("#lanes .waits")).to_contain_text("1 waits", timeout=PATIENCE)
        await visit.answer("We will!")
        await expect(visit.page.locator("#chat .row.theirs").last).to_contain_text("We will!", timeout=PATIENCE)
        await visit.page.get_by_role("heading", name="The relay", exact=False).click()
        await take(visit, "demo-light")


@pytest.mark.parametrize("name", NAMES)
def test_the_pictures_are_there_and_small(name: str) -> None:
    """Whoever opens the README does not wait for them."""
    assert (FOLDER / f"{name}.png").stat().st_size < LARGEST
