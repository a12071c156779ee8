"""What a Telegram message holds, as values: words, files, a point on the map, a business card. Pure."""

from dataclasses import dataclass, field

from relay.kit.models import MediaKind
from relay.mapping.content.campaigns import Touch


@dataclass(frozen=True, slots=True)
class File:
    """A file that lies at Telegram."""

    kind: MediaKind  #: What Kit calls it.
    noun: str  #: The Bot API's name of its kind; `words.noun` says what people call it.
    file_id: str
    name: str
    mime_type: str
    size: int | None  #: Bytes, when Telegram said so.
    unique_id: str = ""  #: Of the file whatever its `file_id`, which may change.
    convertible: bool = False  #: Browsers do better with another form of it, where the relay can make one.
    showable: bool = True  #: Some browser shows it as it is.
    preview: str = ""  #: The file_id of a still picture that stands in for what cannot be shown; "" if there is none.

    def is_over(self, limit: int) -> bool:
        """Whether it is known to have more bytes than the limit."""
        return self.size is not None and self.size > limit


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the map."""

    latitude: float  #: Degrees, -90 to 90.
    longitude: float  #: Degrees, -180 to 180.
    address: str  #: Never blank: without an address, the coordinates.


@dataclass(frozen=True, slots=True)
class Card:
    """A business card. Neither field is blank."""

    name: str
    number: str


@dataclass(frozen=True, slots=True)
class Content:
    """The words and the items of a message: at least one of them is there."""

    text: str
    items: tuple[File | Place | Card, ...] = ()
    phone: str = ""  #: The sender's own, when this message shares it.
    position: Place | None = None  #: Where the sender says to be.
    touch: Touch = field(default_factory=dict)  #: The campaign whose link brought the sender.
