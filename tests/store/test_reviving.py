"""Dead letters get another chance: mapped anew, in their old place, with nothing repeated and nothing uncounted."""

from dataclasses import replace

import pytest

from relay.model import (
    Accepted,
    Address,
    Bury,
    Client,
    Declined,
    Delivered,
    Delivery,
    Direction,
    Draft,
    Known,
    Letter,
    Lost,
    Media,
    Outcome,
    Reading,
    Said,
    Unreadable,
    Wants,
)
from relay.store.accepting import Arrival
from relay.store.dead_letters import DeadLetter, DeadWish
from relay.store.reviving import Revival, Revived
from relay.store.store import Store
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, event, known, read_as, together, update

PHOTO = Media("cap-1", "file-1", "a.jpg", "image/jpeg", 10)


async def claim(store: Store, direction: Direction = "to_kit") -> list[Delivery]:
    return (await store.claim(CHANNEL, direction, 10)).deliveries


async def bury(store: Store, direction: Direction = "to_kit", reason: str = "refused") -> Delivery:
    [delivery] = await claim(store, direction)
    await store.settle(delivery, Bury(reason))
    return delivery


async def dead(store: Store) -> list[DeadLetter]:
    return (await store.find_dead(DeadWish())).letters


async def balanced(store: Store, direction: Direction = "to_kit") -> dict[str, int]:
    """The totals, once they add up."""
    counts = await store.count(CHANNEL)
    totals = {outcome: number for (of, outcome), number in counts.totals.items() if of == direction}
    out = sum(totals.get(outcome, 0) for outcome in ("delivered", "dead", "declined"))
    assert totals["received"] + totals.get("revived", 0) == out + counts.waiting.get(direction, 0)
    assert counts.dead_letters(direction) == len(
        [letter for letter in await dead(store) if letter.direction == direction]
    )
    return totals


def unreadable(number: int) -> Arrival:
    """An update that nobody can read yet."""
    letter = Letter(CHANNEL, "telegram", str(number), f'{{"update_id":{number}}}')
    return Arrival(((letter, read_as(Unreadable("cannot be read"))),), CHANNEL, number + 1)


async def test_it_waits_in_its_old_place_with_the_body_of_today(store: Store) -> None:
    """What is retried leaves before what came after it, mapped by today's code, with no attempt on its account."""
    await store.accept(update(1))
    await bury(store)
    await store.accept(update(2))
    [letter] = await dead(store)
    today = Accepted(Draft("to_kit", "7", "event 1, better"), media=(PHOTO,))
    assert await store.revive(Revival(letter.id, read_as(today, "7"))) == Revived("waiting")
    [first] = await claim(store)
    assert (first.body, first.attempts, first.id) == ("event 1, better", 1, letter.id)
    await store.settle(first, Delivered())
    [second] = await claim(store)
    assert second.body == "event 2"
    assert await store.find_media("cap-1") == PHOTO
    assert await balanced(store) == {"received": 2, "delivered": 1, "dead": 1, "revived": 1}


async def test_confirmed_steps_are_not_taken_back(store: Store) -> None:
    """Of a delivery that died half done the rest is sent, by the steps that were counted, whatever mapping says now."""
    await store.accept(update(1))
    await store.accept(event("e1"))
    [delivery] = await claim(store, "to_telegram")
    await store.note_progress(delivery, 2)
    await store.settle(replace(delivery, steps_done=2), Bury("refused"))
    [letter] = await dead(store)
    await store.revive(Revival(letter.id, read_as(Accepted(Draft("to_telegram", "7", "other steps")), "7")))
    [again] = await claim(store, "to_telegram")
    assert (again.body, again.steps_done) == ("steps e1", 2)


async def test_a_lost_part_is_sent_without_the_rest(store: Store) -> None:
    """What was lost of a delivery that went on belongs to no letter, so it waits as it is."""
    await store.accept(update(1))
    await store.accept(event("e1"))
    [delivery] = await claim(store, "to_telegram")
    await store.rewrite(delivery, "the rest", Lost("the part", "refused", "other"))
    [letter] = await dead(store)
    assert await store.revive(Revival(letter.id, None)) == Revived("waiting")
    await store.settle(delivery, Delivered())
    [part] = await claim(store, "to_telegram")
    assert (part.body, part.steps_done) == ("the part", 0)
    await balanced(store, "to_telegram")


