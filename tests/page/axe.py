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
_OVERFLOW: Final = (
    "() => [document.documentElement, document.body, ...document.querySelectorAll('body *')].filter(one =>"
    " !one.closest('.visually-hidden, .skips, svg, [hidden]') && one.getBoundingClientRect().width > 0"
    " && one.getBoundingClientRect().right > innerWidth + 1)"
    ".map(one => `${one.tagName}#${one.id}.${one.className} ends at ${Math.round(one.getBoundingClientRect().right)}`)"
)


async def violations(page: Page, *rules: str) -> list[str]:
    """What axe finds, a line for each place; by all of its rules, or by these."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(_SOURCE)
    found: list[Any] = await page.evaluate(_RUN, {"runOnly": list(rules)} if rules else {})
    return [str(line) for line in found]


async def everybody_can_use(page: Page) -> None:
    """Assert that nothing leaves the window and axe finds nothing, in the light and in the dark, as wide as it is."""
    width = page.viewport_size
    assert (width, await sticking_out(page), await violations(page)) == (width, [], [])
    await page.emulate_media(color_scheme="dark")
    assert (width, "dark", await violations(page, "color-contrast")) == (width, "dark", [])  # all that differs then
    await page.emulate_media(color_scheme="light")


async def sticking_out(page: Page) -> list[str]:
    """Elements that end beyond the window's right edge, and whether the page can be scrolled sideways."""
    found: list[Any] = await page.evaluate(_OVERFLOW)
    width, window = await page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    return [*(str(line) for line in found), *([f"the page is {width} wide"] if width > window else [])]
