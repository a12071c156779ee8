"""A person is called once when something has lasted, once when it is over, and never in a stream."""

from itertools import pairwise

import pytest

from relay.monitoring.alerting import CALM, DeadCount, Trouble, Watch, of_dead, of_disk, of_health, of_starts
from relay.monitoring.health import Check, Health
from relay.store.alerts import Alert

NOW = 1_800_000_000.0
KIT = Trouble("kit", "kit", "", "no connection to Kit", 300.0)


def seen(watch: Watch, begin: float, end: float, troubles: list[Trouble], every: float = 15.0) -> list[Alert]:
    """What a watch says that looks every 15 s."""
    said: list[Alert] = []
    at = begin
    while at < end:
        said += watch.look(at, troubles)
        at += every
    return said


def test_a_side_that_is_down_for_five_minutes_is_told_once() -> None:
    """Not before, never again while it lasts, and its end once, with when it began."""
    watch = Watch()
    assert seen(watch, NOW, NOW + 299, [KIT]) == []
    [raised] = seen(watch, NOW + 300, NOW + 7200, [KIT])
    assert (raised.name, raised.since, raised.over_at) == ("kit", NOW, None)
    assert seen(watch, NOW + 7200, NOW + 7200 + CALM - 15, []) == []
    [over] = seen(watch, NOW + 7200 + CALM - 15, NOW + 9000, [])
    assert (over.since, over.over_at is not None) == (NOW, True)


def test_what_passes_by_itself_calls_nobody() -> None:
    """Four minutes of outage, again and again."""
    watch = Watch()
    for begin in range(0, 36_000, 600):
        assert seen(watch, NOW + begin, NOW + begin + 240, [KIT]) == []
        assert seen(watch, NOW + begin + 240, NOW + begin + 600, []) == []


def test_what_comes_and_goes_is_one_alert() -> None:
    """A minute of calm ends nothing: whoever flaps for an hour is told once, and its end once."""
    watch = Watch()
    said = seen(watch, NOW, NOW + 330, [KIT])
    for begin in range(330, 3600, 120):
        said += seen(watch, NOW + begin, NOW + begin + 60, [])
        said += seen(watch, NOW + begin + 60, NOW + begin + 120, [KIT])
    said += seen(watch, NOW + 3700, NOW + 4200, [])
    assert [alert.over_at is None for alert in said] == [True, False]


def test_a_restart_repeats_nothing() -> None:
    """What was raised by the process before is known, and its end is told by this one."""
    before = Watch()
    [raised] = seen(before, NOW, NOW + 600, [KIT])
    watch = Watch({raised.name: raised})
    assert seen(watch, NOW + 600, NOW + 1200, [KIT]) == []
    assert len(seen(watch, NOW + 1200, NOW + 1800, [])) == 1


def test_dead_letters_are_told_once_in_an_hour() -> None:
    """The first one calls; more of them do not; it is over an hour after the last, or when none lie there."""
    count, watch = DeadCount(died=7), Watch()
    said: list[Alert] = []
    for minute in range(200):
        died = 7 + min(minute, 30)
        said += watch.look(NOW + minute * 60, of_dead(count, died, died, NOW + minute * 60, "dead", ""))
    assert [alert.reason for alert in said][:1] == ["1 new, 8 in all; see relay dead list"]
    assert [alert.over_at is None for alert in said] == [True, False]
    assert said[1].over_at == pytest.approx(NOW + 90 * 60 + CALM, abs=60)
    assert of_dead(DeadCount(died=0), 3, 0, NOW, "dead", "") == []


def test_the_checks_and_warnings_of_each_channel_are_troubles() -> None:
    """Under the channel's name where there are several; a warning calls too."""
    health = Health(
        {"sales/kit": Check(ok=False, reason="down"), "support/kit": Check(ok=True, reason="fine")},
        {"support/callbacks": "3 were refused"},
    )
    labels = [("support/", "support"), ("sales/", "sales")]
    assert of_health(health, labels) == [
        Trouble("sales/kit", "kit", "sales", "down", 300.0),
        Trouble("support/callbacks", "callbacks", "support", "3 were refused"),
    ]
    alone = Health({"database": Check(ok=False, reason="cannot commit")}, {})
    assert of_health(alone, [("", "123")]) == [Trouble("database", "database", "", "cannot commit", 60.0)]


def test_a_disk_that_fills_and_a_relay_that_dies_are_troubles() -> None:
    """Half a gigabyte; three unclean ends in ten minutes, until the process has lived for ten."""
    assert of_disk(2**30) == []
    assert of_disk(2**28)[0].reason == "256 MB are free"
    assert [bool(of_starts(unclean, 5.0)) for unclean in range(5)] == [False, False, False, True, True]
    assert of_starts(3, 600.0) == []


def test_alerts_keep_their_order_in_time() -> None:
    """Whoever is over was raised before."""
    watch = Watch()
    said = seen(watch, NOW, NOW + 600, [KIT]) + seen(watch, NOW + 600, NOW + 900, [])
    said += seen(watch, NOW + 900, NOW + 1500, [KIT])
    assert all(later.over_at is not earlier.over_at for earlier, later in pairwise(said))
    assert len(said) == 3
