"""What a control API is asked, as JSON."""

import json
from typing import Any

from aiohttp import web


async def asked_of(request: web.Request) -> dict[str, Any]:
    """The JSON object in the body. Raises HTTPBadRequest, in words, when it is none."""
    try:
        document = json.loads(await request.read())
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise web.HTTPBadRequest(text='the body must be a JSON object, as in curl -d \'{"text": "Hello"}\'\n')
    return document
