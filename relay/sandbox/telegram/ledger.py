"""Every call of the bot: those that had their effect, and those that were refused."""

from dataclasses import dataclass
from typing import Any

from relay.sandbox.telegram.call import Incoming, Upload


@dataclass(frozen=True, slots=True)
class Call:
    """A call that had its effect. getUpdates is not among them."""

    method: str
    chat_id: int | None
    params: dict[str, Any]
    files: tuple[Upload, ...]
    at: float  #: Monotonic seconds.
    message_id: int | None  #: Of the (first) message that it sent.
    thumbnails: tuple[Upload, ...] = ()  #: Pictures that stand for files of the same call.


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """A call that had no effect, and what it was told."""

    method: str
    chat_id: str | None
    params: dict[str, Any]
    status: int
    description: str
    at: float  #: Monotonic seconds.


def made(call: Incoming, params: dict[str, Any], at: float, message_id: int | None) -> Call:
    """The call, with its thumbnails told apart from its files."""
    named = {str(item.get("thumbnail")).removeprefix("attach://") for item in (params, *params.get("media", ()))}
    files = tuple(upload for name, upload in call.uploads.items() if name not in named)
    thumbnails = tuple(upload for name, upload in call.uploads.items() if name in named)
    return Call(call.method, params.get("chat_id"), params, files, at, message_id, thumbnails)
