"""When Kit's callbacks are said to fare well, and in which words they are said not to."""

import pytest

from relay.monitoring.callbacks import health_of
from relay.store.callbacks import Callbacks

NOW = 1_800_000_000.0
MINUTE, HOUR = 60.0, 3600.0


@pytest.mark.parametrize(
    ("callbacks", "ok"),
    [
        (Callbacks(), True),
        (Callbacks(NOW - HOUR), True),
        (Callbacks(None, NOW - MINUTE, 1), False),
        (Callbacks(NOW - HOUR, NOW - MINUTE, 1), False),
        # One that was taken is no proof yet: a channel may have two salts, one of them wrong.
        (Callbacks(NOW - 1, NOW - MINUTE, 1), False),
        (Callbacks(NOW - HOUR, NOW - 50 * MINUTE, 30), False),
        (Callbacks(NOW - 1, NOW - 11 * MINUTE, 30), True),
        (Callbacks(NOW - 12 * MINUTE, NOW - 11 * MINUTE, 30), False),
        (Callbacks(None, NOW - 2 * HOUR, 0), True),
    ],
)
def test_refused_ones_are_told_until_it_is_mended(callbacks: Callbacks, *, ok: bool) -> None:
    """For an hour; or until ten minutes have passed without one, if Kit has got through since."""
    assert health_of(callbacks, NOW).ok is ok


def test_it_says_how_many_how_long_ago_and_when_the_last_got_through() -> None:
    """On one line."""
    assert health_of(Callbacks(), NOW).reason == "none was ever taken"
    assert health_of(Callbacks(NOW - 90), NOW).reason == "the last was taken 2 min ago"
    assert health_of(Callbacks(None, NOW - 5, 1), NOW).reason == (
        "1 of Kit's was refused in the last hour, the last 5 s ago; none was ever taken"
    )
    assert health_of(Callbacks(NOW - 3 * 86400, NOW - 5, 12), NOW).reason == (
        "12 of Kit's were refused in the last hour, the last 5 s ago; the last was taken 3 d ago"
    )
