"""How Kit says no: `{"success": false, "result": {"error": …, "code": …}}`.

https://voximplant.com/kit/docs/channels/custom
"""

import json

from aiohttp import web

ACCEPTED = b'{"success":true,"result":true}'


class Refused(Exception):
    """A refusal. The code in the body is the HTTP status, unless the look-alike is told to answer 200 all the same."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

    def response(self, *, as_200: bool = False) -> web.Response:
        """The answer."""
        document = {"success": False, "result": {"error": self.reason, "code": self.code}}
        status = 200 if as_200 else self.code
        return web.Response(status=status, body=json.dumps(document).encode(), content_type="application/json")
