"""The internal port answers to its own names only.

A page in somebody's browser may have a name that its owner points to 127.0.0.1: then that page asks our port as if it
were its own server, and reads the answer. What it cannot do is to ask under one of these names.
"""

from ipaddress import ip_address

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


def only_by_own_name(own: str) -> Middleware:
    """Take requests for an IP address, `localhost`, a name without a dot, or `own`; refuse all others with 421."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_own_name(request.headers.get("Host", ""), own):
            return await handler(request)
        return web.Response(status=421, text="The internal port has another name: RELAY_ADMIN_HOST.")

    return check


def is_own_name(host: str, own: str) -> bool:
    """Whether a Host header, with or without a port, names this machine and no site on the internet."""
    name = _without_port(host).rstrip(".").lower()
    if not name:
        return False
    return name == own.lower() or not set(name) & set(".:") or _is_address(name)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
