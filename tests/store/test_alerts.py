"""Alerts and ends of processes, as the store keeps them, on both engines."""

from dataclasses import replace

from relay.store.alerts import LATELY, Alert
from relay.store.store import Store
from tests.store.conftest import Clock

KIT = Alert("support/kit", "kit", "support", "no connection to Kit", 1_800_000_000.0)


async def test_an_alert_is_kept_as_it_is_now_until_it_is_dropped(store: Store) -> None:
    """Whom it was told to, and that it is over."""
    await store.keep_alert(KIT)
    assert await store.all_alerts() == [KIT]
    over = replace(KIT, over_at=KIT.since + 60, url_told="raised", chat_told="over")
    await store.keep_alert(over)
    assert await store.all_alerts() == [over]
    await store.drop_alert(KIT.name)
    assert await store.all_alerts() == []


async def test_only_unclean_ends_of_the_last_ten_minutes_count(store: Store, clock: Clock) -> None:
    """A process that says goodbye does not, nor one that began long ago."""
    assert await store.begin_run() == 0
    clock.advance(10)
    assert await store.begin_run() == 1
    await store.end_run()
    clock.advance(10)
    assert await store.begin_run() == 1
    clock.advance(10)
    assert await store.begin_run() == 2
    clock.advance(LATELY + 1)
    assert await store.begin_run() == 0
