"""What keeps several relays on one database from spoiling each other's work is enough, and none of it is too much."""

import re
from pathlib import Path

import pytest

from tests.model.lanes import CURES, Cure, Fault, explore

_PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"

#: What goes wrong first without it.
WITHOUT: dict[Cure, Fault] = {
    "claim under a lock": "in two hands",
    "lane locked first": "order turned round",
    "lease checked": "order turned round",
    "trust ends first": "in two hands",
    "witnessed death": "an innocent buried",
}


def test_with_all_cures_nothing_goes_wrong() -> None:
    """All interleavings of two relays, a death or a cut, and the database restarted twice: no fault, nothing lost."""
    found = explore()
    assert found.faults == frozenset()
    assert found.worlds > 20_000


@pytest.mark.parametrize("cure", CURES)
def test_without_any_one_cure_something_does(cure: Cure) -> None:
    """So each of them is needed, and the search sees what it is for."""
    assert WITHOUT[cure] in explore(frozenset(CURES) - {cure}, until=WITHOUT[cure]).faults


def test_the_page_says_so() -> None:
    """The table in docs/reliability.md has each cure, and what goes wrong first without it."""
    rows = re.findall(r"^\| ([a-z ]+) \| ([a-z ]+) \|$", _PAGE.read_text(), flags=re.MULTILINE)
    assert {tuple(row) for row in rows} >= set(WITHOUT.items())
    assert set(WITHOUT) == set(CURES)
