"""What the operator's page asks the store: who waits, the longest first, and what died, the newest first."""

from relay.model import Bury, Delivered, Retry
from relay.store.overview import TOLD
from relay.store.store import Store
from tests.store import letters
from tests.store.conftest import Clock


async def test_who_waits_longest_comes_first(store: Store, clock: Clock) -> None:
    """With how many, for how long, after how many attempts, and why; who has been served is not there."""
    await store.accept(letters.update(1, "7"))
    clock.advance(60)
    await store.accept(letters.together(letters.update(2, "8"), letters.update(3, "7"), letters.update(4, "9")))
    for delivery in (await store.claim(letters.CHANNEL, "to_kit", 10, 1)).deliveries:
        await store.settle(delivery, Delivered() if delivery.client_id == "8" else Retry(30.0, "no answer"))
    clock.advance(10)
    over = await store.look_over(letters.CHANNEL)
    assert over.lanes_in_all == 2
    first, second = over.lanes
    assert (first.client_id, first.direction, first.waiting, first.oldest) == ("7", "to_kit", 2, 70.0)
    assert (first.attempts, first.due_in, first.reason) == (1, 20.0, "no answer")
    assert (second.client_id, second.waiting, second.oldest) == ("9", 1, 10.0)
    assert (await store.look_over("another")).lanes == []


async def test_who_is_being_tried_is_due_now(store: Store, clock: Clock) -> None:
    """A lane in a courier's hands is not said to be tried at some time to come."""
    await store.accept(letters.update(1))
    await store.claim(letters.CHANNEL, "to_kit", 1, 1)
    clock.advance(600)
    [lane] = (await store.look_over(letters.CHANNEL)).lanes
    assert (lane.due_in, lane.oldest) == (0.0, 600.0)


async def test_only_so_many_are_told_one_by_one(store: Store) -> None:
    """All of them are counted."""
    crowd = [letters.update(number, str(number)) for number in range(1, TOLD + 6)]
    await store.accept(letters.together(*crowd))
    over = await store.look_over(letters.CHANNEL)
    assert (len(over.lanes), over.lanes_in_all) == (TOLD, TOLD + 5)
    assert [lane.client_id for lane in over.lanes] == [str(number) for number in range(1, TOLD + 1)]


async def test_dead_letters_have_their_number_and_reason(store: Store, clock: Clock) -> None:
    """The newest first, as `relay dead list` numbers them."""
    await store.accept(letters.together(letters.update(1, "7"), letters.update(2, "8")))
    for delivery in (await store.claim(letters.CHANNEL, "to_kit", 10, 1)).deliveries:
        await store.settle(delivery, Bury(f"refused {delivery.client_id}"))
    clock.advance(5)
    newest, oldest = (await store.look_over(letters.CHANNEL)).dead
    assert newest.id > oldest.id
    assert (newest.client_id, newest.reason, newest.age) == ("8", "refused 8", 5.0)
