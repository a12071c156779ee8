"""Every call of the bot: those that had their effect, and those that were refused."""

from dataclasses import dataclass
from typing import Any

from relay.sandbox.telegram_call import Upload


@dataclass(frozen=True, slots=True)
class Call:
    """A call that had its effect. getUpdates is not among them."""

    method: str
    chat_id: int | None
    params: dict[str, Any]
    files: tuple[Upload, ...]
    at: float  #: Monotonic seconds.
    message_id: int | None  #: Of the (first) message that it sent.


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """A call that had no effect, and what it was told."""

    method: str
    chat_id: str | None
    params: dict[str, Any]
    status: int
    description: str
    at: float  #: Monotonic seconds.
