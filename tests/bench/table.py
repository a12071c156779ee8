"""The result, in plain text: medians of what was measured, the worst of what must not happen."""

from collections.abc import Mapping, Sequence
from statistics import median

from tests.bench.contender import NAMES, Name
from tests.bench.scenarios import Outcome

Outcomes = Mapping[Name, Sequence[Outcome]]
_ROW = "  {:<28}{:>12}{:>12}{:>9}"


def render(title: str, outcomes: Outcomes) -> str:
    """A table of one scenario."""
    columns = {name: _column(outcomes[name]) for name in NAMES}
    lines = [title, _ROW.format("", *NAMES, "ratio")]
    for row in columns["ours"]:
        ours, naive = (columns[name].get(row) for name in NAMES)
        ratio = f"{ours / naive:.2f}" if ours and naive else ""
        lines.append(_ROW.format(row, _shown(ours), _shown(naive), ratio).rstrip())
    return "\n".join(lines)


def broken(title: str, outcomes: Outcomes) -> list[str]:
    """Our promises that did not hold, in words."""
    worst = _worst(outcomes["ours"])
    return [f"{title}: {fault}: {times:,}" for fault, times in worst.items() if times]


def _column(outcomes: Sequence[Outcome]) -> dict[str, float]:
    medians = {name: median(outcome.figures[name] for outcome in outcomes) for name in outcomes[0].figures}
    return medians | _worst(outcomes)


def _worst(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return {name: max(outcome.faults[name] for outcome in outcomes) for name in outcomes[0].faults}


def _shown(figure: float | None) -> str:
    if figure is None:
        return "-"
    if isinstance(figure, int) or figure >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.2f}" if figure < 10 else f"{figure:.1f}"
