"""Whether Kit lets us in: host, account, the login that the channel's UUID and the API token open, its renewal."""

import json
import secrets
import time
from typing import Final

import aiohttp
from yarl import URL

from relay.doctor.finding import Finding, skipped, well, wrong
from relay.errors import RelayError, Throttled
from relay.kit.answers import TokenRefused, Tokens, read_tokens
from relay.kit.client import read_body
from relay.kit.requests import Request, login_request, refresh_request
from relay.kit.tokens import Answer
from relay.settings.schema import Settings

_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
_LOGIN: Final = "Kit login"
_HOST: Final = "Kit host"
_ACCOUNT: Final = "Kit account"


class _Unreached(Exception):
    """Nobody answered."""


async def check_host(settings: Settings, session: aiohttp.ClientSession) -> Finding:
    """Whether it is Kit that answers there. No secret is shown: it is asked to renew a token that nobody has."""
    request = refresh_request(f"setup-{secrets.token_urlsafe(16)}")
    where = "KIT_API_URL" if settings.kit_api_url else "KIT_REGION"
    try:
        status, _, body = await _exchange(session, settings.kit_base_url, request)
    except _Unreached as error:
        return wrong(_HOST, f"{error}", f"Is {where} right, and can this machine reach {settings.kit_base_url}?")
    if _is_kits(body):
        return well(_HOST, f"Kit answers at {settings.kit_base_url}")
    words = f"what answers at {settings.kit_base_url} is not Kit (HTTP {status})"
    return wrong(_HOST, words, f"Copy the custom channel API hostname from Kit's screen into {where}.")


async def check_account(settings: Settings, session: aiohttp.ClientSession) -> Finding:
    """Whether Kit knows account and API token, while the channel's UUID is not known.

    Nobody says what a login without a channel is answered. So Kit is asked twice, the second time with a token that
    nobody has: only what it says differently says something about the first.
    """
    api_token = settings.kit_api_token.get_secret_value()
    nobody = f"setup-{secrets.token_urlsafe(24)}"
    try:
        said, is_refusal = await _said_to_login(settings, session, api_token)
        said_to_nobody, _ = await _said_to_login(settings, session, nobody)
    except (_Unreached, Throttled) as error:
        return skipped(_ACCOUNT, f"not proven yet: {error}")
    if said != said_to_nobody:
        return well(_ACCOUNT, f"Kit knows the API token in {settings.kit_domain}")
    if is_refusal:
        remedy = "Compare both with Kit; if they are right, go on: the channel's login proves them."
        return wrong(_ACCOUNT, "Kit refuses this account and API token as it refuses made-up ones", remedy)
    return skipped(_ACCOUNT, "not proven yet: Kit looks at the channel first, and that is not known")


async def _said_to_login(settings: Settings, session: aiohttp.ClientSession, api_token: str) -> tuple[str, bool]:
    """What Kit says to a login with this token, and whether it refuses the token. Raises _Unreached or Throttled."""
    login = login_request(settings.kit_domain, api_token, settings.kit_channel_uuid)
    try:
        await _ask(session, settings.kit_base_url, login, (api_token,))
    except Throttled:
        raise
    except RelayError as error:
        return str(error), isinstance(error, TokenRefused)
    return "", False


def _is_kits(body: bytes) -> bool:
    """Whether an answer is in Kit's form, whatever it says."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and isinstance(answer.get("success"), bool)


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


async def _ask(session: aiohttp.ClientSession, base_url: str, request: Request, masked: tuple[str, ...]) -> Tokens:
    status, headers, body = await _exchange(session, base_url, request)
    return read_tokens(status, headers, body, now=time.time(), secrets=masked)


async def _exchange(session: aiohttp.ClientSession, base_url: str, request: Request) -> Answer:
    try:
        async with session.post(
            URL(base_url + request.path_and_query, encoded=True),
            data=request.body,
            headers=request.headers,
            timeout=_TIMEOUT,
            allow_redirects=False,
        ) as response:
            return response.status, response.headers, await read_body(response)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # Not the error's own words: they quote the URL, which holds the API token.
        raise _Unreached(f"Kit could not be reached ({type(error).__name__})") from None
