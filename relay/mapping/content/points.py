"""Points on the map, as Kit's items. Pure."""

from typing import Any

from relay.mapping.content.content import Place
from relay.mapping.text.points import describe_point

_LONGEST = 256  #: Characters of an address.


def place_of(location: Any, address: str = "") -> Place | None:  # noqa: ANN401 - whatever has a latitude
    """The point, if it is one on Earth. Without an address, the coordinates stand in for it."""
    if location is None:
        return None
    latitude, longitude = location.latitude, location.longitude
    if not (_is_number(latitude) and _is_number(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180):
        return None
    shown, _, _ = describe_point(latitude, longitude).rpartition(" ")
    return Place(latitude, longitude, address[:_LONGEST].strip() or shown)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
