"""Letters for the store's tests."""

from dataclasses import replace
from itertools import count

from relay.model import Accepted, Address, Client, Declined, Draft, Known, Letter, Media, Outcome, Reading, Wants
from relay.store.accepting import Arrival
from relay.store.store import Store

CHANNEL = "123456789"


def update(number: int, client: str = "7", *, media: tuple[Media, ...] = (), body: str | None = None) -> Arrival:
    """One update of one customer, as polling brings it."""
    letter = Letter(CHANNEL, "telegram", str(number), body or f'{{"update_id":{number}}}')
    link = Client(client, Address(int(client)))
    outcome = Accepted(Draft("to_kit", client, f"event {number}"), link, media)
    return Arrival(((letter, read_as(outcome)),), CHANNEL, number + 1)


def event(event_id: str, client: str = "7", *, body: str | None = None) -> Arrival:
    """One agent's message, as Kit's callback brings it."""
    letter = Letter(CHANNEL, "kit", event_id, body or f'{{"event_id":"{event_id}"}}')
    reading = read_as(Accepted(Draft("to_telegram", client, f"steps {event_id}")), client)
    return Arrival(((letter, reading),), CHANNEL)


def close(event_id: str, client: str = "7") -> Arrival:
    """The end of a conversation, as Kit's callback brings it."""

    def decide(known: Known) -> Outcome:
        assert known.client is not None
        return Declined("closed", replace(known.client, open=False))

    return Arrival(((Letter(CHANNEL, "kit", event_id, "{}"), Reading(decide, Wants(client))),), CHANNEL)


def read_as(outcome: Outcome, client: str | None = None) -> Reading:
    """A reading that comes to this outcome whatever is known."""
    return Reading(lambda _: outcome, Wants(client))


async def known(store: Store, wants: Wants) -> Known:
    """What the store tells a letter that wants to know this."""
    told: list[Known] = []

    def decide(known: Known) -> Outcome:
        told.append(known)
        return Declined("it only asked")

    letter = Letter(CHANNEL, "telegram", f"question {next(_QUESTIONS)}", "{}")
    await store.accept(Arrival(((letter, Reading(decide, wants)),), CHANNEL))
    return told[0]


_QUESTIONS = count()


def together(*arrivals: Arrival) -> Arrival:
    """Several letters in one batch."""
    letters = tuple(letter for arrival in arrivals for letter in arrival.letters)
    return Arrival(letters, CHANNEL, arrivals[-1].next_update_id)
