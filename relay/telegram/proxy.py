"""The way to Telegram by a proxy: http and https (CONNECT), or socks5. Names are resolved there, not here.

Only what goes to Telegram goes this way: neither Kit nor the servers of agents' files, whose addresses the relay checks
itself (`guard`), which it cannot do for a connection that another machine makes.
"""

import aiohttp


class ProxyFailed(aiohttp.ClientConnectionError):
    """No connection by the proxy, so nothing was sent. Its text names the proxy by host and port, and nothing else."""


def way_of(session: aiohttp.ClientSession) -> str:
    """What an error adds about the way: " through the proxy …", or nothing."""
    name = getattr(session.connector, "proxy_name", "")
    return f" through the proxy {name}" if name else ""