async def test_what_has_lost_a_part_is_never_made_whole_again(store: Store) -> None:
    """The rest dies too: both wait as they are, since mapping the letter anew would send the part twice."""
    await store.accept(update(1))
    await store.accept(event("e1"))
    [delivery] = await claim(store, "to_telegram")
    await store.rewrite(delivery, "the rest", Lost("the part", "refused", "other"))
    await store.settle(delivery, Bury("refused as well"))
    assert [(letter.body, letter.letter_body) for letter in await dead(store)] == [
        ("the rest", None),
        ("the part", None),
    ]


async def test_a_letter_that_could_not_be_read_has_its_effect_at_last(store: Store) -> None:
    """Its client is met, its files open, its words are remembered, its other deliveries come too."""
    await store.accept(unreadable(1))
    [letter] = await dead(store)
    assert (letter.client_id, letter.body) == (None, None)
    anna = Client("7", Address(7))
    outcome = Accepted(
        Draft("to_kit", "7", "event"),
        anna,
        (PHOTO,),
        (Said(5, "customer", "hello"),),
        (Draft("to_telegram", "7", "[]"),),
    )
    assert await store.revive(Revival(letter.id, read_as(outcome, "7"))) == Revived("waiting")
    [delivery] = await claim(store)
    assert (delivery.body, delivery.client_id) == ("event", "7")
    [beside] = await claim(store, "to_telegram")
    assert (beside.body, beside.address) == ("[]", Address(7))
    told = await known(store, Wants("7", (5,)))
    assert told.client == anna
    assert told.said[5].text == "hello"
    assert (await balanced(store))["received"] == 2  # the question of this test is one
    assert (await balanced(store, "to_telegram"))["received"] == 1


async def test_what_is_known_today_is_not_overwritten_by_an_old_letter(store: Store) -> None:
    """A customer's card is as their last message left it, whatever an older letter says that is read only now."""
    await store.accept(unreadable(1))
    await store.accept(update(2))
    [letter] = await dead(store)
    old = Accepted(Draft("to_kit", "7", "event"), Client("7", Address(7), language="old"))
    await store.revive(Revival(letter.id, read_as(old, "7")))
    told = await known(store, Wants("7"))
    assert told.client == Client("7", Address(7))


@pytest.mark.parametrize(
    ("outcome", "revived"),
    [
        (Declined("an empty message"), Revived("declined", "an empty message")),
        (Unreadable("worse than before"), Revived("dead", "worse than before")),
        (Accepted(Draft("to_telegram", "7", "[]")), Revived("dead", "nothing follows from it in this direction")),
    ],
)
async def test_what_cannot_wait_says_why(store: Store, outcome: Outcome, revived: Revived) -> None:
    """Declined today: the letter is closed with that reason. Unreadable still: it stays, with the reason of today."""
    await store.accept(unreadable(1))
    [letter] = await dead(store)
    assert await store.revive(Revival(letter.id, read_as(outcome))) == revived
    assert len(await dead(store)) == (revived.fate == "dead")
    await balanced(store)
    assert await claim(store) == []


@pytest.mark.parametrize(
    "outcome",
    [
        Unreadable("a bug of today"),
        Declined("nothing in it, as before", more=(Draft("to_kit", "7", "a note about that"),)),
        Accepted(Draft("to_kit", "7", "one"), more=(Draft("to_kit", "7", "two"),)),
        Accepted(Draft("to_kit", "8", "somebody else's")),
    ],
)
async def test_a_delivery_that_mapping_has_lost_is_tried_as_it_was(store: Store, outcome: Outcome) -> None:
    """Unreadable today, or not to be told from its siblings: the delivery that once was made is the best there is."""
    await store.accept(update(1))
    delivery = await bury(store)
    assert await store.revive(Revival(delivery.id, read_as(outcome, "7"))) == Revived("waiting")
    [again] = await claim(store)
    assert again.body == "event 1"


async def test_an_agents_letter_still_reaches_only_who_has_written(store: Store) -> None:
    """A callback that nobody could read is held to the same rule when it is read at last."""
    letter = Letter(CHANNEL, "kit", "e1", "{}")
    await store.accept(Arrival(((letter, read_as(Unreadable("does not fit"))),), CHANNEL))
    [found] = await dead(store)
    steps = Accepted(Draft("to_telegram", "7", "[]"))
    revived = await store.revive(Revival(found.id, read_as(steps, "7")))
    assert (revived.fate, revived.reason[:14]) == ("declined", "unknown client")


