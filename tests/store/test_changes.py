"""Edits and reactions wait a moment for the next one, and for nobody who waits behind them."""

import orjson
import pytest

from relay.model import (
    REACTIONS,
    Accepted,
    Address,
    Client,
    Declined,
    Delivered,
    Draft,
    Known,
    Letter,
    Outcome,
    Reading,
    Retry,
    Wants,
)
from relay.store.accepting import Arrival
from relay.store.claiming import CHANGE_LONGEST, CHANGE_WINDOW
from relay.store.store import Store
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, close, together, update
from tests.store.test_albums import claim, item

NOTHING = "it ended as it began"


def change(number: int, to: str, *, of: int = 1, client: str = "7") -> Arrival:
    """A message says something else now. The body tells what it said before all that waits; as it was then: nothing."""
    group = f"edit of {of}"

    def decide(known: Known) -> Outcome:
        waiting = None if known.album is None else known.album.parts
        before, told = orjson.loads(waiting) if waiting else ("old", [])
        if to == before:
            return Declined(NOTHING, Client(client, Address(int(client))), withdraws=group)
        body, parts = f"{before}>{to}", orjson.dumps([before, [*told, to]]).decode()
        return Accepted(Draft("to_kit", client, body, album=group, parts=parts, hasty=True), Client(client, Address(7)))

    letter = Letter(CHANNEL, "telegram", str(number), f'{{"update_id":{number}}}')
    return Arrival(((letter, Reading(decide, Wants(client, album=group))),), CHANNEL, number + 1)


async def bodies(store: Store, run: int = 16) -> list[str]:
    """What can be claimed now; it is delivered."""
    left: list[str] = []
    for lane in (await store.claim(CHANNEL, "to_kit", 10, run)).lanes:
        for delivery in lane:
            assert await store.settle(delivery, Delivered(), last=delivery is lane[-1])
            left.append(delivery.body)
    return left


async def totals(store: Store) -> dict[str, int]:
    counted = await store.count(CHANNEL)
    figures = {outcome: count for (direction, outcome), count in counted.totals.items() if direction == "to_kit"}
    waiting = counted.waiting.get("to_kit", 0)
    rest = {name: count for name, count in figures.items() if name != "received"}
    assert figures.get("received", 0) == sum(rest.values()) + waiting
    return figures


async def test_changes_leave_when_they_have_stopped_coming(store: Store, clock: Clock) -> None:
    """Eight edits are one event, two seconds after the last; a claim says when to come again."""
    for number in range(8):
        await store.accept(change(number, f"new {number}"))
        clock.advance(0.2)
        claimed = await store.claim(CHANNEL, "to_kit", 10)
        assert claimed.lanes == []
        assert claimed.next_due_at is not None
        assert claimed.next_due_at <= clock() + CHANGE_WINDOW
    clock.advance(CHANGE_WINDOW)
    assert await bodies(store) == ["old>new 7"]
    assert await totals(store) == {"received": 1, "delivered": 1}


async def test_no_change_waits_for_ever(store: Store, clock: Clock) -> None:
    """Five seconds after the first of them they leave, and what comes then is another change."""
    for number in range(20):
        await store.accept(change(number, f"new {number}"))
        clock.advance(1.0)
        if left := await bodies(store):
            break
    assert left == [f"old>new {int(CHANGE_LONGEST) - 1}"]


@pytest.mark.parametrize("apart", [True, False])
async def test_something_else_of_the_chat_sends_them_at_once(store: Store, clock: Clock, *, apart: bool) -> None:
    """In their order; other chats have nothing to do with it."""
    arrivals = [change(1, "new"), change(2, "new", of=2), update(3)]
    for arrival in arrivals if apart else [together(*arrivals)]:
        await store.accept(arrival)
    await store.accept(change(4, "new", client="8"))
    assert await bodies(store) == ["old>new", "old>new", "event 3"]
    clock.advance(CHANGE_WINDOW)
    assert await bodies(store) == ["old>new"]


async def test_an_album_behind_a_change_sends_it_too(store: Store, clock: Clock) -> None:
    """And waits itself."""
    await store.accept(change(1, "new"))
    await store.accept(item(2))
    assert await bodies(store) == ["old>new"]
    clock.advance(CHANGE_WINDOW)
    assert await bodies(store) == ["2"]


async def test_what_waits_to_be_tried_again_goes_first(store: Store, clock: Clock) -> None:
    """A lane that is parked stays parked, whatever comes behind."""
    await store.accept(update(1))
    [first] = await claim(store)
    await store.accept(change(2, "new"))
    await store.settle(first, Retry(30.0, "no answer"))
    await store.accept(update(3))
    assert await claim(store) == []
    clock.advance(30)
    assert await bodies(store) == ["event 1", "old>new", "event 3"]


@pytest.mark.parametrize("apart", [True, False])
async def test_what_ends_as_it_began_is_nobodys_business(store: Store, clock: Clock, *, apart: bool) -> None:
    """Nothing is sent, the letters say why, the sums add up, and the lane goes on."""
    arrivals = [change(1, "new"), change(2, "newer"), change(3, "old")]
    for arrival in arrivals if apart else [together(*arrivals)]:
        await store.accept(arrival)
    assert await totals(store) == {"received": 2, "declined": 2}
    assert (await store.claim(CHANNEL, "to_kit", 10)).next_due_at is None
    clock.advance(CHANGE_LONGEST)
    assert await bodies(store) == []
    await store.accept(together(change(4, "new"), change(5, "old"), update(6)))
    assert await bodies(store) == ["event 6"]
    await store.accept(together(change(7, "new"), change(8, "old"), change(9, "new")))
    clock.advance(CHANGE_LONGEST)
    assert await bodies(store) == ["old>new"]
    assert await totals(store) == {"received": 8, "declined": 6, "delivered": 2}


async def test_a_change_that_has_left_is_not_taken_back(store: Store, clock: Clock) -> None:
    """What a courier has in its hands goes on; the next change is one of its own."""
    await store.accept(change(1, "new"))
    clock.advance(CHANGE_WINDOW)
    [delivery] = await claim(store)
    await store.accept(change(2, "newer"))
    await store.settle(delivery, Delivered())
    clock.advance(CHANGE_WINDOW)
    assert [delivery.body, *await bodies(store)] == ["old>new", "old>newer"]


async def test_many_changes_in_front_of_a_message_hold_it_up_in_no_way(store: Store) -> None:
    """Also when a courier takes only some of them at a time."""
    for number in range(20):
        await store.accept(change(number, "new", of=number))
    await store.accept(update(20))
    left: list[str] = []
    while found := await bodies(store, run=4):
        left += found
    assert left == ["old>new"] * 20 + ["event 20"]


@pytest.mark.parametrize("apart", [True, False])
async def test_a_close_takes_back_what_nobody_said(store: Store, clock: Clock, *, apart: bool) -> None:
    """A heart that still waits would begin another conversation; words are words, and go."""
    heart = Draft("to_kit", "7", "heart", album=f"{REACTIONS}1", parts="{}", hasty=True)
    reading = Reading(lambda _: Accepted(heart, Client("7", Address(7))), Wants("7", album=heart.album))
    hearts = Arrival(((Letter(CHANNEL, "telegram", "2", "{}"), reading),), CHANNEL, 3)
    arrivals = [change(1, "new"), hearts, close("bye")]
    for arrival in arrivals if apart else [together(*arrivals[:2], arrivals[2])]:
        await store.accept(arrival)
    clock.advance(CHANGE_WINDOW)
    assert await bodies(store) == ["old>new"]
    assert await totals(store) == {"received": 2, "declined": 1, "delivered": 1}
