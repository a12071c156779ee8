"""Letters for the store's tests."""

from relay.model import Accepted, ClientLink, Draft, Letter, Media
from relay.store.accepting import Arrival

CHANNEL = "123456789"


def update(number: int, client: str = "7", *, media: tuple[Media, ...] = (), body: str | None = None) -> Arrival:
    """One update of one customer, as polling brings it."""
    letter = Letter(CHANNEL, "telegram", str(number), body or f'{{"update_id":{number}}}')
    outcome = Accepted(Draft("to_kit", client, f"event {number}"), ClientLink(client, int(client)), media)
    return Arrival(((letter, outcome),), CHANNEL, number + 1)


def event(event_id: str, client: str = "7", *, body: str | None = None) -> Arrival:
    """One agent's message, as Kit's callback brings it."""
    letter = Letter(CHANNEL, "kit", event_id, body or f'{{"event_id":"{event_id}"}}')
    return Arrival(((letter, Accepted(Draft("to_telegram", client, f"steps {event_id}"))),), CHANNEL)


def together(*arrivals: Arrival) -> Arrival:
    """Several letters in one batch."""
    letters = tuple(letter for arrival in arrivals for letter in arrival.letters)
    return Arrival(letters, CHANNEL, arrivals[-1].next_update_id)
