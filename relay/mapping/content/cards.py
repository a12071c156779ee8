"""Places and people that a customer passes on. Kit documents no item for them, so the words repeat all of it. Pure."""

from telegram import Contact, Location, Message, Venue

from relay.mapping.content.content import Card, Content, Place
from relay.mapping.text.language import heading
from relay.mapping.text.points import describe_point
from relay.mapping.text.text import clean, join

_LONGEST = 256  #: Characters of a name, a number or an address.


def read_location(message: Message, location: Location) -> Content:
    """A point on the map. Of a live location, its start or its end: steps between are not carried."""
    kind = "location"
    if "live_period" in location.to_dict():  # PTB's attribute warns of its own future; its dictionary doesn't.
        kind = "live_location"
    elif message.edit_date is not None:  # Telegram edits no other location
        kind = "live_location_end"
    place = _place(location)
    if place is None:
        return Content(heading(kind))
    position = place if _is_own(message) else None
    return Content(heading(kind, describe_point(place.latitude, place.longitude)), (place,), position=position)


def read_venue(_: Message, venue: Venue) -> Content:
    """A place with a name. The sender need not be there."""
    address = join(", ", venue.title, venue.address)
    place = _place(venue.location, address)
    if place is None:
        return Content(heading("venue", address))
    words = join(", ", address, describe_point(place.latitude, place.longitude))
    return Content(heading("venue", words), (place,))


def read_contact(message: Message, contact: Contact) -> Content:
    """Somebody's name and number. With the sender's own id in it, Telegram vouches that the number is the sender's."""
    name, phone = join(" ", contact.first_name, contact.last_name), clean(contact.phone_number).strip()
    cards = (Card(name[:_LONGEST], phone[:_LONGEST]),) if name and phone else ()
    sender = message.from_user
    own = sender is not None and contact.user_id == sender.id and _is_own(message)
    return Content(heading("contact", join(", ", name, phone)), cards, phone=phone[:_LONGEST] if own else "")


def _place(location: Location | None, address: str = "") -> Place | None:
    """The point, if it is one on Earth."""
    if location is None:
        return None
    latitude, longitude = location.latitude, location.longitude
    if not (_is_number(latitude) and _is_number(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180):
        return None
    shown, _, _ = describe_point(latitude, longitude).rpartition(" ")
    return Place(latitude, longitude, address[:_LONGEST].strip() or shown)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_own(message: Message) -> bool:
    """Whether the sender speaks of themselves, not with somebody else's words."""
    return message.forward_origin is None and message.via_bot is None
