"""The demo's page at every width, by day and by night; its first step; and conversations that are long."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.page.cast import CAST
from relay.sandbox.page.process import RelayProcess
from relay.sandbox.page.server import Page
from relay.sandbox.page.watch import Watch
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.components import needs
from tests.page.axe import WIDTHS, everybody_can_read_it_in_the_dark, everybody_can_use, sticking_out
from tests.page.demo import Visit, visiting

pytestmark = [needs("chromium"), pytest.mark.asyncio(loop_scope="module")]

PATIENCE = 20_000  # milliseconds
TABS = ("phone", "relay", "desk")
#: The one with tabs, and the one where all stands side by side.
DARK = (390, 1440)
LONG = 10_000
#: Collect the bubbles in which anything changes from now on, or which come.
COUNT_TOUCHED = """() => {
  window.touched = new Set();
  const note = (records) => records.forEach(({ target, addedNodes }) =>
    [target, ...addedNodes].forEach((node) => node.closest?.(".row") && touched.add(node.closest(".row"))));
  for (const chat of document.querySelectorAll("#chat, #desk-chat")) {
    new MutationObserver(note).observe(chat, { childList: true, subtree: true, characterData: true });
  }
}"""


async def show_each_part(visit: Visit, part: str) -> None:
    """Where the parts are tabs, one of them; on a wide screen they all stand there."""
    tab = visit.page.locator(f".tabs button[data-tab={part}]")
    if await tab.is_visible():
        await tab.click()


@pytest.mark.timeout(120)
async def test_everybody_can_use_it_at_every_width(browser: Browser, shared_url: str) -> None:
    """Nothing leaves the window, axe finds nothing, and what to try first is there: on phones and on large screens."""
    async with visiting(browser, shared_url) as visit:
        for width in WIDTHS:
            await visit.page.set_viewport_size({"width": width, "height": 900})
            await expect(visit.page.locator(".tagline")).to_be_visible()
            await expect(visit.page.locator("#try")).to_be_visible()
            parts = TABS if await visit.page.locator(".tabs").is_visible() else TABS[:1]
            for part in parts:
                await show_each_part(visit, part)
                await everybody_can_use(visit.page)
                if width in DARK:
                    await everybody_can_read_it_in_the_dark(visit.page)


async def test_no_width_between_them_is_cut_off(browser: Browser, shared_url: str) -> None:
    """Every forty pixels, and on both sides of each width at which the page changes."""
    async with visiting(browser, shared_url) as visit:
        for width in sorted({*range(320, 1921, 40), 1019, 1021, 1339, 1341, 1379, 1381}):
            await visit.page.set_viewport_size({"width": width, "height": 800})
            for part in TABS if await visit.page.locator(".tabs").is_visible() else TABS[:1]:
                await show_each_part(visit, part)
                assert (width, part, await sticking_out(visit.page)) == (width, part, [])


async def test_the_first_customer_has_a_face_and_the_demos_own_is_marked(browser: Browser, shared_url: str) -> None:
    """Anna's picture stands at the desk; ticks and times are dashed, and both panes say whose they are."""
    async with visiting(browser, shared_url) as visit:
        page = visit.page
        await expect(page.locator("#desk-name")).to_have_text("Anna Weber")
        await expect(page.locator("#desk-avatar img")).to_have_count(1)
        assert await page.locator("#desk-chat .meta .own .ticks, #desk-chat .meta .own .ms").count() > 0
        assert await page.locator(".meta > .ticks, .meta > .ms, .meta > .why, .meta > .twice").count() == 0
        await expect(page.locator("#desk .key")).to_contain_text("not Kit’s")
        await page.get_by_role("button", name="Hide what to try first").click()
        await expect(page.locator("#try")).to_be_hidden()


async def test_what_customers_may_see_can_be_switched_on(browser: Browser, url: str) -> None:
    """The agent's name, the closing text and the stars: they need a restart, which loses nothing."""
    async with visiting(browser, url) as visit:
        page = visit.page
        switches = [
            page.get_by_role("switch", name=name) for name in ("Agent’s name", "Say it is closed", "Ask for stars")
        ]
        for switch in switches:
            await switch.click()
        for switch in switches:
            await expect(switch).to_be_checked(timeout=PATIENCE)
        await expect(page.locator("#process")).to_contain_text("process", timeout=PATIENCE)
        await visit.answer("Anything else?")
        await expect(page.locator("#chat .row.theirs").last).to_contain_text("Джейн Smith", timeout=PATIENCE)
        await page.get_by_role("button", name="Close", exact=True).click()
        await page.get_by_role("button", name="Closed by the agent").click()
        stars = page.locator("#chat").get_by_role("button", name="5")
        await stars.last.click(timeout=PATIENCE)
        await expect(page.locator("#proof")).not_to_contain_text("≠")


async def test_a_deep_link_tells_where_a_customer_came_from(browser: Browser, url: str) -> None:
    """Its QR code is drawn here; opened on the phone, the campaign stands on the customer's card."""
    async with visiting(browser, url) as visit:
        page = visit.page
        await expect(page.locator("#deep-link-url")).to_have_text(
            f"https://t.me/sandbox_support_bot?start={CAST[1].payload}"
        )
        assert await page.evaluate("() => document.querySelector('#deep-link img').naturalWidth") > 0
        await page.get_by_role("button", name="Open it on the phone").click()
        await expect(page.locator("#card")).to_contain_text("instagram", timeout=PATIENCE)
        assert visit.complaints == []


async def test_a_long_conversation_stays_quick(browser: Browser, tmp_path: Path) -> None:
    """Of ten thousand messages at both ends few are drawn, and one more draws itself and touches no other."""
    async with TelegramLookAlike(limits=False) as telegram, KitLookAlike() as kit:
        watch = Watch(telegram, kit)
        process = RelayProcess(("false",), {}, tmp_path, watch.hear)
        demo = Page(telegram, kit, process, watch, relay_url="http://[::1]:1")
        anna = telegram.customer(CAST[0].id)
        for number in range(LONG):
            anna.writes(f"message {number}")
            kit.callbacks.message(str(anna.id), f"answer {number}", [])
        watch.observe_telegram()
        watch.observe_kit()
        async with demo.server, visiting(browser, demo.url) as visit:
            page = visit.page
            await expect(page.locator("#desk-chat .row").last).to_contain_text(f"answer {LONG - 1}")
            assert 100 < await page.locator("#chat .row, #desk-chat .row").count() < 1_000
            await page.evaluate(COUNT_TOUCHED)
            kit.callbacks.message(str(anna.id), "one more", [])
            watch.observe_kit()
            watch.hear({"event": "looked"})
            await expect(page.locator("#desk-chat .row").last).to_contain_text("one more")
            assert await page.evaluate("() => touched.size") <= 4  # itself, and those beside it
