"""Of agents' messages to clients who have never written the agent is told, once until the retention time."""

from relay.model import Draft, Letter, Reading, Unreadable, Wants
from relay.store.accepting import Arrival
from relay.store.store import Store
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, close, together, update

DAY = 86400.0


def says(event_id: str, client: str = "666", channel: str = CHANNEL) -> Arrival:
    """An agent's message, with a note for the case that nobody knows the client."""
    reading = Reading(
        lambda _: Unreadable("not asked for a client who is not known"),
        Wants(client, told_unknown=True),
        tell_unknown=lambda: Draft("to_kit", client, f"note {event_id}"),
    )
    return Arrival(((Letter(channel, "kit", event_id, "{}"), reading),), channel)


async def notes(store: Store, channel: str = CHANNEL) -> list[str]:
    """The notes that wait, each of which is then delivered."""
    claimed = await store.claim(channel, "to_kit", 100)
    return [delivery.body for delivery in claimed.deliveries]


async def test_the_agent_is_told_once_for_each_client(store: Store) -> None:
    """However many messages come, together or apart; each channel has its own clients."""
    assert await store.accept(together(says("1"), says("2"), says("3", "667"))) == ["unknown_client"] * 3
    assert await store.accept(says("4")) == ["unknown_client"]
    assert await store.accept(says("1")) == ["duplicate"]
    assert await store.accept(says("5", channel="987654321")) == ["unknown_client"]
    assert sorted(await notes(store)) == ["note 1", "note 3"]
    assert await notes(store, "987654321") == ["note 5"]
    totals = (await store.count(CHANNEL)).totals
    assert (totals["to_telegram", "declined"], totals["to_kit", "received"]) == (4, 2)


async def test_a_close_for_nobody_says_nothing(store: Store) -> None:
    """No message was lost with it."""
    assert await store.accept(close("c1", "666")) == ["unknown_client"]
    assert await notes(store) == []


async def test_it_is_told_again_after_the_retention_time(store: Store, clock: Clock) -> None:
    """What was remembered of it has an end."""
    await store.accept(says("1"))
    clock.advance(8 * DAY)
    await store.accept(says("2"))
    assert await notes(store) == ["note 1"]
    while await store.forget(clock.time - 7 * DAY):
        pass
    await store.accept(together(says("3"), says("4")))
    assert (await store.count(CHANNEL)).totals["to_kit", "received"] == 2, "the first note, and the third message's"


async def test_who_writes_is_known_from_then_on(store: Store) -> None:
    """In the same commit already."""
    await store.accept(says("1"))
    assert (await store.accept(together(update(1, "666"), says("2"))))[1] == "dead"
