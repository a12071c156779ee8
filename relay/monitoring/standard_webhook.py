"""A JSON POST that its receiver can trust, signed as Standard Webhooks are.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import aiohttp

from relay.errors import Unavailable

PREFIX: Final = "whsec_"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)


def headers_for(secret: str, message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The headers that prove the body. The same message that is sent again has the same id."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


async def post(session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], body: bytes) -> None:
    """Send it. Raises Unavailable unless the answer is a 2xx: then it is to be sent again."""
    try:
        async with session.post(url, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False) as response:
            status = response.status
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise Unavailable(f"no answer ({type(error).__name__})") from None
    if not 200 <= status < 300:
        raise Unavailable(f"HTTP {status}")
