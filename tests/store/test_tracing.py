"""What the store can tell of a client's messages, on both engines: a page at a time, the newest first."""

from relay.model import Delivered, Retry, Said
from relay.store.store import Store
from relay.store.tracing import FailedAttempts, TraceWish
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, event, update


async def test_a_letter_is_told_with_all_that_its_delivery_met(store: Store, clock: Clock) -> None:
    """Attempts that failed, by reason, how often and when; and what was sent, by its numbers."""
    await store.accept(update(1, "7"))
    await store.accept(event("e1", "7"))
    began = clock.time
    for reason in ("no answer", "no answer", "HTTP 500"):
        [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
        await store.settle(delivery, Retry(1.0, reason))
        clock.advance(1)
    [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    assert await store.settle(delivery, Delivered((Said(31, "agent", "one"), Said(32, "agent", "two"))))
    found = await store.trace(TraceWish(CHANNEL, source_id="e1"))
    [letter], [traced] = found.letters, found.deliveries
    assert (letter.source, letter.client_id, letter.received_at) == ("kit", "7", began)
    assert (traced.status, traced.message_ids, traced.settled_at) == ("delivered", (31, 32), clock.time)
    assert traced.failures == (
        FailedAttempts("no answer", 2, began, began + 1),
        FailedAttempts("HTTP 500", 1, began + 2, began + 2),
    )
    assert (await store.trace(TraceWish("987654321", source_id="e1"))).letters == ()


async def test_pages_go_back_in_time_and_miss_nothing(store: Store, clock: Clock) -> None:
    """Each letter once, the newest first, however many there are."""
    for number in range(7):
        await store.accept(event(f"e{number}", "7"))
        await store.accept(update(number, "7"))
        clock.advance(1)
    await store.accept(event("last", "7"))
    seen: list[str] = []
    wish = TraceWish(CHANNEL, "7", limit=3)
    while True:
        page = await store.trace(wish)
        seen += [letter.source_id for letter in page.letters]
        if len(page.letters) < 3:
            break
        wish = TraceWish(CHANNEL, "7", before=page.letters[-1], limit=3)
    assert seen == ["last", *(f"e{number}" for number in range(6, -1, -1))]


async def test_what_is_thrown_away_leaves_no_attempts(store: Store, clock: Clock) -> None:
    """Retention takes the reasons of failures along with their delivery, and whose a letter was with its words."""
    await store.accept(update(1, "7"))
    await store.accept(event("e1", "7"))
    [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    await store.settle(delivery, Retry(0.0, "no answer"))
    [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    await store.settle(delivery, Delivered())
    clock.advance(60)
    while await store.forget(clock.time):
        pass
    found = await store.trace(TraceWish(CHANNEL, source_id="e1"))
    assert found.letters == ()
    assert found.deliveries == ()
    assert (await store.trace(TraceWish(CHANNEL, "7"))).letters == ()
