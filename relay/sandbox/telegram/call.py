"""One request to the Bot API as it arrived: parameters from query, form or JSON, and uploads spooled to disk.

https://core.telegram.org/bots/api#making-requests
"""

import hashlib
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, hdrs, web

from relay.sandbox.shared.content import CHUNK, Content
from relay.sandbox.telegram.refusal import Refused, bad_request

SPOOL = 1 << 20  #: Bytes of an upload that are kept in memory; larger ones go to disk.
TOO_LARGE = "Request Entity Too Large"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was uploaded."""

    field: str  #: The form field; `attach://FIELD` refers to it.
    file_name: str
    content_type: str
    sha256: str
    content: Content

    @property
    def size(self) -> int:
        """Bytes."""
        return self.content.size

    @property
    def data(self) -> bytes:
        """All bytes, wherever they lie."""
        return self.content.read()


@dataclass(slots=True)
class Incoming:
    """A request whose parameters nobody has checked yet."""

    method: str
    params: dict[str, Any] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    @property
    def chat(self) -> str | None:
        """The chat that it names, as text, if it names one."""
        chat_id = self.params.get("chat_id")
        return None if chat_id is None else str(chat_id)


async def read_call(request: web.Request, *, spool: Path, upload_limit: int) -> Incoming:
    """Read the request whole. Raises Refused: 400 for what cannot be read, 413 for a file over `upload_limit` bytes."""
    call = Incoming(request.match_info["method"], dict(request.query))
    if request.method == "GET" or not request.body_exists:
        return call
    content_type = request.content_type
    if content_type == "application/json":
        call.params |= _json_params(await request.read())
    elif content_type == "application/x-www-form-urlencoded":
        call.params |= _form_params(await request.read())
    elif content_type == "multipart/form-data":
        await _read_multipart(request, call, spool, upload_limit)
    else:
        raise bad_request(f"unsupported Content-Type {content_type}")
    return call


def _json_params(body: bytes) -> dict[str, Any]:
    try:
        params = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise bad_request("can't parse the JSON body") from None
    if not isinstance(params, dict):
        raise bad_request("the JSON body is not an object")
    return params


def _form_params(body: bytes) -> dict[str, Any]:
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict"))
    except ValueError:
        raise bad_request("can't parse the form") from None


async def _read_multipart(request: web.Request, call: Incoming, spool: Path, limit: int) -> None:
    too_large = False
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or not part.name:
            raise bad_request("a form part without a name")
        if part.filename is None:
            call.params[part.name] = await part.text()
            continue
        upload = await _receive(part, part.name, spool, limit)
        if upload is None:
            too_large = True
        else:
            call.uploads[part.name] = upload
    if too_large:
        raise Refused(413, TOO_LARGE)


async def _receive(part: BodyPartReader, name: str, spool: Path, limit: int) -> Upload | None:
    """The upload, or None when it is over the limit.

    It is read to its end all the same, so that the client hears the refusal instead of a broken pipe.
    """
    digest, size = hashlib.sha256(), 0
    with tempfile.SpooledTemporaryFile(max_size=SPOOL) as memory:
        while chunk := await part.read_chunk(CHUNK):
            size += len(chunk)
            if size <= limit:
                digest.update(chunk)
                memory.write(chunk)
        if size > limit:
            return None
        memory.seek(0)
        if size <= SPOOL:
            content = Content.of(memory.read())
        else:
            with tempfile.NamedTemporaryFile(dir=spool, delete=False) as kept:
                while chunk := memory.read(CHUNK):
                    kept.write(chunk)
            content = Content(size, Path(kept.name))
    content_type = part.headers.get(hdrs.CONTENT_TYPE, "application/octet-stream")
    return Upload(name, part.filename or "", content_type, digest.hexdigest(), content)
