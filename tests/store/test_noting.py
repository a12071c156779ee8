"""Notes to agents, and dead letters of parts, are written in the transaction that buries what they speak of."""

import asyncio
from dataclasses import replace

from relay.model import Accepted, Bury, Client, Delivered, Delivery, Direction, Draft, Late, Lost, Retry, Wants
from relay.store.dead_letters import DeadWish
from relay.store.reviving import Revival, Revived
from relay.store.settling import Settled
from relay.store.store import Store
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, close, event, known, update


def note(client: Client) -> Accepted | None:
    if not client.open:
        return None
    return Accepted(Draft("to_kit", client.client_id, f"note to {client.client_id} at {client.address.chat_id}"))


def line(client: Client) -> Accepted | None:
    """To the customer, once in a conversation."""
    if client.loss_told:
        return None
    return Accepted(Draft("to_telegram", client.client_id, "line"), replace(client, loss_told=True))


async def answers(store: Store, *clients: str) -> list[Delivery]:
    """An agent's message for each of these clients, who have written before; claimed."""
    for number, client in enumerate(clients):
        await store.accept(update(number, client=client))
        await store.accept(event(f"e{client}", client=client))
    for delivery in (await store.claim(CHANNEL, "to_kit", 10)).deliveries:
        await store.settle(delivery, Delivered())
    return (await store.claim(CHANNEL, "to_telegram", 10, 16)).deliveries


async def notes(store: Store) -> list[str]:
    return [delivery.body for delivery in (await store.claim(CHANNEL, "to_kit", 10, 16)).deliveries]


async def adds_up(store: Store) -> dict[str, int]:
    """The totals of both directions, which must account for everything."""
    counts = await store.count(CHANNEL)
    directions: tuple[Direction, ...] = ("to_kit", "to_telegram")
    for direction in directions:
        ended = sum(counts.totals.get((direction, name), 0) for name in ("delivered", "dead", "declined"))
        assert counts.totals[direction, "received"] == ended + counts.waiting.get(direction, 0)
    return {f"{direction} {name}": number for (direction, name), number in counts.totals.items()}


async def test_a_burial_is_told_to_the_agent(store: Store) -> None:
    """The note waits in the client's lane to Kit, made with what is known of the client now."""
    [delivery] = await answers(store, "7")
    await store.settle(delivery, Bury("refused", note=note))
    assert await notes(store) == ["note to 7 at 7"]
    assert await adds_up(store) == {
        "to_kit received": 2, "to_kit delivered": 1, "to_telegram received": 1, "to_telegram dead": 1,
    }  # fmt: skip


async def test_a_closed_conversation_stays_closed(store: Store) -> None:
    """After the end nothing is said, of a whole message or of a part, until the customer writes again."""
    seven, eight = await answers(store, "7", "8")
    await store.accept(close("bye 7", "7"))
    await store.accept(close("bye 8", "8"))
    assert await store.rewrite(seven, "the rest", Lost("a part", "refused", "refused_content", note))
    await store.settle(seven, Bury("refused", note=note))
    await store.settle(eight, Bury("refused"))
    assert await notes(store) == []
    await store.accept(update(9, client="7"))
    await store.accept(event("e9", client="7"))
    [again] = (await store.claim(CHANNEL, "to_telegram", 10)).deliveries
    await store.settle(again, Bury("refused", note=note))
    assert await notes(store) == ["event 9", "note to 7 at 7"]
    await adds_up(store)


