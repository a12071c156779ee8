"""Alerts and ends of processes, as the store keeps them, on both engines."""

from dataclasses import replace
from pathlib import Path

from relay.store.alerts import LATELY, Alert
from relay.store.store import Store, open_store
from tests.databases import new_database
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


async def test_only_unclean_ends_of_the_last_ten_minutes_count(tmp_path: Path, clock: Clock) -> None:
    """A process that says goodbye does not, nor one that began long ago."""
    async with open_store(new_database(tmp_path), now=clock) as store:
        await store.begin_run()
        assert await store.unclean_ends() == 0
        clock.advance(10)
        await store.begin_run()
        assert await store.unclean_ends() == 1
        await store.end_run()
        clock.advance(10)
        await store.begin_run()
        assert await store.unclean_ends() == 1
        clock.advance(10)
        await store.begin_run()
        assert await store.unclean_ends() == 2
        clock.advance(LATELY + 1)
        await store.begin_run()
        assert await store.unclean_ends() == 0
