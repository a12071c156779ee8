"""The connector by a proxy, on aiohttp-socks. Loaded only where a proxy is set."""

import ssl
from typing import Final
from urllib.parse import unquote, urlsplit

import aiohttp
from aiohttp.client import ClientTimeout
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from aiohttp_socks import ProxyConnectionError, ProxyConnector, ProxyError, ProxyTimeoutError, ProxyType

from relay.errors import cause_of
from relay.telegram.proxy import ProxyFailed

_TYPES: Final = {"http": ProxyType.HTTP, "https": ProxyType.HTTP, "socks5": ProxyType.SOCKS5}


class _ThroughProxy(ProxyConnector):
    """aiohttp's connector by a proxy; whatever keeps a connection from coming about leaves it as ProxyFailed."""

    proxy_name: str

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:  # noqa: ASYNC109 - aiohttp's signature
        try:
            return await super().connect(req, traces, timeout)
        except ProxyConnectionError as error:
            raise ProxyFailed(f"the proxy {self.proxy_name} could not be reached ({_root(error)})") from None
        except ProxyTimeoutError:
            raise ProxyFailed(f"the proxy {self.proxy_name} makes no connection in time") from None
        except ProxyError as error:
            # Its words are the proxy's own, which nobody has checked; its number says enough.
            number = f" (code {int(error.error_code)})" if error.error_code is not None else ""
            raise ProxyFailed(f"the proxy {self.proxy_name} refuses the connection{number}") from None
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - a proxy may answer anything, and the library lets some of it out raw
            raise ProxyFailed(f"the proxy {self.proxy_name} gives no connection ({cause_of(error)})") from None


def through_proxy(url: str) -> aiohttp.BaseConnector:
    """A connector by the proxy of this URL, as `settings.values.proxy_url` lets it through."""
    parts = urlsplit(url)
    connector = _ThroughProxy(
        host=parts.hostname or "",
        port=parts.port or 0,
        proxy_type=_TYPES[parts.scheme],
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        rdns=True,
        proxy_ssl=ssl.create_default_context() if parts.scheme == "https" else None,
        limit=0,
    )
    connector.proxy_name = parts.netloc.rpartition("@")[2]
    return connector


def _root(error: BaseException) -> str:
    """What the first of these errors was."""
    while error.__cause__ is not None:
        error = error.__cause__
    return cause_of(error)
