"""`python -m tests.page.measuring`: from a click on the phone to the bubble at the desk, as the browser sees it."""

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import Page

from tests.page.demo import chromium, running_demo, visiting

TIMES: Final = 31

#: Send a text, and wait until it is drawn in a chat: milliseconds between the two.
_SEND_AND_SEE: Final = """([text, place]) => new Promise((resolve) => {
  const chat = document.getElementById(place);
  let began = 0;
  const watcher = new MutationObserver(() => {
    if (!chat.textContent.includes(text)) return;
    watcher.disconnect();
    requestAnimationFrame(() => resolve(performance.now() - began));
  });
  watcher.observe(chat, { childList: true, subtree: true, characterData: true });
  document.getElementById("phone-text").value = text;
  began = performance.now();
  document.querySelector("#phone-form button[type=submit]").click();
})"""


async def click_to_bubble(page: Page, times: int, chat: str = "desk-chat") -> list[float]:
    """So many milliseconds each, one after the other, until the words stand in this chat."""
    texts = [f"measured in {chat}, {number}." for number in range(times)]
    return [float(await page.evaluate(_SEND_AND_SEE, [text, chat])) for text in texts]


async def main() -> None:
    """Measure and say."""
    with tempfile.TemporaryDirectory() as home:
        async with running_demo(Path(home)) as url, chromium() as browser, visiting(browser, url) as visit:
            took = sorted(await click_to_bubble(visit.page, TIMES))
    sys.stdout.write(
        f"click on the phone to bubble at the desk, {TIMES} times: median {statistics.median(took):.0f} ms,"
        f" fastest {took[0]:.0f} ms, slowest {took[-1]:.0f} ms\n"
    )


if __name__ == "__main__":
    asyncio.run(main())
