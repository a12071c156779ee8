"""Reading a chat in a real Chromium: what a hand on the wheel, and a keyboard without a mouse, find there."""

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.components import needs
from tests.page.demo import Visit, visiting

pytestmark = [needs("chromium"), pytest.mark.asyncio(loop_scope="module")]

PATIENCE = 90_000  # milliseconds
LINES = "\n".join(f"line {number}" for number in range(60))


async def far_from_end(chat: Locator) -> float:
    """Pixels between what is in sight and the end."""
    return float(await chat.evaluate("one => one.scrollHeight - one.scrollTop - one.clientHeight"))


async def scrolled_up(visit: Visit) -> Locator:
    """A long conversation on the phone, whose reader has gone back to its beginning."""
    chat = visit.page.locator("#chat")
    await visit.page.get_by_role("button", name="João Silva, pt").first.click()
    await visit.page.locator("#inbox").get_by_role("button", name="João Silva").click()
    told = chat.locator(".row", has_text="line 59")
    before = await told.count()
    await visit.answer(LINES)
    await expect(told).to_have_count(before + 1, timeout=PATIENCE)
    assert await far_from_end(chat) < 2
    await chat.hover()
    await visit.page.mouse.wheel(0, -5000)
    await visit.page.wait_for_function("() => document.getElementById('chat').scrollTop === 0")
    return chat


async def test_who_has_scrolled_up_stays_there_and_is_told_of_what_is_new(visit: Visit) -> None:
    """Neither a message nor a picture that has loaded moves the chat; a button leads to them."""
    chat = await scrolled_up(visit)
    page = visit.page
    await page.get_by_role("button", name="Add something to the answer").click()
    await page.get_by_role("button", name="Label", exact=True).click()
    await visit.answer("With a picture")
    newer = page.locator("#chat-newer")
    await expect(newer).to_have_text("↓ 1 new", timeout=PATIENCE)
    await chat.locator("img").last.evaluate("image => (image.loading = 'eager', image.decode())")
    assert await chat.evaluate("one => one.scrollTop") == 0
    await newer.click()
    await expect(newer).to_be_hidden()
    assert await far_from_end(chat) < 2
    assert visit.complaints == []


async def test_ones_own_words_come_into_sight(visit: Visit) -> None:
    """Whoever writes while scrolled up sees what they wrote."""
    chat = await scrolled_up(visit)
    await visit.write("Here I am")
    await expect(chat.locator(".row", has_text="Here I am")).to_be_in_viewport(timeout=PATIENCE)
    await expect(visit.page.locator("#chat-newer")).to_be_hidden()


async def test_a_chat_is_one_stop_for_the_tab_key(first_visit: Visit) -> None:
    """Whatever was said in it; arrows go from message to message, and into one and out of it."""
    page = first_visit.page
    for chat in ("#chat", "#desk-chat"):
        await expect(page.locator(f"{chat} .row")).to_have_count(3)
        inside = "all => all.filter(one => one.tabIndex >= 0).length"
        assert await page.locator(f"{chat}, {chat} :is(article, a, button, video)").evaluate_all(inside) == 1
    await page.get_by_role("button", name="Block the bot").focus()
    await page.keyboard.press("Tab")
    rows = page.locator("#chat .row")
    await expect(rows.last).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(rows.nth(1)).to_be_focused()
    await page.keyboard.press("Home")
    await expect(rows.first).to_be_focused()
    await page.keyboard.press("ArrowRight")
    await expect(rows.first.get_by_role("button", name="Reply")).to_be_focused()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await expect(rows.first.get_by_role("button", name="React 👍")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(rows.first).to_contain_text("👍", timeout=PATIENCE)
    await expect(rows.first).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Send something else")).to_be_focused()


async def test_a_place_and_a_contact_say_what_they_are(visit: Visit) -> None:
    """To whoever listens to the page."""
    page = visit.page
    for what, name in (("Place", "place"), ("My number", "contact, Anna")):
        before = await page.locator("#chat .row").count()
        await page.get_by_role("button", name="Send something else").click()
        await page.get_by_role("button", name=what, exact=True).click()
        row = page.locator("#chat .row").nth(before)
        await expect(row).to_have_attribute("aria-label", f"Anna Weber: {name}")


@pytest.mark.parametrize("width", [1440, 390])
async def test_the_first_stops_lead_to_what_one_came_for(browser: Browser, shared_url: str, width: int) -> None:
    """To the customer's words, the switches and the answer; on a phone also to the part that they are in."""
    async with visiting(browser, shared_url, width=width, height=844) as visit:
        page = visit.page
        for presses, link, field in (
            (1, "Write as the customer", page.get_by_label("Message from the customer")),
            (2, "Break something", page.get_by_role("switch", name="Kit down")),
            (3, "Answer as the agent", page.get_by_label("Answer of the agent")),
        ):
            await page.reload()
            await page.locator("#inbox li").first.wait_for(state="attached")
            for _ in range(presses):
                await page.keyboard.press("Tab")
            await expect(page.get_by_role("link", name=link)).to_be_focused()
            await expect(page.get_by_role("link", name=link)).to_be_in_viewport()
            await page.keyboard.press("Enter")
            await expect(field).to_be_focused()
