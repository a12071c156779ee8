"""Places and people that a customer passes on. Kit documents no item for them, so the words repeat all of it. Pure."""

from telegram import Contact, Location, Message, Venue

from relay.mapping.content.content import Card, Content
from relay.mapping.content.loose import raw_of
from relay.mapping.content.points import place_of
from relay.mapping.content.vcards import read_vcard
from relay.mapping.text.language import heading
from relay.mapping.text.people import shown_name
from relay.mapping.text.points import describe_point
from relay.mapping.text.text import clean, join

_OF_NUMBERS = frozenset("0123456789+-()./ ")
_LONGEST = 256  #: Characters of a name, a number or an address.


def is_live(location: Location) -> bool:
    """Whether the point moves: it is the start of a live location, or a step of it."""
    return "live_period" in raw_of(location)  # the attribute warns of its own future; the dictionary doesn't


def read_location(message: Message, location: Location) -> Content:
    """A point on the map. Of a live location, its start or its end: steps between are not carried."""
    kind = "location"
    if is_live(location):
        kind = "live_location"
    elif message.edit_date is not None:  # Telegram edits no other location
        kind = "live_location_end"
    place = place_of(location)
    if place is None:
        return Content(heading(kind))
    position = place if _is_own(message) else None
    return Content(heading(kind, describe_point(place.latitude, place.longitude)), (place,), position=position)


def read_venue(_: Message, venue: Venue) -> Content:
    """A place with a name. The sender need not be there."""
    address = join(", ", venue.title, venue.address)
    place = place_of(venue.location, address)
    if place is None:
        return Content(heading("venue", address))
    words = join(", ", address, describe_point(place.latitude, place.longitude))
    return Content(heading("venue", words), (place,))


def read_contact(message: Message, contact: Contact) -> Content:
    """Somebody's name and number, and what else is on the card.

    With the sender's own id in it, Telegram vouches that the number is the sender's; for the rest nobody does.
    """
    name, phone = shown_name(contact.first_name, contact.last_name), clean(contact.phone_number).strip()
    cards = (Card(name[:_LONGEST], phone[:_LONGEST]),) if name and phone else ()
    sender = message.from_user
    own = sender is not None and contact.user_id == sender.id and _is_own(message)
    more = [line for line in read_vcard(contact.vcard) if not _is_told(line, name, phone)]
    words = heading("own_contact" if own else "contact", join(", ", name, phone))
    return Content("\n".join([words, *more]), cards, phone=phone[:_LONGEST] if own else "")


def _is_told(line: str, name: str, phone: str) -> bool:
    """Whether a line of the card says the name, or the number as other people write it."""
    number = line.partition(" (")[0]
    return line == name or (bool(phone) and _digits(number) == _digits(phone) and set(number) <= _OF_NUMBERS)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _is_own(message: Message) -> bool:
    """Whether the sender speaks of themselves, not with somebody else's words."""
    return message.forward_origin is None and message.via_bot is None
