"""What a Telegram message holds, as values: words, files, a point on the map, a business card. Pure."""

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from relay.kit.limits import MediaKind
from relay.mapping.content.campaigns import Touch
from relay.mapping.text.file_names import renamed
from relay.model import LARGEST_CONVERTED, value

#: What Telegram's previews are.
STILL: Final = "image/webp"


@value(frozen=True, slots=True)
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

    def target(self, forms: Mapping[str, str]) -> str | None:
        """Into which type it is converted; None if it is handed out as it came, or by its preview.

        `forms` says, by media type, into which other one this installation can convert.
        """
        return forms.get(self.mime_type) if self.convertible and (self.size or 0) <= LARGEST_CONVERTED else None

    def shown_name(self, forms: Mapping[str, str]) -> str:
        """Its name as agents see it."""
        target = self.target(forms)
        if target is None and not self.showable:
            target = STILL
        return self.name if target is None else renamed(self.name, target)

    def is_over(self, limit: int) -> bool:
        """Whether it is known to have more bytes than the limit."""
        return self.size is not None and self.size > limit


@value(frozen=True, slots=True)
class Place:
    """A point on the map."""

    latitude: float  #: Degrees, -90 to 90.
    longitude: float  #: Degrees, -180 to 180.
    address: str  #: Never blank: without an address, the coordinates.


@value(frozen=True, slots=True)
class Card:
    """A business card. Neither field is blank."""

    name: str
    number: str


@value(frozen=True, slots=True)
class Content:
    """The words and the items of a message: at least one of them is there."""

    text: str
    items: tuple[File | Place | Card, ...] = ()
    phone: str = ""  #: The sender's own, when this message shares it.
    position: Place | None = None  #: Where the sender says to be.
    touch: Touch = field(default_factory=dict)  #: The campaign whose link brought the sender.
