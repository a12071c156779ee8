"""What is asked of Kit, as values: the client only moves the bytes.

Source: https://voximplant.com/kit/docs/channels/custom.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlencode

LOGIN_PATH = "/api/v3/botService/login"
REFRESH_PATH = "/api/v3/botService/refreshToken"
_FORM = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to Kit's host. Its path and headers hold secrets, so they never stand in its repr."""

    method: Literal["POST"]
    path_and_query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def login_request(domain: str, api_token: str, channel_uuid: str) -> Request:
    """The request for a new pair of tokens."""
    query = urlencode({"domain": domain, "access_token": api_token}, quote_via=quote, safe="")
    return Request("POST", f"{LOGIN_PATH}?{query}", _FORM, _form(channel_uuid=channel_uuid))


def refresh_request(refresh_token: str) -> Request:
    """The request that changes a refresh token into a new pair."""
    return Request("POST", REFRESH_PATH, _FORM, _form(refresh_token=refresh_token))


def send_path(channel_uuid: str) -> str:
    """Where events go."""
    return "/" + quote(channel_uuid, safe="")


def send_headers(access_token: str) -> dict[str, str]:
    """What stands in the head of each event; good as long as the token."""
    return {
        "Accept": "application/json",
        "Authorization": f"Bearer {access_token}",
        "Content-Type": "application/json",
    }


def _form(**fields: str) -> bytes:
    return urlencode(fields, quote_via=quote, safe="").encode()
