"""The demo's page in a real Chromium: the real relay, with both look-alikes, seen as a visitor sees it."""

import asyncio
import re
import statistics
from pathlib import Path

import psutil
import pytest
from playwright.async_api import Browser, expect

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.page.gauges import Reading
from relay.sandbox.page.process import RelayProcess
from relay.sandbox.page.samples import FOLDER
from relay.sandbox.page.server import Page
from relay.sandbox.page.watch import Watch
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.components import needs
from tests.page.demo import Visit, visiting
from tests.page.measuring import click_to_bubble
from tests.starting import run

pytestmark = [needs("chromium"), pytest.mark.asyncio(loop_scope="module")]

PATIENCE = 90_000  # milliseconds
#: What a browser says of its own accord while the relay is dead and a picture cannot be had.
DEAD = "ERR_CONNECTION_REFUSED"


async def test_a_photo_reaches_the_desk_and_an_answer_comes_back(visit: Visit) -> None:
    """Both ends show it, with the very picture; nothing is asked of another host, and nothing goes wrong in silence."""
    page = visit.page
    arrived = page.locator("#desk-chat .row.theirs")
    before = await arrived.count()
    await page.get_by_label("Files from this computer, for the customer to send").set_input_files(
        FOLDER / "receipt.jpg"
    )
    photo = arrived.nth(before).get_by_role("img", name="Photo")
    await expect(photo).to_be_visible(timeout=PATIENCE)
    await expect(photo).to_have_js_property("naturalWidth", 800)
    await expect(arrived).to_have_count(before + 1)
    await visit.answer("Got it, thank you!")
    await expect(page.locator("#chat .row.theirs").last).to_contain_text("Got it, thank you!", timeout=PATIENCE)
    await expect(page.locator("#desk-chat .row.mine").last.locator(".ticks")).to_have_class(re.compile("there"))
    assert visit.hosts == {"127.0.0.1"}
    assert visit.complaints == []


async def test_what_waits_while_kit_is_down_is_seen_and_arrives(visit: Visit) -> None:
    """The message stands on the relay's disk, amber, and reaches the desk as soon as Kit is back."""
    page = visit.page
    await visit.flip("Kit down")
    await visit.write("Is anybody there?")
    bubble = page.locator("#chat .row", has_text="Is anybody there?")
    await expect(bubble.get_by_role("img", name="the relay has it on disk")).to_be_visible(timeout=PATIENCE)
    await expect(page.locator("#lanes .waits")).to_contain_text("1 waits", timeout=PATIENCE)
    await expect(page.locator("#desk-chat")).not_to_contain_text("Is anybody there?")
    await visit.flip("Kit down")
    await expect(page.locator("#desk-chat")).to_contain_text("Is anybody there?", timeout=90_000)
    await expect(bubble.get_by_role("img", name="arrived")).to_be_visible(timeout=PATIENCE)
    await expect(page.locator("#proof")).to_contain_text("0 waiting", timeout=PATIENCE)


async def test_a_killed_relay_comes_back_and_has_lost_nothing(first_visit: Visit) -> None:
    """What both ends said before and during its death arrives once, in order."""
    visit, page = first_visit, first_visit.page
    await visit.flip("Kit down")
    await visit.write("first")
    await expect(page.locator("#chat .row", has_text="first").get_by_role("img", name="on disk")).to_be_visible()
    await page.get_by_role("button", name="kill -9 the relay").click()
    await expect(page.locator("#process")).to_contain_text("killed", timeout=PATIENCE)
    await visit.write("second")
    await visit.answer("We are still here")
    await visit.flip("Kit down")
    await expect(page.locator("#process")).to_contain_text("process", timeout=90_000)
    await expect(page.locator("#desk-chat .row.theirs", has_text="second")).to_be_visible(timeout=90_000)
    await expect(page.locator("#chat .row.theirs").last).to_contain_text("We are still here", timeout=PATIENCE)
    texts = await page.locator("#desk-chat .row.theirs .text").all_text_contents()
    assert texts[-2:] == ["first", "second"]
    assert len(texts) == len(set(texts))
    await expect(page.locator("#proof")).to_contain_text("0 waiting + 0 dead", timeout=PATIENCE)
    assert [*visit.forgive(DEAD)] == []


async def test_a_lost_answer_is_repeated_and_shown_once(visit: Visit) -> None:
    """Kit took the event and said nothing: the relay sends it again under the same id, and the desk has it once."""
    await visit.flip("Lost answer")
    await visit.write("once, please")
    entry = visit.page.locator("#desk-chat .row.theirs", has_text="once, please")
    await expect(entry).to_contain_text("came twice, shown once", timeout=90_000)
    await expect(entry).to_have_count(1)


