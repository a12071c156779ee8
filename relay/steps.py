"""What is to be done in Telegram for one Kit message: a list of steps, each one Bot API call.

The list is the body of a `to_telegram` delivery. The store counts the steps whose success is certain, so that a retry
goes on after the last one. Bodies wait in databases while the relay is updated: what was written once is read for ever.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, TypeAdapter

from relay.model import value

#: `any`: nobody said what it is. Its bytes decide alone.
FileKind = Literal["photo", "video", "audio", "document", "any"]


@value(frozen=True, slots=True)
class SendText:
    """One plain text of at most 4096 UTF-16 units, and perhaps a keyboard."""

    text: str
    reply_markup: dict[str, Any] | None = None  #: As Telegram has it: inline, a keyboard, or the end of one.
    step: Literal["send_text"] = "send_text"


@value(frozen=True, slots=True)
class SendFile:
    """One file, to be fetched from `url` and uploaded as bytes."""

    kind: FileKind  #: As Kit labels it; its bytes may say otherwise.
    url: str
    name: str
    caption: str | None = None  #: At most 1024 UTF-16 units.
    reply_markup: dict[str, Any] | None = None  #: As in `SendText`.
    #: Its server does not give it now: why (as the catalogue has it, and in our own words). It leaves its delivery.
    late: tuple[str, str] | None = None
    wait: float | None = None  #: Seconds for which its server asks to be left alone, if it is late.
    reply_to: int | None = None  #: The message that it belongs to, when it comes after it.
    guessed: Literal[True] | None = None  #: The name is only what the link ends with: its server may know better.
    step: Literal["send_file"] = "send_file"


@value(frozen=True, slots=True)
class SendAlbum:
    """Two to ten files that arrive together: photos and videos, or only audio, or only documents.

    That is what their labels say. Those whose bytes say otherwise leave the album when it is sent.
    """

    items: Annotated[tuple[SendFile, ...], Field(min_length=2, max_length=10)]
    step: Literal["send_album"] = "send_album"


@value(frozen=True, slots=True)
class SendLocation:
    """A point on the map: -90 to 90 and -180 to 180 degrees."""

    latitude: float
    longitude: float
    reply_markup: dict[str, Any] | None = None  #: As in `SendText`.
    step: Literal["send_location"] = "send_location"


@value(frozen=True, slots=True)
class SendVenue:
    """A point on the map under a title and an address, neither of them blank."""

    latitude: float
    longitude: float
    title: str
    address: str
    reply_markup: dict[str, Any] | None = None  #: As in `SendText`.
    step: Literal["send_venue"] = "send_venue"


@value(frozen=True, slots=True)
class SendContact:
    """A business card. The number is digits, perhaps with a plus before them; the first name is not blank."""

    phone_number: str
    first_name: str
    last_name: str | None = None
    reply_markup: dict[str, Any] | None = None  #: As in `SendText`.
    step: Literal["send_contact"] = "send_contact"


@value(frozen=True, slots=True)
class MarkRead:
    """In a Business account's chat: show the customer that their messages up to this one were read."""

    message_id: int
    step: Literal["mark_read"] = "mark_read"


@value(frozen=True, slots=True)
class LeaveChat:
    """Leave a group or channel, perhaps with a word to those whom the bot leaves."""

    words: str | None = None
    step: Literal["leave_chat"] = "leave_chat"


@value(frozen=True, slots=True)
class EditText:
    """Another text for a message of the bot's own, whose keyboard goes."""

    message_id: int
    text: str  #: At most 4096 UTF-16 units.
    step: Literal["edit_text"] = "edit_text"


Step = SendText | SendFile | SendAlbum | SendLocation | SendVenue | SendContact | EditText | MarkRead | LeaveChat

_STEPS: TypeAdapter[list[Step]] = TypeAdapter(list[Annotated[Step, Discriminator("step")]])


def dump_steps(steps: Sequence[Step]) -> str:
    """Steps as the JSON that the outbox holds."""
    return _STEPS.dump_json(list(steps), exclude_none=True).decode()


def load_steps(body: str) -> list[Step]:
    """Read what `dump_steps` wrote, today or in an older version. Raises pydantic.ValidationError for anything else."""
    return _STEPS.validate_json(body)


@value(frozen=True, slots=True)
class Instead:
    """Nothing was sent: these steps are to be done in the step's place."""

    steps: tuple[SendFile | SendAlbum, ...]
