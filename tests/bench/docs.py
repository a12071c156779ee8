"""The tables of docs/performance.md: written by the command that measured them, each between its own two marks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.contender import Name
from tests.bench.scenarios import Outcome
from tests.bench.table import shown

PAGE: Final = Path(__file__).parents[2] / "docs" / "performance.md"


def write(part: str, lines: Sequence[str], page: Path = PAGE) -> None:
    """Put the lines in the place of what stands between the marks of a part. Raises ValueError without them."""
    begin, end = f"<!-- bench: {part} -->\n", f"<!-- end: {part} -->\n"
    text = page.read_text()
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page} has no place for {part}: it needs the lines {begin!r} and {end!r}")
    page.write_text("".join([head, begin, "\n", *(f"{line}\n" for line in lines), "\n", end, tail]))


def table(title: str, outcomes: Mapping[Name, Sequence[Outcome]]) -> list[str]:
    """One scenario: first ours as a multiple of each other's, then the figures; medians, a line for each figure."""
    others = [name for name in outcomes if name != "ours"]
    heads = ["", *(f"ours : {name}" for name in others), *(str(name) for name in outcomes)]
    rows = [_row(figure, outcomes, others) for figure in outcomes["ours"][0].figures]
    return [f"**{title}**", "", _line(heads), _line(["---"] * len(heads)), *rows]


def _row(figure: str, outcomes: Mapping[Name, Sequence[Outcome]], others: Sequence[Name]) -> str:
    medians = {name: _median(figure, runs) for name, runs in outcomes.items()}
    ours = medians["ours"] or 0.0
    ratios = [_ratio(ours, medians[name]) for name in others]
    return _line([figure, *ratios, *(shown(medians[name]) for name in outcomes)])


def _median(figure: str, runs: Sequence[Outcome]) -> float | None:
    values = [run.figures[figure] for run in runs if figure in run.figures]
    return median(values) if values else None


def _ratio(ours: float, theirs: float | None) -> str:
    return f"{ours / theirs:.2f}" if ours and theirs else ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
