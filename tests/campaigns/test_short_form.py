import random
from pathlib import Path

import pytest

from tests.campaigns.kills import campaign


@pytest.mark.timeout(120)
async def test_a_few_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    """Killed under load in both directions: nothing lost, nothing overtaken, at most one repeat a lane and kill."""
    ledger = await campaign(5, random.Random(7), tmp_path)  # noqa: S311 - a seed
    assert not +ledger.faults
    assert ledger.sent["to_kit"] > 300
