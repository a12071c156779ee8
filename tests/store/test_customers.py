"""All of one customer goes, and nothing of anybody else's."""

import asyncio
from dataclasses import replace

from relay.model import Bury, Delivered, Known, Retry
from relay.store.accepting import Arrival
from relay.store.customers import TABLES, Page, Whose
from relay.store.engine.tables import metadata
from relay.store.store import Store
from tests.store.letters import CHANNEL, event, read_as
from tests.store.letters import update as nobodys

ANNA, BEN = Whose(CHANNEL, "7"), Whose(CHANNEL, "8")


def update(number: int, client: str) -> Arrival:
    """An update that says whose it is, as those of the intake do."""
    arrival = nobodys(number, client)
    [(letter, reading)] = arrival.letters
    outcome = reading.decide(Known())
    return replace(arrival, letters=((letter, read_as(outcome, client)),))


async def erase(store: Store, whose: Whose) -> int:
    """Erase somebody; how many parts it took."""
    await store.ask_erasure(whose)
    return await go_on_erasing(store, whose)


async def go_on_erasing(store: Store, whose: Whose) -> int:
    """Erase somebody who is marked; how many parts it took."""
    parts = 0
    while await store.erase_part(whose):
        parts += 1
    await store.end_erasure(whose)
    return parts


async def adds_up(store: Store) -> bool:
    """Received + revived = delivered + waiting + dead + declined, in both directions."""
    counts = await store.count(CHANNEL)
    sums = []
    for direction in ("to_kit", "to_telegram"):
        total = {name: times for (of, name), times in counts.totals.items() if of == direction}
        came = total.get("received", 0) + total.get("revived", 0)
        became = sum(total.get(name, 0) for name in ("delivered", "declined", "dead"))
        sums.append(came == became + counts.waiting.get(direction, 0))
    return all(sums)


async def test_nothing_of_theirs_is_left_and_all_of_others(store: Store) -> None:
    """Rows go from every table, in parts; who is somebody else keeps theirs, and the totals add up."""
    for number in range(450):
        await store.accept(update(number, "7"))
    await store.accept(update(1000, "8"))
    await store.accept(event("e1", "7"))
    await store.accept(event("e2", "8"))
    before = await store.count_customer(BEN)
    assert (await store.count_customer(ANNA))["inbox"] == 451
    assert await erase(store, ANNA) >= 3
    assert await store.count_customer(ANNA) == {}
    assert await store.count_customer(BEN) == before
    assert await store.marked_for_erasure() == []
    assert await adds_up(store)


async def test_a_delivery_in_flight_brings_nothing_back(store: Store) -> None:
    """What a courier reports of an erased delivery changes nothing."""
    await store.accept(update(1, "7"))
    [delivery] = (await store.claim(CHANNEL, "to_kit", 10)).deliveries
    await erase(store, ANNA)
    assert not await store.settle(delivery, Delivered())
    assert not await store.settle(delivery, Retry(0.0, "later"))
    assert await store.count_customer(ANNA) == {}
    assert (await store.claim(CHANNEL, "to_kit", 10)).deliveries == []
    assert await adds_up(store)


async def test_what_comes_while_one_is_erased_in_flight_leaves(store: Store) -> None:
    """The courier's hand is emptied, and what stood behind it is due: nobody else would let go of the lane."""
    await store.accept(update(1, "7"))
    await store.claim(CHANNEL, "to_kit", 10)
    await store.ask_erasure(ANNA)
    await store.accept(update(2, "7"))
    while await store.erase_part(ANNA):
        pass
    assert [each.body for each in (await store.claim(CHANNEL, "to_kit", 10)).deliveries] == ["event 2"]


async def test_what_comes_alone_while_one_is_erased_is_in_one_hand(store: Store) -> None:
    """A message is accepted, a part is erased and a courier asks, all in one transaction: it gets the message once."""
    await store.accept(update(1, "7"))
    [first] = (await store.claim(CHANNEL, "to_kit", 10)).deliveries
    await store.settle(first, Delivered())
    await store.ask_erasure(ANNA)
    claimed, _, _ = await asyncio.gather(
        store.claim(CHANNEL, "to_kit", 10, fresh=10), store.accept(update(2, "7")), store.erase_part(ANNA)
    )
    assert [each.body for each in claimed.deliveries] == ["event 2"]
    assert await store.settle(claimed.deliveries[0], Delivered())


