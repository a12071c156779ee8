"""Whether Kit lets us in: the login that the channel's UUID and the API token open, and its renewal."""

import time
from typing import Final

import aiohttp
from yarl import URL

from relay.doctor.finding import Finding, well, wrong
from relay.errors import RelayError, Throttled
from relay.kit.answers import Tokens, read_tokens
from relay.kit.client import read_body
from relay.kit.requests import Request, login_request, refresh_request
from relay.settings.schema import Settings

_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
_LOGIN: Final = "Kit login"


class _Unreached(Exception):
    """Nobody answered."""


async def check_kit(settings: Settings, session: aiohttp.ClientSession) -> list[Finding]:
    """Log in, and renew the token that this gives."""
    api_token = settings.kit_api_token.get_secret_value()
    login = login_request(settings.kit_domain, api_token, settings.kit_channel_uuid)
    try:
        tokens = await _ask(session, settings.kit_base_url, login, (api_token,))
    except _Unreached as error:
        where = "KIT_API_URL" if settings.kit_api_url else "KIT_REGION"
        return [wrong(_LOGIN, f"{error}", f"Is {where} right, and can this machine reach {settings.kit_base_url}?")]
    except Throttled as error:
        return [wrong(_LOGIN, str(error), "Wait a minute, then check again.")]
    except RelayError as error:
        return [
            wrong(
                _LOGIN,
                str(error),
                "Compare KIT_API_TOKEN, KIT_DOMAIN and KIT_CHANNEL_UUID with the channel's form; if the account limits "
                "its API to a whitelist of addresses, add this machine's.",
            )
        ]
    findings = [well(_LOGIN, f"{settings.kit_domain} lets the channel in")]
    if tokens.refresh is None:
        return [*findings, wrong("Kit renewal", "the login gave no refresh token", "The relay logs in anew instead.")]
    try:
        await _ask(session, settings.kit_base_url, refresh_request(tokens.refresh), (tokens.refresh,))
    except (_Unreached, RelayError) as error:
        return [*findings, wrong("Kit renewal", str(error), "The relay logs in anew instead; tell Kit's support.")]
    return [*findings, well("Kit renewal", "a token is changed into a new one")]


async def _ask(session: aiohttp.ClientSession, base_url: str, request: Request, secrets: tuple[str, ...]) -> Tokens:
    try:
        async with session.post(
            URL(base_url + request.path_and_query, encoded=True),
            data=request.body,
            headers=request.headers,
            timeout=_TIMEOUT,
            allow_redirects=False,
        ) as response:
            status, headers, body = response.status, response.headers, await read_body(response)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # Not the error's own words: they quote the URL, which holds the API token.
        raise _Unreached(f"Kit could not be reached ({type(error).__name__})") from None
    return read_tokens(status, headers, body, now=time.time(), secrets=secrets)
