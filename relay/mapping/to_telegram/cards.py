"""Places and people from Kit, as Telegram shows them on its own cards, or in words where it would not. Pure."""

import re
import unicodedata
from typing import Final

from relay.kit.events import CardItem, PlaceItem
from relay.mapping.text.points import describe_point
from relay.mapping.text.text import clean, split, units
from relay.steps import SendContact, SendLocation, SendVenue

MAX_TITLE: Final = 128  #: UTF-16 units. Telegram documents none; more than that no card shows.
MAX_NAME: Final = 64  #: UTF-16 units, of a first and of a last name each, as in Telegram's own profiles.

#: Between the parts of an address.
_PART: Final = re.compile(r"[,;\n\u060c\u3001\uff0c]")
#: What people put between a number's digits: brackets and dots, spaces and dashes of any kind, and invisible marks that
#: come by copying. A slash or a new line means a second number.
_BETWEEN: Final = frozenset("().\t")
_KINDS_BETWEEN: Final = frozenset({"Zs", "Pd", "Cf"})
_NUMBER: Final = re.compile(r"\+?[0-9]{3,15}")  #: E.164 ends at 15 digits; company-wide short numbers begin at three.


def place(item: PlaceItem) -> SendLocation | SendVenue | None:
    """The point, with its address as a venue; None for a point that is not on Earth."""
    if not (-90 <= item.latitude <= 90 and -180 <= item.longitude <= 180):
        return None
    address = clean(item.address).strip()
    if not address:
        return SendLocation(item.latitude, item.longitude)
    title = _PART.split(address, maxsplit=1)[0].strip() or address
    return SendVenue(item.latitude, item.longitude, split(title, MAX_TITLE)[0], address)


def place_in_words(item: PlaceItem) -> str:
    """Address, coordinates and a link to a map."""
    return "\n".join(filter(None, (clean(item.address), describe_point(item.latitude, item.longitude))))


def person(item: CardItem) -> SendContact | None:
    """The card; None when its number is none that can be dialled as it stands, or its name does not fit."""
    number = phone_number(clean(item.number))
    first, _, last = " ".join(clean(item.name).split()).partition(" ")
    if number is None or units(first) > MAX_NAME or units(last) > MAX_NAME:
        return None
    return SendContact(number, first or number, last or None)


def person_in_words(item: CardItem) -> str:
    """Name and number, as Kit gave them."""
    return "\n".join(filter(None, (clean(item.name), clean(item.number))))


def phone_number(raw: str) -> str | None:
    """Digits, with a plus before them if there was one. None for anything that holds more than one number's digits.

    An extension or a second number is never run together with the first: such a number would reach somebody else.
    """
    # NFKC turns full-width digits and signs into plain ones; other scripts' digits have their values.
    plain = "".join(
        str(unicodedata.decimal(character, character))
        for character in unicodedata.normalize("NFKC", raw)
        if character not in _BETWEEN and unicodedata.category(character) not in _KINDS_BETWEEN
    )
    return plain if _NUMBER.fullmatch(plain) else None
