"""Simulated worlds keep the promises, and a seed is the same world each time."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from tests.simulation.world import play


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Of thousands of faults the relay logs each."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_world_in_which_everything_goes_wrong_keeps_the_promises(seed: int) -> None:
    """Kills, outages, hanging calls, lost answers, refusals and a full disk lose nothing and turn nothing round."""
    played = play(seed)
    assert played.verdict.held, str(played.verdict)
    assert played.messages >= 200
    assert sum(played.faults.values()) >= 3


def test_a_seed_is_the_same_world_each_time() -> None:
    """Whatever it was that failed, it fails again."""
    first, second = play(3), play(3)
    assert first.faults == second.faults
    assert first.seconds == second.seconds
    assert str(first.verdict) == str(second.verdict)
