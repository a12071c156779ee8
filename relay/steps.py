"""What is to be done in Telegram for one Kit message: a list of steps, each one Bot API call.

The list is the body of a `to_telegram` delivery. The store counts the steps whose success is certain, so that a retry
goes on after the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Discriminator, TypeAdapter

FileKind = Literal["photo", "video", "audio", "document"]


@dataclass(frozen=True, slots=True)
class SendText:
    """One plain text of at most 4096 UTF-16 units."""

    text: str
    step: Literal["send_text"] = "send_text"


@dataclass(frozen=True, slots=True)
class SendFile:
    """One file, to be fetched from `url` and uploaded as bytes."""

    kind: FileKind
    url: str
    name: str
    caption: str | None = None  #: At most 1024 UTF-16 units.
    step: Literal["send_file"] = "send_file"


Step = SendText | SendFile

_STEPS: TypeAdapter[list[Step]] = TypeAdapter(list[Annotated[Step, Discriminator("step")]])


def dump_steps(steps: Sequence[Step]) -> str:
    """Steps as the JSON that the outbox holds."""
    return _STEPS.dump_json(list(steps), exclude_none=True).decode()


def load_steps(body: str) -> list[Step]:
    """Read what `dump_steps` wrote. Raises pydantic.ValidationError for anything else."""
    return _STEPS.validate_json(body)
