"""axe-core on an open page: what keeps people from using it who cannot see, point or tell colours apart."""

from importlib.resources import files
from typing import Any, Final

from playwright.async_api import Page

#: From a small phone to a large screen.
WIDTHS: Final = (320, 390, 768, 1024, 1280, 1366, 1440, 1920)
_SOURCE: Final = files("axe_playwright_python").joinpath("axe.min.js").read_text()
#: WCAG 2.2 AA, and what axe's authors hold to be good practice.
_RUN: Final = (
    "async (only) => (await axe.run(document, {resultTypes: ['violations'], ...only})).violations"
    ".flatMap(found => found.nodes.map(node => `${found.id}: ${node.target} ${node.any.map(one => one.message)}`))"
)
#: The right edge of what is seen of an element: what it hides of its children does not count.
_OVERFLOW: Final = """() => {
  const seen = (one) => {
    let right = one.getBoundingClientRect().right;
    for (let around = one.parentElement; around; around = around.parentElement) {
      const hides = getComputedStyle(around).overflowX !== "visible";
      if (hides) right = Math.min(right, around.getBoundingClientRect().right);
    }
    return right;
  };
  return [...document.querySelectorAll("body, body *")]
    .filter((one) => !one.closest(".visually-hidden, .skips, svg, [hidden]") && one.getBoundingClientRect().width > 0)
    .filter((one) => seen(one) > innerWidth + 1)
    .map((one) => `${one.tagName}#${one.id}.${one.className} ends at ${Math.round(seen(one))}`);
}"""
#: What is cut off although nothing says so: words in a box that is too narrow for them, without an ellipsis.
_CUT: Final = """() => [...document.querySelectorAll("body *")]
  .filter((one) => !one.closest(".visually-hidden, .skips, svg, [hidden]") && one.clientWidth > 0)
  .filter((one) => {
    const style = getComputedStyle(one);
    return style.overflowX === "hidden" && style.textOverflow !== "ellipsis" && one.scrollWidth > one.clientWidth + 1;
  })
  .map((one) => `${one.tagName}#${one.id}.${one.className} holds ${one.scrollWidth} in ${one.clientWidth}`)"""


async def violations(page: Page, *rules: str) -> list[str]:
    """What axe finds, a line for each place; by all of its rules, or by these."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(_SOURCE)
    found: list[Any] = await page.evaluate(_RUN, {"runOnly": list(rules)} if rules else {})
    return [str(line) for line in found]


async def everybody_can_use(page: Page) -> None:
    """Assert that nothing leaves the window and axe finds nothing, in the light, as wide as it is."""
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")  # no colour is between two others
    width = page.viewport_size
    assert (width, await sticking_out(page), await violations(page)) == (width, [], [])


async def everybody_can_read_it_in_the_dark(page: Page) -> None:
    """Assert that axe finds nothing in the dark either. What differs then is colours, and those at no width."""
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert await violations(page, "color-contrast") == []


async def sticking_out(page: Page) -> list[str]:
    """What ends beyond the window's right edge or is cut off, and whether the page can be scrolled sideways."""
    found: list[Any] = [*await page.evaluate(_OVERFLOW), *await page.evaluate(_CUT)]
    width, window = await page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    return [*(str(line) for line in found), *([f"the page is {width} wide"] if width > window else [])]