async def test_who_writes_again_is_a_new_customer(store: Store) -> None:
    """What comes after the erasure was asked for stays, also if it comes while that is going on."""
    await store.accept(update(1, "7"))
    await store.ask_erasure(ANNA)
    await store.accept(update(2, "7"))
    await go_on_erasing(store, ANNA)
    rows = await store.count_customer(ANNA)
    assert (rows["inbox"], rows["outbox"]) == (1, 1)
    [delivery] = (await store.claim(CHANNEL, "to_kit", 10)).deliveries
    assert delivery.body == "event 2"


async def test_no_number_below_the_mark_is_given_to_what_comes_later(store: Store) -> None:
    """The newest delivery is thrown away after the erasure was asked for: what comes next does not get its number."""
    await store.accept(update(1, "7"))
    await store.accept(update(2, "8"))
    [thrown_away] = (await store.claim(CHANNEL, "to_kit", 10)).lanes[-1]
    await store.settle(thrown_away, Bury("refused"))
    await store.ask_erasure(ANNA)
    assert await store.drop(thrown_away.id)
    await store.accept(update(3, "7"))
    await go_on_erasing(store, ANNA)
    assert [each.body for each in (await store.claim(CHANNEL, "to_kit", 10)).deliveries] == ["event 3"]


async def test_who_is_erased_in_flight_and_writes_again_is_in_no_old_hand(store: Store) -> None:
    """What the courier of the erased message reports is not taken for the new one's."""
    await store.accept(update(1, "7"))
    [erased] = (await store.claim(CHANNEL, "to_kit", 10)).deliveries
    await erase(store, ANNA)
    await store.accept(update(2, "7"))
    [newer] = (await store.claim(CHANNEL, "to_kit", 10)).deliveries
    assert not await store.settle(erased, Delivered())
    assert await store.settle(newer, Delivered())


async def test_a_repetition_of_an_erased_letter_does_nothing(store: Store) -> None:
    """Its source's id stays, without words: a callback that is played again reaches nobody."""
    await store.accept(update(1, "7"))
    await erase(store, ANNA)
    assert await store.accept(update(1, "7")) == ["duplicate"]
    assert await store.count_customer(ANNA) == {}


async def test_what_a_crash_broke_off_is_found_again(store: Store) -> None:
    """The mark stays until nothing is left."""
    for number in range(300):
        await store.accept(update(number, "7"))
    await store.ask_erasure(ANNA)
    await store.erase_part(ANNA)
    while await store.erase_part(ANNA):
        assert await store.marked_for_erasure() == [ANNA]
    assert await store.marked_for_erasure() == [ANNA]
    await store.end_erasure(ANNA)
    assert await store.marked_for_erasure() == []


async def test_who_is_erased_twice_at_once_is_erased_up_to_the_second_time(store: Store) -> None:
    """An erasure that a crash broke off does not spare what came after it was first asked for."""
    await store.accept(update(1, "7"))
    await store.ask_erasure(ANNA)
    await store.accept(update(2, "7"))
    await erase(store, ANNA)
    assert await store.count_customer(ANNA) == {}


async def test_rows_are_handed_out_in_pages(store: Store) -> None:
    """An export sees each row once."""
    for number in range(7):
        await store.accept(update(number, "7"))
    seen = [await store.read_customer(Page(ANNA, "inbox", after, 3)) for after in (0, 3, 6)]
    assert [row["source_id"] for page in seen for row in page] == [str(number) for number in range(7)]


def test_whatever_says_whose_it_is_can_be_erased() -> None:
    """A new table is asked about: lanes and the marks of erasures go at the end of one, by themselves."""
    kept = {name for name, table in metadata.tables.items() if "client_id" in table.columns}
    assert kept == {table.name for table in TABLES} | {"lane", "erasure"}, (
        "list the new table in TABLES of customers.py"
    )
