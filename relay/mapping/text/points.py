"""Points on the map, in words. Pure."""


def describe_point(latitude: float, longitude: float) -> str:
    """Latitude and longitude in degrees, and a link to a map: `55.751244, 37.618423 https://maps.google.com/?q=…`."""
    shown = [f"{degrees:.6f}".rstrip("0").rstrip(".") for degrees in (latitude, longitude)]
    return f"{', '.join(shown)} https://maps.google.com/?q={','.join(shown)}"
