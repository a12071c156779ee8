import asyncio
from collections.abc import Sequence

import pytest

from relay.model import Address, Declined, Draft, Letter, Media, Unreadable, Wants
from relay.store.accepting import Arrival
from relay.store.deep_links import Link
from relay.store.engine.connection import Connection
from relay.store.store import Store
from tests.store.letters import CHANNEL, close, event, known, read_as, together, update


async def test_a_letter_is_accepted_once_however_often_it_comes(store: Store) -> None:
    """The same update three times, twice of them in one batch, is one delivery."""
    assert await store.accept(together(update(1), update(1))) == ["accepted", "duplicate"]
    assert await store.accept(update(1)) == ["duplicate"]
    claimed = await store.claim(CHANNEL, "to_kit", 10)
    assert [delivery.body for delivery in claimed.deliveries] == ["event 1"]


async def test_a_known_id_with_another_body_is_told_apart_and_changes_nothing(store: Store) -> None:
    """A repeated event id with another body is tampering, not a duplicate."""
    await store.accept(update(1))
    await store.accept(event("e1"))
    assert await store.accept(event("e1", body='{"event_id":"e1","more":1}')) == ["tampered"]
    assert (await store.count(CHANNEL)).totals["to_telegram", "received"] == 1


async def test_update_ids_that_go_back_are_new_letters(store: Store) -> None:
    """After a week of silence Telegram restarts at random: an id is known only if that very id was seen."""
    assert await store.accept(update(900)) == ["accepted"]
    assert await store.accept(update(5)) == ["accepted"]
    assert await store.next_update_id(CHANNEL) == 6


async def test_an_event_for_a_client_who_never_wrote_reaches_nobody(store: Store) -> None:
    """Only chats that wrote first can be answered; the letter is kept and counted."""
    assert await store.accept(event("e1", client="666")) == ["unknown_client"]
    assert (await store.claim(CHANNEL, "to_telegram", 10)).deliveries == []
    totals = (await store.count(CHANNEL)).totals
    declined = {("to_telegram", "declined"): 1, ("to_telegram", "unknown_client"): 1}
    assert totals == {("to_telegram", "received"): 1, **declined}


async def test_an_event_in_the_same_commit_as_the_first_update_finds_its_chat(store: Store) -> None:
    """An agent's delivery carries the chat of the client link."""
    await store.accept(update(1, client="7"))
    await store.accept(event("e1", client="7"))
    [delivery] = (await store.claim(CHANNEL, "to_telegram", 10)).deliveries
    assert (delivery.client_id, delivery.address) == ("7", Address(7))


async def test_an_unreadable_letter_is_a_dead_letter_beside_healthy_neighbours(store: Store) -> None:
    """What cannot be mapped is buried with its reason; its neighbours go on."""
    broken = Arrival(((Letter(CHANNEL, "telegram", "2", "{}"), read_as(Unreadable("cannot be read"))),), CHANNEL, 3)
    assert await store.accept(together(update(1), broken, update(3))) == ["accepted", "dead", "accepted"]
    counts = await store.count(CHANNEL)
    assert counts.totals == {("to_kit", "received"): 3, ("to_kit", "dead"): 1}
    assert counts.waiting == {"to_kit": 2}


async def test_a_declined_letter_is_counted_with_its_reason(store: Store) -> None:
    """Nothing is dropped in silence: what is not delivered has a written reason."""
    declined = Arrival(((Letter(CHANNEL, "telegram", "2", "{}"), read_as(Declined("a group"))),), CHANNEL, 3)
    assert await store.accept(declined) == ["declined"]
    assert (await store.count(CHANNEL)).totals == {("to_kit", "received"): 1, ("to_kit", "declined"): 1}


@pytest.mark.parametrize("kind", [Declined, Unreadable])
async def test_a_note_goes_out_beside_what_is_not_delivered(store: Store, kind: type[Declined | Unreadable]) -> None:
    """The event and the note are counted each in its direction, once however often the event comes."""
    await store.accept(update(1))
    outcome = kind("cannot be used", more=(Draft("to_kit", "7", "note"),))
    arrival = Arrival(((Letter(CHANNEL, "kit", "e1", "{}"), read_as(outcome, "7")),), CHANNEL)
    assert (await store.accept(arrival), await store.accept(arrival)) == (
        ["declined" if kind is Declined else "dead"],
        ["duplicate"],
    )
    counts = await store.count(CHANNEL)
    ended = "declined" if kind is Declined else "dead"
    assert counts.totals == {("to_kit", "received"): 2, ("to_telegram", "received"): 1, ("to_telegram", ended): 1}
    assert counts.waiting == {"to_kit": 2}


async def test_media_is_found_by_its_capability_alone(store: Store) -> None:
    """The stored file comes back by id; an unknown id finds nothing."""
    photo = Media("cap-1234567890abcdef", "file-id", "photo-1.jpg", "image/jpeg", 1000)
    await store.accept(update(1, media=(photo,)))
    assert await store.find_media(photo.id) == photo
    assert await store.find_media("cap-unknown") is None


async def test_what_waits_at_the_same_moment_shares_commits_and_keeps_its_order(store: Store) -> None:
    """A hundred concurrent acceptances are all stored, each client's in the order of the calls."""
    verdicts = await asyncio.gather(
        *(store.accept(update(number, client=str(number % 5 + 1))) for number in range(100))
    )
    assert verdicts == [["accepted"]] * 100
    first = await store.claim(CHANNEL, "to_kit", 100)
    assert sorted(delivery.body for delivery in first.deliveries) == [f"event {number}" for number in range(5)]


async def test_one_bad_item_does_not_take_its_neighbours_along(store: Store) -> None:
    """A letter that the database refuses fails alone, though it shared a commit with others."""
    bad = Arrival(((Letter(CHANNEL, "telegram", "5", None), read_as(Declined("x"))),), CHANNEL)  # type: ignore[arg-type]
    results = await asyncio.gather(
        store.accept(update(1)), store.accept(bad), store.accept(update(2)), return_exceptions=True
    )
    assert results[0] == ["accepted"]
    assert isinstance(results[1], AttributeError)
    assert results[2] == ["accepted"]


async def test_the_last_letter_says_whether_a_conversation_is_open(store: Store) -> None:
    """A close and a customer's next message in one commit leave it open; the other way round, closed."""

    def is_open(connection: Connection, _now: float, items: Sequence[None]) -> list[object]:
        return [connection.exec_driver_sql("SELECT open FROM client_link").scalar()] * len(items)

    await store.accept(update(1))
    await store.accept(together(close("c1"), update(2)))
    assert await store._database.run(is_open, None)
    await store.accept(together(update(3), close("c2")))
    assert not await store._database.run(is_open, None)


async def test_a_letter_learns_what_its_deep_link_stands_for(store: Store) -> None:
    """A code is resolved in its own channel, what was kept first stays, and an unknown one says nothing."""
    spring, autumn = {"utm": {"campaign": "spring"}}, {"utm": {"campaign": "autumn"}}
    await store.keep_link(Link(CHANNEL, "c1-a", spring))
    await store.keep_link(Link(CHANNEL, "c1-a", autumn))
    await store.keep_link(Link("another", "c1-b", autumn))
    assert (await known(store, Wants("7", link="c1-a"))).touch == spring
    assert (await known(store, Wants("7", link="c1-b"))).touch == {}
    assert (await known(store, Wants("7"))).touch == {}
