import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.delivery.pace import Pace


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    """Three at once, then one a second."""
    pace = Pace(1.0, burst=3)
    assert [pace.reserve(7, 0.0) for _ in range(6)] == [0, 0, 0, 1, 2, 3]


def test_chats_do_not_wait_for_each_other() -> None:
    """Each key has a pace of its own."""
    pace = Pace(1.0, burst=1)
    assert pace.reserve(7, 0.0) == 0
    assert pace.reserve(8, 0.0) == 0


def test_no_rate_means_no_wait() -> None:
    """A rate of 0 switches the limit off."""
    pace = Pace(0, burst=1)
    assert [pace.reserve(7, 0.0) for _ in range(100)] == [0.0] * 100


@given(st.lists(st.floats(0, 3), min_size=1, max_size=200), st.integers(1, 5))
def test_no_window_holds_more_than_burst_and_rate_allow(gaps: list[float], burst: int) -> None:
    """However the calls come, within T seconds at most burst + T of them leave."""
    pace, now, leaving = Pace(1.0, burst), 0.0, []
    for gap in gaps:
        now += gap
        leaving.append(now + pace.reserve(7, now))
    for first, start in enumerate(leaving):
        for last in range(first, len(leaving)):
            assert last - first + 1 <= burst + (leaving[last] - start) + 1e-6


def test_a_part_of_a_pace_has_a_part_of_its_burst() -> None:
    """And what is to be left of it for others is never more than there is of it."""
    pace = Pace(30.0, burst=5)
    pace.take_part(1 / 3)
    assert pace.reserve(0, 0.0) == 0.0
    assert pace.delay(0, 0.0) == pytest.approx(0.1)
    assert pace.delay(0, 0.0, keep=2) == pytest.approx(0.1)