async def test_a_lost_part_is_a_dead_letter_of_its_own_and_the_rest_goes_on(store: Store) -> None:
    """Its reason is kept, the delivery begins its next step anew, and both count."""
    [delivery] = await answers(store, "7")
    await store.settle(delivery, Retry(0.0, "no answer", uncertain=True))
    [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    assert await store.rewrite(delivery, "the rest", Lost("a part", "refused", "refused_content", note))
    assert await notes(store) == ["note to 7 at 7"]
    await store.settle(delivery, Retry(0.0, "later", free=True))
    [dead] = (await store.find_dead(DeadWish())).letters
    assert (dead.body, dead.reason) == ("a part", "refused")
    [rest] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    assert (rest.body, rest.uncertain, rest.id) == ("the rest", 0, delivery.id)
    await store.settle(rest, Delivered())
    totals = await adds_up(store)
    assert (totals["to_telegram received"], totals["to_telegram delivered"], totals["to_telegram dead"]) == (2, 1, 1)


async def test_what_is_reported_twice_counts_once(store: Store) -> None:
    """Whoever did not hear of a commit reports again: no part is buried twice, nothing is told or counted twice."""
    await store.accept(update(1))
    for number in range(3):
        await store.accept(event(f"e{number}"))
    delivered, buried, _ = (await store.claim(CHANNEL, "to_telegram", 1, 16)).deliveries
    for _ in range(2):
        assert await store.rewrite(delivered, "the rest", Lost("a part", "refused", "refused_content", note))
        assert await store.settle(delivered, Delivered(), last=False) is Settled.DONE
        assert await store.settle(buried, Bury("refused", note=note), last=False) is Settled.DONE
    assert await notes(store) == ["event 1", *["note to 7 at 7"] * 2]
    totals = await adds_up(store)
    assert (totals["to_telegram delivered"], totals["to_telegram dead"]) == (1, 2)


async def test_a_lost_part_can_be_tried_again_by_itself(store: Store) -> None:
    """What is revived is the part, not the message that it was of."""
    [delivery] = await answers(store, "7")
    await store.rewrite(delivery, "the rest", Lost("a part", "refused", "refused_content", note))
    await store.settle(delivery, Delivered())
    [letter] = (await store.find_dead(DeadWish())).letters
    assert await store.revive(Revival(letter.id, None)) == Revived("waiting")
    [again] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    assert (again.body, again.steps_done) == ("a part", 0)


async def test_a_courier_that_outlived_its_lease_notes_nothing(store: Store) -> None:
    """A stale claim buries no part, writes no note, and changes no body; the one that holds does, once."""
    [stale] = await answers(store, "7")
    await store.release_all()
    [held] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    assert not await store.rewrite(stale, "ghost", Lost("ghost part", "refused", "refused_content", note))
    both = await asyncio.gather(
        store.settle(stale, Bury("ghost", note=note)), store.settle(held, Bury("refused", note=note))
    )
    assert [*both] == [Settled.LOST, Settled.DONE]
    assert await notes(store) == ["note to 7 at 7"]
    totals = await adds_up(store)
    assert (totals["to_telegram received"], totals["to_telegram dead"]) == (1, 1)


async def test_notes_of_one_moment_go_each_to_its_own(store: Store) -> None:
    """Buried in one transaction, several messages of several clients: each agent reads of the own ones, in order."""
    seven, eight = await answers(store, "7", "8")
    await asyncio.gather(
        store.rewrite(seven, "the rest", Lost("a part", "refused", "refused_content", note)),
        store.settle(eight, Bury("refused", note=note)),
        store.settle(seven, Bury("refused", note=note)),
    )
    assert sorted(await notes(store)) == ["note to 7 at 7", "note to 7 at 7", "note to 8 at 8"]
    await adds_up(store)


async def test_a_moved_chat_is_answered_where_it_is_now(store: Store) -> None:
    """All clients of the chat, and nobody else."""
    await store.accept(update(1, client="7"))
    await store.accept(update(2, client="8"))
    await store.move(CHANNEL, 7, -1007)
    for client in ("7", "8"):
        await store.accept(event(f"e{client}", client=client))
    claimed = (await store.claim(CHANNEL, "to_telegram", 10)).deliveries
    chats = {delivery.client_id: delivery.address.chat_id for delivery in claimed if delivery.address}
    assert chats == {"7": -1007, "8": 8}


async def test_a_line_to_the_customer_is_said_once_in_a_conversation(store: Store) -> None:
    """However many burials want it, together or one after the other, until the customer begins another one."""
    for number in range(4):
        await store.accept(update(number, client="7"))
    await store.accept(update(4, client="8"))
    claimed = (await store.claim(CHANNEL, "to_kit", 10, 16)).lanes
    seven, eight = sorted(claimed, key=lambda run: run[0].client_id)
    await asyncio.gather(
        store.settle(seven[0], Bury("refused", note=line), last=False),
        store.settle(seven[1], Bury("refused", note=line), last=False),
        store.settle(eight[0], Bury("refused", note=line)),
    )
    await store.settle(seven[2], Bury("refused", note=line), last=False)
    told = (await store.claim(CHANNEL, "to_telegram", 10, 16)).deliveries
    assert sorted((delivery.client_id, delivery.body) for delivery in told) == [("7", "line"), ("8", "line")]
    again = (await known(store, Wants("7"))).client
    assert again is not None
    assert again.loss_told
    await adds_up(store)


async def test_a_late_part_leaves_its_server_alone_for_as_long_as_it_asked(store: Store, clock: Clock) -> None:
    """Beside the chat's others, which do not wait for it; one that is not asked to wait is due at once."""
    first, second = await answers(store, "7", "8")
    assert await store.rewrite(first, "words", Late("late", note, 9.0))
    assert await store.rewrite(second, "words", Late("due", note))
    await store.settle(first, Delivered())
    await store.settle(second, Delivered())
    claimed = await store.claim(CHANNEL, "to_telegram", 10, 16)
    assert [(each.body, each.is_late) for each in claimed.deliveries] == [("due", True)]
    assert claimed.next_due_at == clock() + 9.0
    clock.advance(9.0)
    assert [each.body for each in (await store.claim(CHANNEL, "to_telegram", 10, 16)).deliveries] == ["late"]