async def test_only_dead_letters_are_retried_and_only_once(store: Store) -> None:
    """A waiting or a delivered one, one that was dropped, and one that is retried twice at once: nothing happens."""
    await store.accept(update(1))
    [delivery] = await claim(store)
    assert (await store.revive(Revival(delivery.id, None))).fate == "gone"
    assert not await store.drop(delivery.id)
    await store.settle(delivery, Bury("refused"))
    assert (await store.revive(Revival(delivery.id, None))).fate == "waiting"
    assert (await store.revive(Revival(delivery.id, None))).fate == "gone"
    [again] = await claim(store)
    await store.settle(again, Bury("refused"))
    assert await store.drop(again.id)
    assert (await store.revive(Revival(again.id, None))).fate == "gone"
    assert await balanced(store) == {"received": 1, "dead": 2, "revived": 1, "dropped": 1}


async def test_they_are_found_by_what_is_known_of_them(store: Store, clock: Clock) -> None:
    """By id, channel, client and chat, direction, a part of the reason, and age; pages go on where the last ended."""
    await store.accept(update(1, client="7"))
    await bury(store, reason="Telegram: Bad Request")
    clock.advance(100)
    await store.accept(event("e1", client="7"))
    await bury(store, "to_telegram", "Telegram: bot was blocked 100%")
    await store.accept(unreadable(3))

    async def found(**wish: object) -> list[int]:
        answer = await store.find_dead(replace(DeadWish(), **wish))  # type: ignore[arg-type]
        return [letter.id for letter in answer.letters]

    one, two, three = await found()
    assert await found(channel=CHANNEL) == [one, two, three]
    assert await found(channel="4") == []
    assert await found(ids=(two, 999)) == [two]
    assert await found(client="7") == [one, two]
    assert await found(client="not a number") == []
    assert await found(direction="to_telegram") == [two]
    assert await found(reason="bad request") == [one]
    assert await found(reason="100%") == [two]
    assert await found(older_than=50.0) == [one]
    assert await found(newer_than=50.0) == [two, three]
    assert await found(limit=1) == [one]
    assert await found(after=one, limit=1) == [two]
    assert (await store.find_dead(DeadWish(limit=1, after=two))).total == 3


async def test_a_letter_that_breaks_the_mapping_is_told_in_its_place_and_retried(store: Store) -> None:
    """The note knows the dead letter's number, meets the client, and leaves before what they wrote next."""
    anna = Client("7", Address(7))
    letter = Letter(CHANNEL, "telegram", "1", '{"update_id":1}')

    def breaks(_known: Known) -> Outcome:
        raise ZeroDivisionError

    def tell(number: int, now: float, known: Known) -> Accepted:
        assert (now, known.client) == (Clock.time, anna)  # as the batch leaves them
        return Accepted(Draft("to_kit", "7", f"number {number} is missing"), known.client)

    broken = Arrival(((letter, Reading(breaks, Wants("7"), tell_dead=tell)),), CHANNEL, 2)
    assert await store.accept(together(broken, update(2))) == ["dead", "accepted"]
    [found] = await dead(store)
    assert (found.client_id, found.chat_id, found.body) == ("7", 7, None)
    assert found.reason.startswith("it cannot be mapped: ZeroDivisionError")
    assert (await store.find_dead(DeadWish(client="7"))).total == 1
    claimed = await store.claim(CHANNEL, "to_kit", 1, 16)
    assert [delivery.body for delivery in claimed.deliveries] == [f"number {found.id} is missing", "event 2"]
    today = read_as(Accepted(Draft("to_kit", "7", "event 1"), anna), "7")
    assert await store.revive(Revival(found.id, today)) == Revived("waiting")
    assert await balanced(store) == {"received": 3, "dead": 1, "revived": 1}


async def test_what_breaks_the_telling_too_is_a_dead_letter_all_the_same(store: Store) -> None:
    """And harms no neighbour."""

    def breaks(*_: object) -> Accepted:
        raise ZeroDivisionError

    letter = Letter(CHANNEL, "telegram", "1", '{"update_id":1}')
    broken = Arrival(((letter, Reading(breaks, Wants("7"), tell_dead=breaks)),), CHANNEL, 2)
    assert await store.accept(together(broken, update(2))) == ["dead", "accepted"]
    assert [delivery.body for delivery in await claim(store)] == ["event 2"]
