"""The result, in plain text: medians of what was measured, the worst of what must not happen."""

from collections.abc import Mapping, Sequence
from statistics import median

from tests.bench.contender import Name
from tests.bench.scenarios import Outcome

Outcomes = Mapping[Name, Sequence[Outcome]]
_FIRST, _COLUMN = 28, 16


def render(title: str, outcomes: Outcomes) -> str:
    """A table of one scenario."""
    columns = {name: _column(outcomes[name]) for name in outcomes}
    lines = [title, _row("", [str(name) for name in columns])]
    for row, ours in columns["ours"].items():
        lines.append(_row(row, [_beside(ours, column.get(row), name) for name, column in columns.items()]))
    return "\n".join(lines)


def _row(head: str, cells: Sequence[str]) -> str:
    return f"  {head:<{_FIRST}}" + "".join(f"{cell:>{_COLUMN}}" for cell in cells)


def _beside(ours: float, theirs: float | None, name: Name) -> str:
    """A figure of one of them, and in brackets ours as a multiple of it."""
    ratio = f" ({ours / theirs:.2f})" if name != "ours" and ours and theirs else ""
    return f"{shown(theirs)}{ratio}"


def broken(title: str, outcomes: Outcomes) -> list[str]:
    """Our promises that did not hold, in words."""
    worst = _worst(outcomes["ours"])
    return [f"{title}: {fault}: {times:,}" for fault, times in worst.items() if times]


def _column(outcomes: Sequence[Outcome]) -> dict[str, float]:
    medians = {name: median(outcome.figures[name] for outcome in outcomes) for name in outcomes[0].figures}
    return medians | _worst(outcomes)


def _worst(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return {name: max(outcome.faults[name] for outcome in outcomes) for name in outcomes[0].faults}


def shown(figure: float | None) -> str:
    """A figure with as many digits as say something."""
    if figure is None:
        return "-"
    if isinstance(figure, int) or figure >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.2f}" if figure < 10 else f"{figure:.1f}"
