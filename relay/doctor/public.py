"""Whether the public address leads to this relay: callback, media links, certificate, signature; and the clock."""

import asyncio
import secrets
import ssl
import time
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from relay.doctor.finding import Finding, skipped, well, wrong
from relay.doctor.stand_in import StandIn, standing_in
from relay.kit.callbacks import CHECK_EVENT
from relay.kit.signature import sign
from relay.settings.channels import Channel
from relay.settings.schema import Settings
from relay.web.inert import SAFETY
from relay.web.serving import CannotListenError

_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
_DAY: Final = 86400.0
#: Days before its end at which a certificate should have been renewed: those of 90 days are, at 30.
_SOON: Final = 14
#: Seconds that this machine's clock may be off.
_SKEW: Final = 30.0
_PROXY: Final = (
    "Does its host name lead to the proxy, and the proxy to the relay's port? docs/deployment.md has the proxy's lines."
)


async def check_public(channel: Channel, session: aiohttp.ClientSession) -> list[Finding]:
    """Knock at the public address as Kit and browsers do; where no relay listens, somebody stands in for it."""
    settings = channel.settings
    try:
        async with standing_in(settings.relay_host, settings.relay_port, channel.callback_path) as (stand_in, _):
            unproven = skipped("signature", "no relay runs that could say whether it has the same salt")
            return [await answers(channel, session), await leads_here(settings, session, stand_in), unproven]
    except CannotListenError:
        if not settings.relay_port:
            raise
    return [
        *await _taken(settings, session),
        await answers(channel, session),
        await _the_relays(settings, session),
        await _signature(channel, session),
    ]


async def answers(channel: Channel, session: aiohttp.ClientSession) -> Finding:
    """Whether Kit's test of the callback's address would be answered."""
    url = channel.settings.relay_public_url + channel.callback_path
    status, text = await _get(session, url)
    if (status, text) == (200, "OK"):
        return well("callback", f"{url} answers")
    return wrong("callback", f"{url}: {_said(status, text)}", _PROXY)


async def leads_here(settings: Settings, session: aiohttp.ClientSession, stand_in: StandIn) -> Finding:
    """Whether the public address leads to who stands in for the relay."""
    status, text = await _get(session, settings.relay_public_url + stand_in.probe_path)
    if (status, text) == (200, stand_in.nonce):
        return well("public address", f"{settings.relay_public_url} leads here; no relay runs on it yet")
    return wrong("public address", f"{settings.relay_public_url}: {_said(status, text)}", _PROXY)


async def _taken(settings: Settings, session: aiohttp.ClientSession) -> list[Finding]:
    """Whether it is another program that has the relay's port."""
    host = "127.0.0.1" if settings.relay_host in {"0.0.0.0", "::"} else settings.relay_host
    if not await _no_relay_at(f"http://{host}:{settings.relay_port}", session):
        return []
    words = f"{settings.relay_host}:{settings.relay_port} is taken by another program"
    return [wrong("port", words, "End that program, or set RELAY_PORT to a free port.")]


async def _the_relays(settings: Settings, session: aiohttp.ClientSession) -> Finding:
    url = settings.relay_public_url
    if said := await _no_relay_at(url, session):
        return wrong("media links", f"{url}/media/: {said}", _PROXY)
    return well("media links", f"{url}/media/ leads to a relay")


async def _no_relay_at(url: str, session: aiohttp.ClientSession) -> str:
    """What is there instead of a relay; "" if it is one: it refuses a link that nobody gave out in its own way."""
    try:
        async with session.get(
            f"{url}/media/{secrets.token_urlsafe(16)}", timeout=_TIMEOUT, allow_redirects=False
        ) as response:
            policy = response.headers.get("Content-Security-Policy")
            if response.status == 404 and policy == SAFETY["Content-Security-Policy"]:
                return ""
            return _said(response.status, "")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _said(0, _reason(error))


async def _signature(channel: Channel, session: aiohttp.ClientSession) -> Finding:
    """An event of no known type, signed as Kit would sign it: the relay takes it, and does nothing."""
    settings, event_id = channel.settings, f"relay-check-{secrets.token_hex(8)}"
    salt, token = settings.kit_security_salt.get_secret_value(), settings.kit_api_token.get_secret_value()
    url = settings.relay_public_url + channel.callback_path
    body = {"client_data": {"client_id": "relay-check"}, "event_id": event_id, "event_type": CHECK_EVENT}
    headers = {"Authorization": sign(salt, token, event_id)}
    try:
        async with session.post(url, json=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False) as response:
            status = response.status
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return wrong("signature", f"{url}: {_reason(error)}", _PROXY)
    if status == 200:
        return well("signature", "the running relay takes a sample signed with these settings")
    if status == 401:
        return wrong("signature", "the running relay has another salt or API token", "Restart it.")
    return wrong("signature", f"{url}: {_said(status, '')}", "The relay's log says why.")


async def check_certificate(settings: Settings) -> Finding:
    """How long the public address's certificate is good for."""
    parts = urlsplit(settings.relay_public_url)
    if parts.scheme != "https":
        return skipped("certificate", "the public address is on this machine, without one")
    host, port = parts.hostname or "", parts.port or 443
    try:
        async with asyncio.timeout(_TIMEOUT.total):
            days = await _days_left(host, port)
    except (OSError, TimeoutError) as error:
        return wrong("certificate", f"{host}:{port}: {_reason(error)}", _PROXY)
    words = f"good for {days:.0f} more days"
    return well("certificate", words) if days >= _SOON else wrong("certificate", f"only {words}", "Renew it.")


async def _days_left(host: str, port: int) -> float:
    _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context(), server_hostname=host)
    try:
        certificate = writer.get_extra_info("peercert") or {}
        return (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / _DAY
    finally:
        writer.close()


async def check_clock(urls: Iterable[str], session: aiohttp.ClientSession) -> Finding:
    """Whether this machine's clock agrees with whichever of these servers tells the time."""
    for url in urls:
        try:
            async with session.head(url, timeout=_TIMEOUT, allow_redirects=False) as response:
                told = parsedate_to_datetime(response.headers["Date"]).timestamp()
        except (aiohttp.ClientError, OSError, ValueError, KeyError):
            continue
        off = time.time() - told
        if abs(off) <= _SKEW:
            return well("clock", "agrees with the servers' time")
        way = "ahead" if off > 0 else "behind"
        return wrong("clock", f"{abs(off):.0f} s {way}", "Let it be set by the network: timedatectl set-ntp true.")
    return skipped("clock", "no server told the time")


async def _get(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    """Status and the beginning of the text; 0 and a reason when there is no answer."""
    try:
        async with session.get(url, timeout=_TIMEOUT, allow_redirects=False) as response:
            return response.status, (await response.content.read(64)).decode("utf-8", "replace")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return 0, _reason(error)


def _said(status: int, text: str) -> str:
    if not status:
        return text
    return "something else answers than a relay" if status == 200 else f"answers {status}"


def _reason(error: Exception) -> str:
    """In words, without the URL that aiohttp's own words may quote."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return "its certificate is not valid"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no such host"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"no answer ({type(error).__name__})"
