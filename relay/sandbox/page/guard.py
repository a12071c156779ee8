"""Who may talk to the page's server: the page itself, in a browser on this machine, and no other site in that browser.

The address is loopback, but every site that the visitor has open can send requests there (and, by rebinding its own
name, read the answers). So the Host must be ours, and what changes something must come from our own origin.
"""

from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_NAMES: Final = ("127.0.0.1", "localhost")
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def guard(port: Callable[[], int]) -> Middleware:
    """A middleware for a server on this loopback port."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        hosts = {f"{name}:{port()}" for name in _NAMES}
        if request.host not in hosts:
            raise web.HTTPForbidden(text="this host is not served here\n")
        origin = request.headers.get("Origin")
        ours = {f"http://{host}" for host in hosts}
        if origin not in (ours if request.method not in ("GET", "HEAD") else {None, *ours}):
            raise web.HTTPForbidden(text="only the page itself may do this\n")
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin") and request.path != "/":
            raise web.HTTPForbidden(text="other sites may not load this\n")
        return await handler(request)

    return guarded


def content_policy(*file_origins: str) -> str:
    """The page's Content-Security-Policy: everything from here, pictures and sounds also from these origins."""
    files = " ".join(("'self'", *file_origins))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
        f" img-src {files} blob:; media-src {files} blob:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """For `on_response_prepare`: what every answer carries."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
