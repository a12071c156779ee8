"""Stars are kept once, for whoever was asked, and counted for good."""

from relay.model import Accepted, Draft, Known, Letter, Outcome, Rating, Reading, Wants
from relay.store.accepting import Arrival
from relay.store.store import Store
from tests.store.letters import CHANNEL, known, together, update

ASKED = Rating("a" * 32)


def asks(number: int, rating: Rating, client: str = "7") -> Arrival:
    """A letter that asks for stars, or brings them, unless they have come already."""

    def decide(known: Known) -> Outcome:
        keeps = rating.stars is None or (known.rating is not None and known.rating.stars is None)
        return Accepted(Draft("to_telegram", client, "steps"), rating=rating if keeps else None)

    letter = Letter(CHANNEL, "telegram", str(number), f'{{"update_id":{number}}}')
    return Arrival(((letter, Reading(decide, Wants(client, rating=rating.id))),), CHANNEL, number + 1)


async def test_stars_are_kept_once(store: Store) -> None:
    """The first answer counts, in a transaction of its own or in one with the second; totals are totals."""
    await store.accept(together(update(1), asks(2, ASKED)))
    assert (await known(store, Wants("7", rating=ASKED.id))).rating == ASKED
    await store.accept(together(asks(3, Rating(ASKED.id, 4)), asks(4, Rating(ASKED.id, 1))))
    await store.accept(asks(5, Rating(ASKED.id, 2)))
    assert (await known(store, Wants("7", rating=ASKED.id))).rating == Rating(ASKED.id, 4)
    counts = await store.count(CHANNEL)
    assert (counts.asked_for_rating, counts.ratings) == (1, {1: 0, 2: 0, 3: 0, 4: 1, 5: 0})


async def test_somebody_elses_question_is_not_known(store: Store) -> None:
    """And stars for it change nothing, whatever mapping says."""
    await store.accept(together(update(1), update(2, "8"), asks(3, ASKED)))
    assert (await known(store, Wants("8", rating=ASKED.id))).rating is None
    assert (await known(store, Wants("7", rating="b" * 32))).rating is None
    await store.accept(asks(4, Rating(ASKED.id, 5), "8"))
    assert (await known(store, Wants("7", rating=ASKED.id))).rating == ASKED


async def test_stars_are_forgotten_and_their_totals_are_not(store: Store) -> None:
    """After the retention time nobody can be found out by them."""
    await store.accept(together(update(1), asks(2, ASKED), asks(3, Rating(ASKED.id, 5))))
    while await store.forget(2**40):
        pass
    assert (await known(store, Wants("7", rating=ASKED.id))).rating is None
    assert (await store.count(CHANNEL)).ratings[5] == 1
