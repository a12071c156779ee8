"""One lane, one order; and lanes don't wait for each other."""

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import InnerRelay

MESSAGES, CHATS = 600, 60
LATENCY = 0.1


async def test_chats_do_not_wait_for_each_other(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """600 messages of 60 chats to a Kit that takes 100 ms each: in order, many at a time, never two of one client."""
    kit.faults.latency = LATENCY
    telegram.backlog(MESSAGES, CHATS)
    await kit.wait_for(lambda: len(kit.events) == MESSAGES)
    figures = await inner.settled("to_kit")
    assert len({event.client_id for event in kit.events[: 2 * CHATS]}) == CHATS  # and not one chat after the other
    assert kit.in_flight_peak > 30
    assert kit.overlaps == 0
    for client in kit.clients:
        assert kit.texts(client) == [f"{client}:{number}" for number in range(MESSAGES // CHATS)]
    assert (figures.delivered, figures.dead) == (MESSAGES, 0)