async def test_everything_that_a_customer_can_send_arrives(first_visit: Visit) -> None:
    """Album, voice, sticker, place, number, reply, edit and reaction, each through the page's own controls."""
    visit, page = first_visit, first_visit.page
    arrived = page.locator("#desk-chat .row.theirs")
    for what in ("Album", "Voice", "Sticker", "Place", "My number"):
        before = await arrived.count()
        await page.get_by_role("button", name="Send something else").click()
        await page.get_by_role("button", name=what, exact=True).click()
        await expect(arrived.nth(before)).to_be_visible(timeout=PATIENCE)
    await expect(page.locator("#card")).to_contain_text("+4930901820", timeout=PATIENCE)
    await expect(arrived.filter(has=page.locator(".map"))).not_to_contain_text("[location]")
    label = page.locator("#chat .row.theirs").first
    await label.hover()
    await label.get_by_role("button", name="React 👍").click()
    await expect(label).to_contain_text("👍", timeout=PATIENCE)
    await label.get_by_role("button", name="Reply").click()
    await visit.write("This very one")
    await expect(page.locator("#chat .quote").last).to_contain_text("I am sorry!", timeout=PATIENCE)
    mine = page.locator("#chat .row.mine", has_text="This very one")
    await mine.hover()
    await mine.get_by_role("button", name="Edit").click()
    await visit.write("This one, I mean")
    await expect(page.locator("#chat .row.mine", has_text="This one, I mean")).to_contain_text("edited")
    await expect(arrived.last).to_contain_text("This one, I mean", timeout=PATIENCE)


async def test_an_agent_can_send_files_and_close(visit: Visit) -> None:
    """Files from the agent's computer reach the phone; the conversation closes, and the inbox says so."""
    page = visit.page
    await page.get_by_label("Files from this computer, for the agent to send").set_input_files(
        [FOLDER / "parcel.jpg", FOLDER / "corner.jpg"]
    )
    await visit.answer("Two pictures")
    await expect(page.locator("#chat .row.theirs").last.get_by_role("img", name="Photo")).to_have_count(
        2, timeout=PATIENCE
    )
    close = page.get_by_role("button", name="Close", exact=True)
    await close.click()
    await page.get_by_role("button", name="Closed by the agent").click()
    await expect(page.locator("#desk-status")).to_have_text("closed", timeout=PATIENCE)
    await expect(close).to_be_disabled()
    await visit.write("One more thing")
    await expect(close).to_be_enabled(timeout=PATIENCE)


async def test_a_blocked_bot_is_a_dead_letter_with_a_reason_and_can_be_retried(first_visit: Visit) -> None:
    """The page says what became of the answer, and why; retried by the operator's command, it arrives."""
    visit, page = first_visit, first_visit.page
    await page.get_by_role("button", name="Block the bot").click()
    await expect(page.get_by_label("Message from the customer")).to_be_disabled(timeout=PATIENCE)
    await visit.answer("Are you still there?")
    await expect(page.locator("#dead li").first).to_contain_text("block", timeout=90_000)
    await page.get_by_role("button", name="Unblock the bot").click()
    await expect(page.get_by_label("Message from the customer")).to_be_enabled(timeout=PATIENCE)
    await visit.write("I am back")
    await expect(page.locator("#desk-chat")).to_contain_text("I am back", timeout=PATIENCE)
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("#chat .row.theirs").last).to_contain_text("Are you still there?", timeout=90_000)
    await expect(page.locator("#dead li")).to_have_count(0, timeout=PATIENCE)
    await expect(page.locator("#lanes li", has_text="Anna to phone")).to_contain_text("2 in order", timeout=PATIENCE)
    proof = page.locator("#proof")
    await expect(proof).to_contain_text(" received + 1 retried = ", timeout=PATIENCE)
    await expect(proof).to_contain_text("0 waiting + 1 dead", timeout=PATIENCE)
    await expect(proof).not_to_have_class(re.compile("broken|stale"))
    said = [int(number) for number in re.findall(r"\d+", await proof.inner_text())]
    assert sum(said[:2]) == sum(said[2:])


async def operator(visit: Visit, *arguments: str) -> None:
    """Type a command of `relay` in a terminal where the demo's relay has its settings."""
    found = re.search(r"process (\d+)", await visit.page.locator("#process").inner_text())
    assert found
    relay = psutil.Process(int(found[1]))
    settings = {name: value for name, value in relay.environ().items() if not name.startswith("PYTHON")}
    done = await run(arguments, home=Path(relay.cwd()), environment=settings)
    assert done.code == 0, done


