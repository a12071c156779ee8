import random
import statistics
from pathlib import Path

import pytest

from tests.campaigns.drain import Backlog, drain
from tests.campaigns.isolation import PLACES, hanging_files, isolation
from tests.campaigns.kills import campaign


@pytest.mark.timeout(120)
async def test_a_few_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    """Killed under load in both directions: nothing lost, nothing overtaken, at most one repeat a lane and kill."""
    ledger = await campaign(5, random.Random(7), tmp_path)  # noqa: S311 - a seed
    assert not +ledger.faults
    assert ledger.sent["to_kit"] > 300


@pytest.mark.timeout(120)
async def test_a_backlog_drains_at_telegrams_pace_and_a_lone_answer_passes_it(tmp_path: Path) -> None:
    """Two hundred replies, two long rows among them: no 429, every chat in order, and who is alone waits for nobody."""
    drained = await drain(Backlog(200, 60, rows=2, row=7, every=0.7), tmp_path)
    assert (drained.too_many, dict(drained.faults)) == (0, {})
    assert drained.rate >= 20
    assert len(drained.lone) >= 4
    assert statistics.median(drained.lone) < 1


@pytest.mark.timeout(120)
async def test_a_chat_that_is_told_to_wait_waits_alone(tmp_path: Path) -> None:
    """The others go on meanwhile; the parked chat keeps its order, comes back in time, and no attempt is counted."""
    seen = await isolation(tmp_path, rounds=1, seconds=2.0, retry_after=2)
    assert seen.order
    assert (seen.too_early, seen.attempts) == (0, {1})
    assert seen.waited[0] >= 2
    assert seen.during >= 20


@pytest.mark.timeout(120)
async def test_slow_files_hold_up_no_word(tmp_path: Path) -> None:
    """Files for more chats than are carried at once drip from a slow server: a text arrives before any of them."""
    seen = await hanging_files(tmp_path, chats=80)
    assert seen.fetching == PLACES
    assert seen.took < 2
    assert seen.arrived == 80
