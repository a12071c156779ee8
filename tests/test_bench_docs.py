"""The tables of the page about performance come from the command, and stand where it puts them."""

from pathlib import Path

import pytest

from tests.bench.__main__ import PARTS
from tests.bench.docs import PAGE, table, write
from tests.bench.scenarios import Outcome


@pytest.mark.parametrize("part", [part for part in PARTS if part != "mapping"])
def test_the_page_has_a_place_for_every_part(part: str, tmp_path: Path) -> None:
    """A part is written over what was there, twice the same, and touches nothing else."""
    page = tmp_path / "performance.md"
    page.write_text(PAGE.read_text())
    write(part, ["| new | table |"], page)
    once = page.read_text()
    write(part, ["| new | table |"], page)
    assert page.read_text() == once
    assert once.count("| new | table |") == 1
    assert [line for line in once.splitlines() if line.startswith("#")] == [
        line for line in PAGE.read_text().splitlines() if line.startswith("#")
    ]


def test_a_page_without_a_place_is_left_alone(tmp_path: Path) -> None:
    """A mark that somebody took away is named."""
    page = tmp_path / "page.md"
    page.write_text("<!-- bench: light -->\n")
    with pytest.raises(ValueError, match="no place for light"):
        write("light", [], page)
    assert page.read_text() == "<!-- bench: light -->\n"


def test_ratios_come_first_and_figures_are_medians() -> None:
    """One slow run changes nothing; what somebody did not measure is left out."""
    ours = [Outcome({"messages/s": value, "CPU %": 3.0}, {}) for value in (50.0, 100.0, 999.0)]
    bare = [Outcome({"messages/s": 200.0}, {})]
    assert table("Inbound", {"ours": ours, "bare": bare})[2:] == [
        "|  | ours : bare | ours | bare |",
        "| --- | --- | --- | --- |",
        "| messages/s | 0.50 | 100 | 200 |",
        "| CPU % |  | 3.00 | - |",
    ]
