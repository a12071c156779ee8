"""Files share a message when they may, in the agent's order."""

from itertools import pairwise
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from relay.media.kinds import Native
from relay.steps import SendAlbum, SendFile
from relay.telegram.albums import regroup

TOGETHER = ({"photo", "video"}, {"audio"}, {"document"})


@given(st.lists(st.sampled_from(get_args(Native)), min_size=2, max_size=10))
def test_files_are_regrouped_by_what_they_are(kinds: list[Native]) -> None:
    """None is lost and none overtakes another; an album holds what may mix, and no neighbours could share one more."""
    items = [SendFile("photo", f"https://f.example/{number}", str(number)) for number in range(len(kinds))]
    groups = [step.items if isinstance(step, SendAlbum) else (step,) for step in regroup(items, kinds)]
    assert [item for group in groups for item in group] == items
    found = [{kinds[int(item.name)] for item in group} for group in groups]
    for group, its_kinds in zip(groups, found, strict=True):
        assert len(group) == 1 or any(its_kinds <= company for company in TOGETHER)
    for one, next_one in pairwise(found):
        assert not any(one | next_one <= company for company in TOGETHER)