async def test_dead_letters_follow_what_an_operator_does_in_a_terminal(visit: Visit) -> None:
    """Retried there, one arrives, leaves the list and counts in its lane; dropped there, it leaves the list."""
    page = visit.page
    lane = page.locator("#lanes li", has_text="Anna to phone")
    before = int(re.findall(r"(\d+) in order", await lane.inner_text())[0])
    block = page.locator("#block")
    for words, command in (("Are you there?", "retry"), ("And now?", "drop")):
        await block.click()
        await expect(block).to_have_text("Unblock", timeout=PATIENCE)
        await visit.answer(words)
        await expect(page.locator("#dead li")).to_contain_text(words, timeout=90_000)
        await block.click()
        await expect(block).to_have_text("Block", timeout=PATIENCE)
        await operator(visit, "dead", command, "--all", *(["--yes"] if command == "drop" else []))
        await expect(page.locator("#dead li")).to_have_count(0, timeout=PATIENCE)
    await expect(page.locator("#chat")).to_contain_text("Are you there?")
    await expect(page.locator("#chat")).not_to_contain_text("And now?")
    await expect(lane).to_contain_text(f"{before + 1} in order", timeout=PATIENCE)


async def test_a_sum_that_is_not_whole_is_red(browser: Browser, tmp_path: Path) -> None:
    """The box calls well only what adds up: the page is told figures that do, then figures that do not."""
    async with TelegramLookAlike() as telegram, KitLookAlike() as kit:
        watch = Watch(telegram, kit)
        demo = Page(
            telegram, kit, RelayProcess(("false",), {}, tmp_path, watch.hear), watch, relay_url="http://[::1]:1"
        )
        kit.callbacks.message("107804195", "hello", [])
        watch.observe_kit()
        async with demo.server:
            for delivered, sign, look in ((2, " = ", "proof"), (1, " ≠ ", "proof broken")):
                figures = {"received": 2, "revived": 1, "delivered": delivered, "waiting": 0, "dead": 1, "declined": 0}
                watch.reading = Reading(fresh=True, directions={"to_kit": figures})
                async with visiting(browser, demo.url) as visit:
                    proof = visit.page.locator("#proof")
                    await expect(proof).to_contain_text(f"2 received + 1 retried{sign}{delivered} delivered")
                    await expect(proof).to_have_class(look)


async def test_buttons_that_an_agent_sends_can_be_pressed(visit: Visit) -> None:
    """They stand under the message on the phone; a press is answered, so that the phone does not wait."""
    page = visit.page
    await page.get_by_role("button", name="Add something to the answer").click()
    await page.get_by_role("button", name="Buttons", exact=True).click()
    button = page.locator("#chat").get_by_role("button", name="Yes, please")
    await expect(button).to_be_visible(timeout=PATIENCE)
    await button.click()
    await expect(page.locator("#feed")).to_contain_text("button yes", timeout=PATIENCE)
    assert visit.complaints == []


async def test_an_agent_asks_for_the_number_and_gets_it(visit: Visit) -> None:
    """A keyboard comes up on the phone; its key shares the customer's own number, which then stands on their card."""
    page = visit.page
    await page.get_by_role("button", name="Add something to the answer").click()
    await page.get_by_role("button", name="Ask number", exact=True).click()
    keyboard = page.get_by_role("group", name="Keyboard from the bot")
    await keyboard.get_by_role("button", name="Share my number").click(timeout=PATIENCE)
    await expect(page.locator("#card")).to_contain_text("+4930901820", timeout=PATIENCE)
    await expect(keyboard).to_be_hidden()


async def test_on_a_phone_the_three_parts_are_tabs(browser: Browser, shared_url: str) -> None:
    """One at a time, none wider than the screen; the desk's inbox opens a conversation, and leads back."""
    async with visiting(browser, shared_url, width=390, height=844) as visit:
        page = visit.page
        for tab, part in (("Relay", "#relay"), ("Desk", "#desk"), ("Phone", "#phone")):
            await page.locator(".tabs").get_by_role("button", name=tab).click()
            await expect(page.locator(part)).to_be_visible()
            assert await page.locator(".pane:visible").count() == 1
            assert await page.evaluate("document.documentElement.scrollWidth") == 390
        await visit.write("from a phone")
        await page.locator(".tabs").get_by_role("button", name="Desk").click()
        await page.locator("#inbox").get_by_role("button", name="Anna Weber").click()
        await expect(page.locator("#desk-chat")).to_contain_text("from a phone", timeout=PATIENCE)
        await page.get_by_role("button", name="All conversations").click()
        await expect(page.locator("#inbox")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768), (390, 844)])
