"""How the Bot API says no."""

import json
from typing import Any

from aiohttp import web


class Refused(Exception):
    """An answer with `ok: false`. `parameters` is what the API adds for retry_after and migrate_to_chat_id."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters

    def response(self) -> web.Response:
        """The answer, with the HTTP status that the API gives it."""
        document: dict[str, Any] = {"ok": False, "error_code": self.status, "description": self.description}
        if self.parameters:
            document["parameters"] = self.parameters
        return web.Response(status=self.status, body=json.dumps(document).encode(), content_type="application/json")


def bad_request(reason: str) -> Refused:
    """400, in the API's words: `Bad Request: …`."""
    return Refused(400, f"Bad Request: {reason}")