async def test_nothing_sticks_out(browser: Browser, shared_url: str, width: int, height: int) -> None:
    """No label leaves its control, at any of the sizes that the page is made for."""
    async with visiting(browser, shared_url, width=width, height=height) as visit:
        for tab in ("relay", "desk", "phone"):
            await visit.page.evaluate("(tab) => document.getElementById('stage').dataset.tab = tab", tab)
            too_wide = await visit.page.evaluate(
                "() => [...document.querySelectorAll('button, .stop, .health li, .lanes li')]"
                ".filter(one => one.offsetParent && one.scrollWidth > one.clientWidth + 1).map(one => one.outerHTML)"
            )
            assert too_wide == []


async def test_what_people_write_is_never_markup(visit: Visit) -> None:
    """Tags stay words, at the phone, at the desk, in the inbox and in the relay's lists."""
    hostile = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script><b>bold</b>"
    await visit.write(hostile)
    await expect(visit.page.locator("#desk-chat .row.theirs").last).to_contain_text(hostile, timeout=PATIENCE)
    await visit.answer(hostile)
    await expect(visit.page.locator("#chat .row.theirs").last).to_contain_text("<b>bold</b>", timeout=PATIENCE)
    assert await visit.page.locator("main script, main b:has-text('bold'), main img[src=x]").count() == 0
    assert "owned" not in await visit.page.title()
    assert visit.complaints == []


async def test_every_control_has_a_name(browser: Browser, shared_url: str) -> None:
    """Whoever listens to the page hears what each control does, on a laptop and in each tab of a phone."""
    for width, tabs in ((1440, [""]), (390, ["Phone", "Relay", "Desk"])):
        async with visiting(browser, shared_url, width=width, height=844) as visit:
            for tab in tabs:
                if tab:
                    await visit.page.get_by_role("button", name=tab, exact=False).last.click()
                tree = await visit.page.locator("body").aria_snapshot()
                controls = re.findall(r"^\s*- (?:button|textbox|link|switch|checkbox)\b(.*)$", tree, re.MULTILINE)
                assert controls
                assert not [line for line in controls if '"' not in line], tree


async def test_the_keyboard_alone_is_enough(visit: Visit) -> None:
    """A customer is chosen, a menu opened, a sample sent, an answer written and Kit taken down without a mouse."""
    page = visit.page
    await page.get_by_role("button", name="Anna Weber").first.focus()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="João Silva, pt").first).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("button", name="Send something else").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Photo", exact=True).first).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Send something else")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.type("Written without a mouse")
    await page.keyboard.press("Enter")
    inbox = page.locator("#inbox").get_by_role("button", name="João Silva")
    await expect(inbox).to_contain_text("Written without a mouse", timeout=PATIENCE)
    await inbox.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#desk-name")).to_have_text("João Silva")
    await page.get_by_label("Answer of the agent").focus()
    await page.keyboard.type("So is this")
    await page.keyboard.press("Enter")
    await expect(page.locator("#chat .row.theirs").last).to_contain_text("So is this", timeout=PATIENCE)
    await page.get_by_role("switch", name="Kit down").focus()
    await page.keyboard.press("Space")
    await expect(page.get_by_role("switch", name="Kit down")).to_be_checked(timeout=PATIENCE)
    await page.keyboard.press("Space")
    await expect(page.get_by_role("switch", name="Kit down")).not_to_be_checked(timeout=PATIENCE)


async def test_a_click_on_the_phone_is_soon_a_bubble_at_the_desk(browser: Browser, shared_url: str) -> None:
    """The median is below half a second; on a busy machine, ten times what the phone needs to show its own words."""
    async with visiting(browser, shared_url) as visit:
        phone = statistics.median(await click_to_bubble(visit.page, 9, "chat"))
        assert statistics.median(await click_to_bubble(visit.page, 9)) < max(500, 10 * phone)


async def test_a_page_that_is_opened_twice_shows_the_same(browser: Browser, shared_url: str) -> None:
    """The state is the server's: what is written in one window stands in the other."""
    async with visiting(browser, shared_url) as one, visiting(browser, shared_url, scheme="dark") as other:
        await one.write("seen in both")
        await asyncio.gather(
            *(
                expect(visit.page.locator("#desk-chat")).to_contain_text("seen in both", timeout=PATIENCE)
                for visit in (one, other)
            )
        )
